"""However an option is spelled and wherever it stands, the same text is the same value."""

import pytest
import yaml
from option_values import TEXTS

from modelwatch.cli.arguments import flags_of, loaded_of
from modelwatch.cli.main import build_parser
from modelwatch.config.load import load
from modelwatch.config.options import OPTIONS


def from_words(*words):
    """Return what the real command line makes of these words."""
    return loaded_of(build_parser(["config"]).parse_args(["config", "show", *words]))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_spelling_reaches_the_same_value(option, which, tmp_path, monkeypatch):
    """As flags in camelCase and kebab-case, joined or apart; as variables and their files; as YAML keys in both cases."""
    monkeypatch.chdir(tmp_path)
    text = TEXTS[option.name][which]
    (tmp_path / "value").write_text(f"{text}\n", encoding="utf-8")
    values = [
        from_words(f"--{option.name}={text}").values[option.name],
        from_words(f"--{option.kebab}={text}").values[option.name],
        from_words(f"--{option.name}", text).values[option.name],
        load({}, {option.variable: text}, str(tmp_path)).values[option.name],
        load({}, {f"{option.variable}_FILE": "value"}, str(tmp_path)).values[option.name],
    ]
    values += [load({}, {variable: text}, str(tmp_path)).values[option.name] for variable in option.variables]
    for key in (option.name, option.kebab):
        (tmp_path / "modelwatch.yaml").write_text(yaml.safe_dump({key: text}), encoding="utf-8")
        values.append(load({}, {}, str(tmp_path)).values[option.name])
    assert all(value == values[0] for value in values), values
    assert (option.parse(text),) == (values[0] if option.repeated else (values[0],))


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_another_process_that_is_given_the_flags_reads_the_same(option, tmp_path, monkeypatch):
    """The agent of `modelwatch run` is started with what `flags_of` makes of the entrypoint's options."""
    monkeypatch.chdir(tmp_path)
    command = "serve" if option.group == "server" else "watch"
    words = [f"--{option.kebab}", TEXTS[option.name][0], f"--{option.name}={TEXTS[option.name][1]}"]
    arguments = build_parser([command]).parse_args([command, *words])
    again = build_parser([command]).parse_args([command, *flags_of(arguments)])
    assert loaded_of(again).values == loaded_of(arguments).values
