"""Models that are called otherwise, and all the names that lead to them."""

import json
import os
import threading
from dataclasses import replace

import pytest
from repositories import TEAM, add_version, new_repository

from modelwatch.core.entities import Amendment, ModelType
from modelwatch.core.errors import NotFoundError, StateError, TransientError, UsageError
from modelwatch.repository import repository as of_commands
from modelwatch.repository.experiments import delete_experiment, experiments
from modelwatch.repository.layout import Place
from modelwatch.repository.renaming import lead
from modelwatch.repository.runs import move_reports, write_report
from modelwatch.repository.uploading import Upload, files_to_upload, upload
from modelwatch.testing.sink_contract import make_metric, make_registration, make_report, make_snapshot

NAMES = ("digits", "Numbers/2")


@pytest.fixture
def repository(tmp_path):
    """A repository with a model of one version."""
    repository = new_repository(tmp_path / "repository")
    add_version(repository, tmp_path, step=1)
    return repository


def names(repository):
    """Return the names of all models."""
    return [model.name for model in repository.models(TEAM)]


def test_a_renamed_model_keeps_its_id_and_is_found_by_every_name(repository):
    """There is one model, under its new name, and its id and both names find it."""
    before = repository.model("digits", team=TEAM)
    renamed = repository.rename("digits", "Numbers/2", team=TEAM)
    assert (renamed.id, renamed.name, renamed.versions) == (before.id, "Numbers/2", before.versions)
    assert repository.models() == (renamed,)
    for name in (before.id, *NAMES):
        assert repository.model(name, team=TEAM) == renamed


@pytest.mark.parametrize("name", NAMES)
def test_whatever_comes_under_either_name_reaches_the_model(repository, tmp_path, name):
    """Registrations, uploads, amendments, reports, aliases, tags and notes are of the same model, by its old and its new name."""
    repository.rename("digits", "Numbers/2", team=TEAM)
    snapshot = make_snapshot(tmp_path / "s", {"a": b"1"})
    registration = make_registration(snapshot.manifest, model=name, step=2)
    assert [repository.register(registration, snapshot).version for _ in range(2)] == ["2", "2"]
    assert repository.register_stored(replace(registration, root="stored")).version == "3"
    request = Upload(TEAM, name, "a", str(tmp_path), files_to_upload(tmp_path / "s" / "a"), ModelType.CUSTOM)
    assert upload(repository, request, advance=lambda _count: None).version == "4"
    repository.amend(Amendment(TEAM, name, registration.key, (make_metric("loss", 0.25),)))
    repository.report(make_report(model=name))
    repository.tag(name, ("ours",), team=TEAM)
    repository.note(name, "noted", team=TEAM, version="2")
    repository.set_alias(name, "best", "2", team=TEAM)

    (model,) = repository.models()
    assert (model.name, model.tags) == ("Numbers/2", ("ours",))
    assert [version.number for version in model.versions] == [1, 2, 3, 4]
    for other in NAMES:
        best = repository.version(other, "best", team=TEAM)
        assert (best.number, best.notes, best.registration.metrics[0].value) == (2, "noted", 0.25)
        assert [report.run for report in repository.runs(other, team=TEAM)] == ["run-1"]


def test_a_training_that_goes_on_under_the_old_name_is_answered_as_before(repository, tmp_path):
    """A registration that was delivered before the renaming and is again has the same receipt, deleted or not."""
    repository.rename("digits", "numbers", team=TEAM)
    assert add_version(repository, tmp_path, step=1).version == "1"
    repository.delete_version("numbers", "1", team=TEAM)
    assert add_version(repository, tmp_path, step=1).version == "1"
    assert repository.model("numbers", team=TEAM).versions == ()


def test_a_model_can_have_many_names_and_go_back_to_an_earlier_one(repository):
    """Each of its names leads to it, whichever it is called by."""
    for name in ("b", "c", "digits", "b"):
        assert repository.rename("digits", name, team=TEAM).name == name
        assert names(repository) == [name]
        for any_name in ("b", "digits"):
            assert repository.model(any_name, team=TEAM).name == name


def test_renaming_to_the_name_it_has_writes_nothing(repository):
    """Neither under its first name nor under a later one does a repeated request add an event."""
    folder = repository.root / "models/default/digits/events"
    repository.rename("digits", "digits", team=TEAM)
    assert not folder.exists()
    for _ in range(2):
        repository.rename("digits", "b", team=TEAM)
    assert len(list(folder.iterdir())) == 1


def test_a_taken_name_is_refused_and_says_by_whom(repository, tmp_path):
    """Another model's name, one that it had before, and that of a deleted model all lead elsewhere."""
    add_version(repository, tmp_path, model="other")
    add_version(repository, tmp_path, model="gone")
    repository.rename("other", "another", team=TEAM)
    repository.delete_model("gone", team=TEAM)
    for name, message in {
        "another": "there is a model 'another' already",
        "other": "leads to model 'another'",
        "gone": "a model that was deleted",
        "": "needs a name",
    }.items():
        with pytest.raises(UsageError, match=message):
            repository.rename("digits", name, team=TEAM)
    assert names(repository) == ["another", "digits"]


