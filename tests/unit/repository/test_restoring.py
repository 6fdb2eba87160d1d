"""Deleting with the content kept for a while, and taking it back."""

import json
import time

import pytest
from repositories import TEAM, add_version, blob_files, new_repository

from modelwatch.core.entities import Amendment
from modelwatch.core.errors import NotFoundError, PermanentError
from modelwatch.testing.sink_contract import make_metric, make_registration, make_report, make_snapshot

WEEK_SECONDS = 7 * 86400.0


@pytest.fixture
def repository(tmp_path):
    """A repository with a model of three versions, each with content of its own."""
    repository = new_repository(tmp_path / "repository")
    for step in (1, 2, 3):
        add_version(repository, tmp_path, step=step)
    return repository


def numbers(repository, model="digits"):
    """Return the numbers of a model's live versions."""
    return [version.number for version in repository.model(model, team=TEAM).versions]


def later(monkeypatch, seconds):
    """Let the clock be further on."""
    now = time.time() + seconds
    monkeypatch.setattr("modelwatch.repository.garbage.time.time", lambda: now)


# ------------------------------------------------------------------------------------------------------------------ keeping


def test_content_is_kept_as_long_as_it_was_said(repository, monkeypatch):
    """A deleted version's content survives collections until its time is over."""
    repository.delete_version("digits", "2", team=TEAM, keep_seconds=WEEK_SECONDS)
    assert numbers(repository) == [1, 3]
    later(monkeypatch, WEEK_SECONDS - 60)
    assert repository.collect_garbage().blobs == 0
    later(monkeypatch, 120)
    assert repository.collect_garbage().blobs == 1
    assert len(blob_files(repository)) == 2


def test_a_deleted_model_keeps_its_content_too(repository, monkeypatch):
    """All of its versions are kept as long as it was said of the model."""
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    assert repository.models() == ()
    assert repository.collect_garbage().blobs == 0
    later(monkeypatch, WEEK_SECONDS + 60)
    assert repository.collect_garbage().blobs == 3


def test_a_version_delivered_again_while_it_is_kept_stays_deleted(repository, tmp_path):
    """That its content is still there does not bring it back."""
    repository.delete_version("digits", "3", team=TEAM, keep_seconds=WEEK_SECONDS)
    assert add_version(repository, tmp_path, step=3).version == "3"
    assert numbers(repository) == [1, 2]


# ----------------------------------------------------------------------------------------------------------- versions return


def test_a_restored_version_is_as_it_was(repository, tmp_path):
    """Its number, tags, notes, late metrics and content are back, and it can be changed again."""
    snapshot = make_snapshot(tmp_path / "s", {"data": b"late"})
    registration = make_registration(snapshot.manifest, step=4)
    repository.register(registration, snapshot)
    repository.tag("digits", ("good",), team=TEAM, version="4")
    repository.note("digits", "the best", team=TEAM, version="4")
    repository.amend(Amendment(TEAM, "digits", registration.key, (make_metric("loss", 0.25),)))
    before = repository.version("digits", "4", team=TEAM)
    repository.delete_version("digits", "4", team=TEAM, keep_seconds=WEEK_SECONDS)
    assert repository.restore_version("digits", "4", team=TEAM) == before
    assert repository.version("digits", "4", team=TEAM) == before
    assert repository.collect_garbage().blobs == 0
    repository.amend(Amendment(TEAM, "digits", registration.key, ()))
    assert repository.version("digits", "4", team=TEAM).registration.metrics == ()


def test_an_alias_names_the_version_to_restore(repository):
    """The alias of a deleted version finds it, and means it again."""
    repository.set_alias("digits", "best", "2", team=TEAM)
    repository.delete_version("digits", "best", team=TEAM, keep_seconds=WEEK_SECONDS)
    assert repository.restore_version("digits", "best", team=TEAM).number == 2
    assert repository.version("digits", "best", team=TEAM).number == 2


def test_content_that_was_collected_cannot_be_restored(repository):
    """What is gone is told, and the version stays deleted."""
    repository.delete_version("digits", "2", team=TEAM)
    repository.collect_garbage()
    with pytest.raises(PermanentError, match=r"version 2 .* content was removed"):
        repository.restore_version("digits", "2", team=TEAM)
    assert numbers(repository) == [1, 3]


