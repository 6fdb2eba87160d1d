"""Merging the sources obeys one order for every option."""

import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from option_values import TEXTS

from modelwatch.config.load import load
from modelwatch.config.options import OPTIONS

SOURCES = ("flag", "variable", "variable's file", "gradient's variable", "yaml", "options file", "project file")
"""Strongest first."""

_PROJECT_KEYS = {"modelType": "type", "modelPath": "path"}


def possible(option):
    """Return the sources that can say something about an option."""
    return [
        source
        for source in SOURCES
        if (source != "gradient's variable" or option.variables) and (source != "project file" or option.name in _PROJECT_KEYS)
    ]


@st.composite
def sayings(draw):
    """Draw an option and what some sources say of it: source → which of its two values."""
    option = draw(st.sampled_from(OPTIONS))
    return option, draw(st.dictionaries(st.sampled_from(possible(option)), st.integers(0, 1), min_size=1))


def parsed(option, text):
    """Return the value that a text means."""
    return (option.parse(text),) if option.repeated else option.parse(text)


@given(sayings(), st.booleans())
def test_the_strongest_source_decides(tmp_path_factory, said, kebab):
    """Whatever sources say about an option, the value and the origin are those of the strongest."""
    option, said = said
    folder = tmp_path_factory.mktemp("merge")
    text = {source: TEXTS[option.name][which] for source, which in said.items()}
    flags = {option.name: (text["flag"],)} if "flag" in text else {}
    environment = {}
    if "variable" in text:
        environment[option.variable] = text["variable"]
    if "variable's file" in text:
        (folder / "value").write_text(text["variable's file"] + "\n", encoding="utf-8")
        environment[f"{option.variable}_FILE"] = str(folder / "value")
    if "gradient's variable" in text:
        environment[option.variables[0]] = text["gradient's variable"]
    for source, name in (("yaml", "modelwatch.yaml"), ("options file", "options.yml")):
        if source in text:
            key = option.kebab if kebab else option.name
            (folder / name).write_text(yaml.safe_dump({key: text[source]}), encoding="utf-8")
    if "options file" in text:
        environment["MODELWATCH_OPTIONS_FILE"] = "options.yml"
    if "project file" in text:
        (folder / ".ps_project").mkdir()
        model = {"model": {_PROJECT_KEYS[option.name]: text["project file"]}}
        (folder / ".ps_project" / "config.yaml").write_text(yaml.safe_dump(model), encoding="utf-8")

    loaded = load(flags, environment, str(folder))

    strongest = next(source for source in SOURCES if source in said)
    assert loaded.values[option.name] == parsed(option, text[strongest])
    assert {
        "flag": f"flag --{option.name}",
        "variable": f"environment {option.variable}",
        "variable's file": f"environment {option.variable}_FILE ({folder / 'value'})",
        "gradient's variable": f"environment {(*option.variables, '')[0]}",
        "yaml": f"{folder / 'modelwatch.yaml'} line 1",
        "options file": f"{folder / 'options.yml'} line 1",
        "project file": f"{folder / '.ps_project' / 'config.yaml'} line 2",
    }[strongest] == loaded.origins[option.name]
    assert not loaded.warnings


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_the_default_comes_last(tmp_path, option):
    """Of an option that nobody names, the origin is its default."""
    assert load({}, {}, str(tmp_path)).origins[option.name] == "default"


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.repeated], ids=lambda option: option.name)
def test_lists_are_not_joined(tmp_path, option):
    """Of an option that may be given several times, the strongest source's values are all there is."""
    (tmp_path / "modelwatch.yaml").write_text(yaml.safe_dump({option.name: ["from", "yaml"]}), encoding="utf-8")

    def value(*texts):
        return tuple(option.parse(text) for text in texts)

    assert load({}, {}, str(tmp_path)).values[option.name] == value("from", "yaml")
    assert load({}, {option.variable: "a, b,"}, str(tmp_path)).values[option.name] == value("a", "b")
    assert load({option.name: ("one", "two")}, {option.variable: "a"}, str(tmp_path)).values[option.name] == value("one", "two")


def test_names_do_not_collide():
    """No two options share a spelling or a variable, and no option's variable is another's file of a value."""
    spellings = [word for option in OPTIONS for word in {option.name, option.kebab}]
    variables = [name for option in OPTIONS for name in (option.variable, f"{option.variable}_FILE", *option.variables)]
    assert len(spellings) == len(set(spellings))
    assert len(variables) == len(set(variables))


def test_relative_paths_start_at_the_working_directory(tmp_path, monkeypatch):
    """Every path of the settings is absolute, dots are resolved and a tilde is the home folder; addresses are left alone."""
    flags = {
        "modelPath": ("m/../models",),
        "repository": ("~/r",),
        "logDir": ("logs", "/l"),
        "stateDir": ("s",),
        "logFile": ("f",),
    }
    settings = load(flags, {}, str(tmp_path)).settings
    assert settings.model_path == str(tmp_path / "models")
    assert settings.repository == os.path.expanduser("~/r")  # noqa: PTH111 - the other way to say it
    assert settings.log_dirs == (str(tmp_path / "logs"), "/l")
    assert (settings.state_dir, settings.log_file) == (str(tmp_path / "s"), str(tmp_path / "f"))
    assert load({"repository": ("http://r/x/../y",)}, {}, str(tmp_path)).settings.repository == "http://r/x/../y"