def test_a_name_whose_first_version_is_being_registered_is_taken(repository, tmp_path):
    """A claim without a number belongs to a model to come."""
    add_version(repository, tmp_path, model="coming")
    (repository.root / "models/default/coming/versions/00000001.json").unlink()
    with pytest.raises(UsageError):
        repository.rename("digits", "coming", team=TEAM)
    assert add_version(repository, tmp_path, model="coming").version == "1"


def runs_below(repository):
    """Return the model part of every report's path."""
    return [path.parts[-3] for path in repository.root.glob("models/default/*/runs/*.json")]


def test_a_name_that_only_runs_were_told_of_is_free(repository):
    """A training that never registered keeps no name from anybody; what it told, and goes on to tell, is of the model that has its name now."""
    repository.report(make_report(model="numbers", run="run-1"))
    repository.report(make_report(model="numbers", run="run-2"))
    assert repository.rename("digits", "numbers", team=TEAM).name == "numbers"
    repository.report(make_report(model="numbers", run="run-3"))
    for name in ("digits", "numbers"):
        assert [report.run for report in repository.runs(name, team=TEAM)] == ["run-1", "run-2", "run-3"]
    assert runs_below(repository) == ["digits"] * 3


def test_a_training_under_the_name_that_a_restored_model_takes_is_its_own(repository):
    """The deletion was before the training joined it: it is not of what is gone."""
    repository.delete_model("digits", team=TEAM, keep_seconds=1000)
    repository.restore_model("digits", team=TEAM)
    repository.report(make_report(model="numbers"))
    repository.rename("digits", "numbers", team=TEAM)
    assert [report.run for report in repository.runs("numbers", team=TEAM)] == ["run-1"]


@pytest.mark.parametrize("during", [lead, move_reports])
def test_a_report_that_is_told_during_a_rename_is_not_lost(repository, monkeypatch, during):
    """Whether the name leads to the model already or not: the earlier report does not take the place of the later."""
    repository.report(replace(make_report(model="numbers"), updated=100.0))
    other = threading.Thread(target=repository.report, args=(replace(make_report(model="numbers"), updated=200.0),))

    def meanwhile(*args):
        other.start()
        return during(*args)

    monkeypatch.setattr(of_commands, during.__name__, meanwhile)
    repository.rename("digits", "numbers", team=TEAM)
    other.join()
    assert [report.updated for report in repository.runs("digits", team=TEAM)] == [200.0]
    assert runs_below(repository) == ["digits"]


def test_what_was_told_long_ago_stays_so(repository):
    """A run that comes with a name is not heard of now, and nothing that is known of it is lost."""
    repository.report(make_report(model="numbers"))
    (path,) = repository.root.glob("models/default/numbers/runs/*.json")
    path.write_text(json.dumps({**json.loads(path.read_text("ascii")), "of a newer release": 1}), "ascii")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    repository.rename("digits", "numbers", team=TEAM)
    (moved,) = repository.root.glob("models/default/digits/runs/*.json")
    assert (moved.stat().st_mtime, json.loads(moved.read_text("ascii"))["of a newer release"]) == (1_000_000_000, 1)


def test_a_report_that_cannot_be_read_stays_where_it_is(repository):
    """Nobody knows whose it is."""
    repository.report(make_report(model="numbers"))
    (path,) = repository.root.glob("models/default/numbers/runs/*.json")
    path.write_text("{", "ascii")
    repository.rename("digits", "numbers", team=TEAM)
    assert path.read_text("ascii") == "{"


def test_the_later_report_of_a_run_stays(repository):
    """Whoever was killed in a renaming left the same run in both places."""
    repository.rename("digits", "numbers", team=TEAM)
    own = Place.of(TEAM, "numbers")
    for here, there in ((100.0, 200.0), (200.0, 100.0)):
        write_report(repository.storage, own, replace(make_report(model="numbers"), updated=here))
        write_report(repository.storage, Place.of(TEAM, "digits"), replace(make_report(model="numbers"), updated=there))
        repository.rename("digits", "numbers", team=TEAM)
        assert [report.updated for report in repository.runs("digits", team=TEAM)] == [200.0]
        assert runs_below(repository) == ["digits"]


def test_unknown_models_cannot_be_renamed(repository):
    """And the new name stays free."""
    with pytest.raises(NotFoundError):
        repository.rename("digit", "numbers", team=TEAM)
    assert not (repository.root / "models/default/numbers").exists()


def test_a_name_outlives_a_deletion(repository, tmp_path):
    """A restored model has its last name, and so has what is registered under any of its names after it was deleted."""
    repository.rename("digits", "numbers", team=TEAM)
    repository.delete_model("numbers", team=TEAM, keep_seconds=1000)
    assert repository.restore_model("digits", team=TEAM).name == "numbers"
    repository.delete_model("numbers", team=TEAM)
    add_version(repository, tmp_path, step=2)
    assert names(repository) == ["numbers"]