def test_content_that_nobody_collected_yet_can_be_restored(repository):
    """A version deleted for good can be had back as long as its content happens to be there, and is safe from then on."""
    repository.delete_version("digits", "2", team=TEAM)
    repository.restore_version("digits", "2", team=TEAM)
    assert repository.collect_garbage().blobs == 0
    assert numbers(repository) == [1, 2, 3]


def test_restoring_what_is_not_deleted_changes_nothing(repository):
    """A request that is repeated is answered as the first was, and writes nothing."""
    repository.delete_version("digits", "2", team=TEAM, keep_seconds=WEEK_SECONDS)
    first = repository.restore_version("digits", "2", team=TEAM)
    events = sorted((repository.root / "models/default/digits/events").iterdir())
    assert repository.restore_version("digits", "2", team=TEAM) == first
    assert repository.restore_model("digits", team=TEAM).versions[1] == first
    assert sorted((repository.root / "models/default/digits/events").iterdir()) == events


@pytest.mark.parametrize("version", ["4", "0", "latest", "best", "", "9" * 5000])
def test_a_version_that_never_was_cannot_be_restored(repository, version):
    """Neither a number that was never taken nor a name that means none."""
    with pytest.raises(NotFoundError, match="never had"):
        repository.restore_version("digits", version, team=TEAM)


def test_a_version_can_be_deleted_and_restored_again_and_again(repository):
    """The last word counts, for what is shown and for its content."""
    for _ in range(2):
        repository.delete_version("digits", "2", team=TEAM, keep_seconds=WEEK_SECONDS)
        repository.restore_version("digits", "2", team=TEAM)
    assert repository.collect_garbage().blobs == 0
    repository.delete_version("digits", "2", team=TEAM)
    assert repository.collect_garbage().blobs == 1


# ------------------------------------------------------------------------------------------------------------- models return


def test_a_restored_model_is_as_it_was(repository):
    """Versions, tags, notes and that it is public are back under the same id; the versions deleted before it stay deleted."""
    repository.tag("digits", ("released",), team=TEAM)
    repository.note("digits", "ours", team=TEAM)
    repository.publish("digits", team=TEAM)
    repository.tag("digits", ("good",), team=TEAM, version="3")
    repository.delete_version("digits", "1", team=TEAM, keep_seconds=WEEK_SECONDS)
    before = repository.model("digits", team=TEAM)
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    after = repository.restore_model(before.id, team=TEAM)
    assert after.modified > before.modified
    assert (after.id, after.tags, after.notes, after.public) == (before.id, ("released",), "ours", True)
    assert after.versions == before.versions
    assert [version.number for version in after.versions] == [2, 3]
    assert repository.collect_garbage().blobs == 0
    assert repository.restore_version("digits", "1", team=TEAM).number == 1


def test_the_runs_of_a_restored_model_are_shown_again(repository):
    """What was told of its trainings before and after the deletion is of one model."""
    repository.report(make_report(run="before"))
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    repository.report(make_report(run="since"))
    assert [report.run for report in repository.runs("digits", team=TEAM)] == ["since"]
    repository.restore_model("digits", team=TEAM)
    assert sorted(report.run for report in repository.runs("digits", team=TEAM)) == ["before", "since"]


def test_a_model_whose_content_was_collected_is_not_half_restored(repository):
    """All of its versions come back or none, and the ones that cannot are named."""
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    for blob in blob_files(repository)[:2]:
        blob.unlink()
    with pytest.raises(PermanentError, match=r"versions \d, \d of model 'digits'"):
        repository.restore_model("digits", team=TEAM)
    assert repository.models() == ()


def test_a_version_of_a_deleted_model_waits_for_its_model(repository):
    """It cannot come back alone, and the way to have it is told."""
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    with pytest.raises(NotFoundError, match="whole model") as caught:
        repository.restore_version("digits", "2", team=TEAM)
    assert "restore the model" in caught.value.hint


def test_what_came_since_the_deletion_is_of_the_restored_model_too(repository, tmp_path):
    """Registered under the name meanwhile, a version stays, and what was said of the model since counts."""
    repository.tag("digits", ("old", "both"), team=TEAM)
    repository.publish("digits", team=TEAM)
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    add_version(repository, tmp_path, step=4)
    assert not repository.model("digits", team=TEAM).public
    repository.tag("digits", ("new",), team=TEAM)
    repository.untag("digits", ("both",), team=TEAM)
    assert numbers(repository) == [4]
    model = repository.restore_model("digits", team=TEAM)
    assert [version.number for version in model.versions] == [1, 2, 3, 4]
    assert model.tags == ("new", "old")


