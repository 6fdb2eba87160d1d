"""What agents told of runs, as the repository keeps and shows it."""

import json

import pytest
from repositories import TEAM, add_version, new_repository

from modelwatch.core.errors import NotFoundError, PermanentError, TransientError
from modelwatch.testing.sink_contract import make_report

RUNS = "models/default/digits/runs"


@pytest.fixture
def repository(tmp_path):
    """A new repository."""
    return new_repository(tmp_path / "repository")


def runs(repository, model="digits"):
    """Return the names of the runs that are shown of a model."""
    return [report.run for report in repository.runs(model, team=TEAM)]


def test_a_run_is_one_document_that_holds_the_latest_report(repository):
    """Ten reports leave one file, with the last of them in it and nothing beside it."""
    for step in range(10, 110, 10):
        repository.report(make_report(last_step=step))
    [path] = (repository.root / RUNS).iterdir()
    assert path.name == "run-1.json"
    assert repository.run("digits", "run-1", team=TEAM).updated == 1100.0
    assert json.loads(path.read_bytes())["series"][0]["points"][-1][0] == 100


def test_runs_are_in_the_order_in_which_they_started(repository):
    """Whatever their names are, and whatever a file system makes of them."""
    for run in ("b", "A/ü", "con"):
        repository.report(make_report(run=run))
    assert runs(repository) == ["A/ü", "b", "con"]
    assert [repository.run("digits", run, team=TEAM).run for run in runs(repository)] == runs(repository)


def test_a_run_is_found_by_the_models_id(repository, tmp_path):
    """As everything of a model is."""
    add_version(repository, tmp_path)
    repository.report(make_report())
    identifier = repository.model("digits", team=TEAM).id
    assert runs(repository, identifier) == ["run-1"]
    assert repository.run(identifier, "run-1", team=TEAM).model == "digits"


def test_a_training_without_a_checkpoint_is_seen_and_is_no_model(repository):
    """Its run can be read, while no list has a model of that name, and nothing about it is a problem."""
    repository.report(make_report())
    assert runs(repository) == ["run-1"]
    assert repository.listing().models == ()
    assert repository.problems() == ()
    with pytest.raises(NotFoundError):
        repository.model("digits", team=TEAM)


def test_what_is_not_there_is_said(repository, tmp_path):
    """No such model, no such run, a model whose runs have not reported: three answers."""
    with pytest.raises(NotFoundError, match="no model 'digits'"):
        repository.runs("digits", team=TEAM)
    with pytest.raises(NotFoundError, match="no model 'digits'"):
        repository.run("digits", "run-1", team=TEAM)
    add_version(repository, tmp_path)
    assert runs(repository) == []
    with pytest.raises(NotFoundError, match="a run ''") as caught:
        repository.run("digits", "", team=TEAM)
    assert caught.value.hint == "none has reported"
    repository.report(make_report(run="run-2"))
    with pytest.raises(NotFoundError, match="run-1") as caught:
        repository.run("digits", "run-1", team=TEAM)
    assert caught.value.hint == "there are: run-2"


def test_teams_do_not_see_each_others_runs(repository):
    """A model of the same name is another one."""
    repository.report(make_report())
    with pytest.raises(NotFoundError):
        repository.runs("digits", team="others")


def test_the_runs_of_a_deleted_model_are_not_shown(repository, tmp_path):
    """Neither while the name is free, nor in a new model of that name; what is told after the deletion is shown."""
    add_version(repository, tmp_path, step=1)
    repository.report(make_report(run="old"))
    repository.delete_model("digits", team=TEAM)
    with pytest.raises(NotFoundError):
        repository.runs("digits", team=TEAM)
    repository.report(make_report(run="new"))
    assert runs(repository) == ["new"]
    add_version(repository, tmp_path, step=2)
    assert runs(repository) == ["new"]
    with pytest.raises(NotFoundError, match="'old'"):
        repository.run("digits", "old", team=TEAM)
    repository.report(make_report(run="old"))
    assert sorted(runs(repository)) == ["new", "old"]


def test_a_restored_model_has_its_runs_again(repository, tmp_path):
    """Collecting garbage takes them only once the model cannot be restored any more, and never what was told since."""
    add_version(repository, tmp_path)
    repository.report(make_report(run="old"))
    repository.delete_model("digits", team=TEAM, keep_seconds=3600.0)
    repository.report(make_report(run="new"))
    repository.collect_garbage()
    assert runs(repository) == ["new"]
    repository.restore_model("digits", team=TEAM)
    assert runs(repository) == ["new", "old"]
    repository.report(make_report(run="newest"))
    repository.delete_model("digits", team=TEAM)
    (repository.root / RUNS / "torn.json").write_text("{")
    repository.report(make_report(run="last"))
    repository.collect_garbage()
    assert sorted(path.name for path in (repository.root / RUNS).iterdir()) == ["last.json", "torn.json"]


def test_deleting_versions_leaves_the_runs(repository, tmp_path):
    """Whoever thins out the checkpoints keeps the curves."""
    add_version(repository, tmp_path)
    repository.report(make_report())
    repository.delete_version("digits", "1", team=TEAM)
    repository.collect_garbage()
    assert runs(repository) == ["run-1"]


def test_collecting_garbage_leaves_reports_alone(repository):
    """Even of a model that has nothing else."""
    repository.report(make_report())
    repository.collect_garbage()
    assert runs(repository) == ["run-1"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"after":"","run":"x"}', '{"after":0}', "\xff"])
def test_what_cannot_be_read_is_as_if_it_were_not_there(repository, text):
    """A torn or foreign document hides no other run, and the next report heals it."""
    for run in ("run-1", "run-2"):
        repository.report(make_report(run=run))
    path = repository.root / RUNS / "run-1.json"
    path.write_text(text, encoding="latin-1")
    (path.parent / "notes.txt").write_text("somebody's")
    (path.parent / "folder.json").mkdir()
    assert runs(repository) == ["run-2"]
    repository.report(make_report(run="run-1"))
    assert runs(repository) == ["run-1", "run-2"]


def test_a_report_without_a_name_is_refused_for_good(repository):
    """It can never be put anywhere."""
    with pytest.raises(PermanentError, match="empty"):
        repository.report(make_report(model=""))


def test_a_lost_mount_is_noticed(repository, tmp_path):
    """A report is not written below the mount point of a volume that is gone."""
    repository.root.rename(tmp_path / "elsewhere")
    with pytest.raises(TransientError, match="gone"):
        repository.report(make_report())
    assert not repository.root.exists()