def test_names_too_long_for_a_file_lead_to_the_model_too(repository):
    """What is cut in the directory's name is whole in the event."""
    long = "long " * 100
    assert repository.rename("digits", long, team=TEAM).name == long
    assert repository.model(long, team=TEAM).name == long
    assert repository.rename(long, "short", team=TEAM).name == "short"


def test_versions_of_experiments_are_deleted_whatever_their_model_is_called(repository, tmp_path):
    """An experiment's versions are found by the model's id, not by its name then."""
    add_version(repository, tmp_path, step=2, experiment="e2")
    found = experiments(repository, TEAM)
    repository.rename("digits", "numbers", team=TEAM)
    for each in found:
        for model, version in each.versions:
            repository.delete_versions_of(model, (version,))
    assert repository.model("numbers", team=TEAM).versions == ()
    with pytest.raises(NotFoundError):
        delete_experiment(repository, "e2", TEAM)


# ------------------------------------------------------------------------------------------------------------ who comes first


def test_of_many_who_want_a_name_one_has_it(repository, tmp_path):
    """Whoever is first is called so; everybody else is told, and keeps the name."""
    models = [f"m{number}" for number in range(6)]
    for model in models:
        add_version(repository, tmp_path, model=model)
    barrier = threading.Barrier(len(models))
    refused = []

    def rename(model):
        barrier.wait()
        try:
            repository.rename(model, "best", team=TEAM)
        except UsageError:
            refused.append(model)

    threads = [threading.Thread(target=rename, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == len(models) - 1
    assert set(names(repository)) == {"digits", "best", *refused}
    assert repository.model("best", team=TEAM).id == repository.model(*set(models) - set(refused), team=TEAM).id


def test_a_registration_that_a_rename_overtakes_goes_to_the_renamed_model(repository, tmp_path, monkeypatch):
    """Between the look at a name and the lock of its place the name may be given away; nothing is registered beside it then."""
    changing_model = repository.changing_model
    own = Place.of(TEAM, "numbers")

    def overtaken(place):
        if place == own:
            lead(repository.storage, own, Place.of(TEAM, "digits"))
        return changing_model(place)

    monkeypatch.setattr(repository, "changing_model", overtaken)
    assert add_version(repository, tmp_path, model="numbers", step=2).version == "2"
    assert [version.number for version in repository.model("digits", team=TEAM).versions] == [1, 2]


def test_what_a_program_that_knows_no_renames_registers_is_shown(repository, tmp_path):
    """It makes a model of its own under the new name: nothing is lost, the name finds the renamed one, and the id the other."""
    other = add_version(repository, tmp_path, model="elsewhere")
    repository.rename("digits", "numbers", team=TEAM)
    (repository.root / "models/default/elsewhere/versions").rename(repository.root / "models/default/numbers/versions")
    assert other.version == "1"
    digits, beside = repository.models()
    assert (digits.name, beside.name) == ("numbers", "numbers")
    found = repository.model("numbers", team=TEAM)
    assert found.id == Place.of(TEAM, "digits").model_id(repository.id)
    assert {digits.id, beside.id} == {found.id, Place.of(TEAM, "numbers").model_id(repository.id)}
    assert repository.model(beside.id, team=TEAM).id == beside.id


# ------------------------------------------------------------------------------------------------------------ damaged redirects


@pytest.mark.parametrize(
    "text", ['{"to":', "{}", "[]", '{"to": 1}', '{"to": ""}', '{"to": "../other"}', '{"to": "a/b"}', '{"to": "."}', '{"to": ".."}']
)
def test_a_redirect_that_is_none_is_ignored_and_told_and_renaming_again_heals_it(repository, tmp_path, text):
    """A torn document leads nowhere, nor does one that leads out of its team's models."""
    path = tmp_path / "repository/models/default/numbers/renamed.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(NotFoundError):
        repository.model("numbers", team=TEAM)
    assert [problem.key for problem in repository.problems()] == ["models/default/numbers/renamed.json"]
    assert repository.rename("digits", "numbers", team=TEAM).name == "numbers"
    assert json.loads(path.read_bytes())["to"] == "digits"
    assert repository.problems() == ()


def test_a_redirect_that_cannot_be_read_now_is_no_free_name(repository, tmp_path, monkeypatch):
    """While the disk fails nothing is registered beside the model that the name leads to."""
    repository.rename("digits", "numbers", team=TEAM)
    monkeypatch.setattr(repository.storage, "read", _fail)
    with pytest.raises(TransientError):
        add_version(repository, tmp_path, model="numbers", step=2)
    monkeypatch.undo()
    assert not (tmp_path / "repository/models/default/numbers/versions").exists()


def test_a_redirect_that_is_no_file_keeps_nothing_else_from_being_read(repository):
    """Only its own name cannot be looked up."""
    (repository.root / "models/default/numbers/renamed.json").mkdir(parents=True)
    assert names(repository) == ["digits"]
    assert [problem.key for problem in repository.problems()] == ["models/default/numbers/renamed.json"]
    with pytest.raises(StateError):
        repository.model("numbers", team=TEAM)


def _fail(_key):
    raise OSError(5, os.strerror(5))