def test_a_model_deleted_twice_comes_back_in_two_steps(repository, tmp_path):
    """The latest deletion is taken back first, and the earlier model only when that is asked for."""
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    add_version(repository, tmp_path, step=4)
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    assert [version.number for version in repository.restore_model("digits", team=TEAM).versions] == [4]
    assert [version.number for version in repository.restore_model("digits", team=TEAM).versions] == [1, 2, 3, 4]


def test_restoring_a_later_model_does_not_keep_the_content_of_an_earlier(repository, tmp_path, monkeypatch):
    """What was deleted before goes when its own time is over."""
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    add_version(repository, tmp_path, step=4)
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    repository.restore_model("digits", team=TEAM)
    later(monkeypatch, WEEK_SECONDS + 60)
    assert repository.collect_garbage().blobs == 3


def test_a_model_that_never_was_cannot_be_restored(repository):
    """Its name is not found, as elsewhere."""
    with pytest.raises(NotFoundError, match="there are: digits"):
        repository.restore_model("digit", team=TEAM)


# --------------------------------------------------------------------------------------- programs that know less than this one


def test_a_collector_that_knows_no_restoring_keeps_restored_content(repository):
    """It counts the version as deleted, and another claim, which none becomes, for its content."""
    repository.delete_version("digits", "2", team=TEAM, keep_seconds=WEEK_SECONDS)
    repository.restore_version("digits", "2", team=TEAM)
    folder = repository.root / "models/default/digits"
    deleted = {json.loads(path.read_bytes()).get("registration") for path in (folder / "events").iterdir()}
    claims = [json.loads(path.read_bytes()) for path in (folder / "registrations").iterdir()]
    needed = {entry["digest"] for claim in claims if claim["key"] not in deleted for entry in claim["manifest"]}
    assert {f"sha256:{path.name}" for path in blob_files(repository)} == needed
    assert len(needed) == 3


def test_deletions_by_programs_that_keep_nothing_can_be_restored_one_by_one(repository):
    """Their model comes back empty, because nothing tells which versions went with it, and each version when it is asked for."""
    for path in _deletions_of_an_older_program(repository):
        event = json.loads(path.read_bytes())
        path.write_text(json.dumps({name: event[name] for name in ("kind", "time", "registration", "through") if name in event}))
    assert repository.restore_model("digits", team=TEAM).versions == ()
    assert repository.restore_version("digits", "2", team=TEAM).number == 2


def _deletions_of_an_older_program(repository):
    repository.delete_model("digits", team=TEAM)
    return list((repository.root / "models/default/digits/events").iterdir())


# --------------------------------------------------------------------------------------------------------------- publishing


def test_published_models_are_listed_across_teams(repository, tmp_path):
    """Publishing and taking it back show at once; who asks for public models sees those of every team."""
    add_version(repository, tmp_path, model="other")
    assert repository.publish("digits", team=TEAM).public
    assert [model.name for model in repository.public_models()] == ["digits"]
    assert not repository.publish("digits", team=TEAM, public=False).public
    assert repository.public_models() == ()


def test_publishing_what_is_public_writes_nothing(repository):
    """A repeated request adds no event."""
    for _ in range(2):
        repository.publish("digits", team=TEAM)
    assert len(list((repository.root / "models/default/digits/events").iterdir())) == 1


def test_what_was_said_to_be_private_stays_private(repository, tmp_path):
    """Taking back the deletion of a public model does not publish what its team has since said not to publish."""
    repository.publish("digits", team=TEAM)
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    add_version(repository, tmp_path, step=4)
    repository.publish("digits", team=TEAM, public=False)
    assert not repository.restore_model("digits", team=TEAM).public


def test_a_deleted_model_is_private_when_its_name_starts_anew(repository, tmp_path):
    """Nothing is public that nobody published."""
    repository.publish("digits", team=TEAM)
    repository.delete_model("digits", team=TEAM)
    add_version(repository, tmp_path, step=4)
    assert not repository.model("digits", team=TEAM).public
