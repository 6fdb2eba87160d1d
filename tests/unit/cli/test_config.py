"""`modelwatch config`: what is in force, who said so, and a file to begin with."""

import json

import pytest

from modelwatch.cli.main import main
from modelwatch.config.document import annotated_yaml
from modelwatch.config.options import OPTIONS


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder, which is returned."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(capsys, *words):
    """Return the rows that `config show` prints: option → the rest of its line."""
    assert main(["config", "show", *words]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    return {line.split()[0]: line.partition(" ")[2].strip() for line in lines}


def test_every_option_is_shown(capsys):
    """One line each, with its value or, in brackets, what happens without one."""
    rows = shown(capsys, "--settleTime", "90s", "--modelName", "digits")
    assert list(rows) == [option.name for option in OPTIONS]
    assert (rows["modelName"], rows["settleTime"], rows["modelType"]) == ("digits", "90s", "(auto)")


def test_the_origin_is_shown_on_request(capsys, here, monkeypatch):
    """Flag, variable, file with line, or default."""
    (here / "modelwatch.yaml").write_text("# mine\nteam: red\n", encoding="utf-8")
    monkeypatch.setenv("PS_JOB_ID", "j1")
    rows = shown(capsys, "--origin", "--model-name=digits")
    assert rows["modelName"].endswith("flag --modelName")
    assert rows["runId"].endswith("environment PS_JOB_ID")
    assert rows["team"].endswith(f"{here}/modelwatch.yaml line 2")
    assert rows["storage"].endswith("default")


def test_programs_get_values_origins_and_warnings(capsys, monkeypatch):
    """The JSON holds what the table does, untouched by formatting."""
    monkeypatch.setenv("MODELWATCH_IGNORE", "*.tmp,a b")
    monkeypatch.setenv("MODELWATCH_TEEM", "x")
    assert main(["config", "show", "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert read["options"]["ignore"] == {"value": ["*.tmp", "a b"], "origin": "environment MODELWATCH_IGNORE"}
    assert read["options"]["settleTime"] == {"value": 2.0, "origin": "default"}
    assert read["options"]["modelPath"]["origin"] == "default"
    assert len(read["warnings"]) == 1


def test_a_misspelled_variable_is_warned_of(capsys, monkeypatch):
    """On standard error, beside the table."""
    monkeypatch.setenv("MODELWATCH_TEAMS", "x")
    assert main(["config", "show"]) == 0
    assert "did you mean MODELWATCH_TEAM?" in capsys.readouterr().err


def test_secrets_are_masked(capsys, monkeypatch):
    """Neither table nor JSON nor a problem shows the value of a secret option."""
    team = next(option for option in OPTIONS if option.name == "team")
    monkeypatch.setattr(type(team), "secret", property(lambda option: option.name == "team"))
    for words in ([], ["--json"], ["--origin"]):
        assert main(["config", "show", "--team", "hunter2", *words]) == 0
        assert main(["config", "show", "--team", "hunter2\a", *words]) == 78
    output = capsys.readouterr()
    assert "hunter2" not in output.out + output.err
    assert "(secret)" in output.out
    assert "(secret)" in output.err


def test_control_characters_do_not_reach_the_terminal(capsys):
    """A value may be anybody's text."""
    assert main(["config", "show", "--notes", "a\x1b[2Jb"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_the_example_is_the_annotated_file(capsys):
    """`modelwatch config example > modelwatch.yaml` is how to begin."""
    assert main(["config", "example"]) == 0
    assert capsys.readouterr().out == annotated_yaml()
