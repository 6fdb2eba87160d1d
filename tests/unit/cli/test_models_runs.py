"""`modelwatch models runs`, run as the command line runs it."""

import contextlib
import json
import re
import time
from dataclasses import replace

import pytest
from repositories import add_version, new_repository
from thread_server import thread_server

from modelwatch.cli.main import main
from modelwatch.core.entities import RunState
from modelwatch.testing.sink_contract import make_report


@pytest.fixture
def repository(tmp_path):
    """A repository with three runs: one that goes on, one that has ended, and one of which nothing more was heard."""
    repository = new_repository(tmp_path / "repository")
    now = time.time()
    series = make_report(last_step=50).series[0]
    curves = (series, replace(series, tag="loss", axis="step"))
    alive = replace(make_report(run="alive"), series=curves, started=now - 100, updated=now - 5)
    repository.report(alive)
    repository.report(replace(alive, run="ended", state=RunState.ENDED, reason="the trainer has ended", updated=1000.0))
    repository.report(replace(alive, run="killed", updated=now - 1000))
    return repository


@pytest.fixture(params=["folder", "server"])
def call(request, tmp_path, capsys, repository):
    """Return a function that runs `models runs` with some words, beside the folder and through a server, and gives exit code and what it prints."""
    with contextlib.ExitStack() as stack:
        address = str(tmp_path / "repository")

        def call(*words):
            nonlocal address
            if request.param == "server" and "://" not in address:
                address = stack.enter_context(thread_server(tmp_path / "repository")).url
            code = main(["models", "runs", *words, "--repository", address])
            printed = capsys.readouterr()
            return code, printed.out, printed.err

        yield call


def test_one_line_a_run(call):
    """Whether each goes on, since when, how far it is, and how much it has logged and saved; the model need have no version."""
    code, out, err = call("digits")
    heading, *lines = [re.split(r"\s{2,}", line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert heading == ["run", "host", "state", "started", "updated", "step", "series", "checkpoints"]
    assert {line[0]: line[2] for line in lines} == {"alive": "training", "ended": "ended", "killed": "silent"}
    assert {tuple(line[5:]) for line in lines} == {("50", "2", "2")}


def test_a_run_is_shown_with_its_curves_and_checkpoints(call):
    """The facts, the last value of each curve and on what axis, and what became of each checkpoint and why; nothing breaks a terminal."""
    code, out, _ = call("digits", "ended")
    assert code == 0
    assert "ended: the trainer has ended" in out
    assert "LEARNING_RATE  0.01" in out
    lines = [re.split(r"\s{2,}", line) for line in out.splitlines()]
    assert ["loss", "train", "0.3333", "epoch 50", "6", "train", "epoch_loss"] in lines
    assert ["loss", "train", "0.3333", "step 50", "6", "train", "loss"] in lines
    assert ["model.ckpt-10", "JOURNALLED", "10", "1"] in lines
    assert any(line[-1] == "removed before it was copied" and line[1] == "GONE" for line in lines)


def test_json_of_all_runs_has_counts(call):
    """No curves, which are long; times as everywhere."""
    code, out, _ = call("digits", "--json")
    [run] = [run for run in json.loads(out)["runs"] if run["run"] == "killed"]
    assert code == 0
    assert (run["state"], run["silent"], run["step"], run["series"], run["checkpoints"]) == ("training", True, 50, 2, 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", run["updated"])


def test_json_of_one_run_has_everything(call):
    """Points as charts take them, numbers that JSON cannot hold as strings, and the name that is not UTF-8 whole."""
    code, out, _ = call("digits", "ended", "--json")
    run = json.loads(out)
    assert code == 0
    assert (run["state"], run["silent"], run["updated"]) == ("ended", False, "1970-01-01T00:16:40.000Z")
    assert run["series"][1]["points"][:3] == [[0, 1000.5, "NaN"], [10, 1010.5, "-Infinity"], [20, 1020.5, 1 / 3]]
    assert [checkpoint["version"] for checkpoint in run["checkpoints"]] == [1, None]
    assert run["checkpoints"][1]["root"] == "\udcff \N{SNOWMAN}.keras"
    assert run["checkpoints"][1]["seen"] == "1970-01-01T00:16:52.000Z"


def test_a_model_whose_runs_told_nothing(call, repository, tmp_path):
    """It is no error: an upload has no run."""
    add_version(repository, tmp_path, model="uploaded")
    assert call("uploaded")[:2] == (0, "no run of it has told anything\n")
    assert json.loads(call("uploaded", "--json")[1]) == {"runs": []}


@pytest.mark.parametrize(
    ("words", "said"), [(("digit",), "no model 'digit'"), (("digits", "x"), "there are: alive, ended, killed")]
)
def test_what_is_not_there_is_named(call, words, said):
    """Exit code and text of what cannot be found, with what there is."""
    code, out, err = call(*words)
    assert (code, out) == (66, "")
    assert said in err
