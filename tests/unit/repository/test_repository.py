"""The repository in a directory: registering, reading, changing, deleting."""

import errno
import json
import os
from dataclasses import replace

import pytest
from repositories import TEAM, add_version, blob_files, new_repository

from modelwatch.core.entities import Amendment, Storage
from modelwatch.core.errors import NotFoundError, PermanentError, StateError, TransientError, UsageError
from modelwatch.core.lock import LockedError
from modelwatch.repository.repository import Repository
from modelwatch.testing.sink_contract import make_metric, make_registration, make_snapshot


@pytest.fixture
def repository(tmp_path):
    """A new repository."""
    return new_repository(tmp_path / "repository")


def numbers(repository, model="digits"):
    """Return the numbers of a model's live versions."""
    return [version.number for version in repository.model(model, team=TEAM).versions]


# ------------------------------------------------------------------------------------------------------------------ opening


def test_opening_twice_gives_the_same_repository(tmp_path):
    """The id is made once."""
    assert new_repository(tmp_path / "r").id == new_repository(tmp_path / "r").id == Repository.open(tmp_path / "r").id


@pytest.mark.parametrize("exists", [False, True])
def test_a_missing_or_empty_folder_is_no_repository_yet(tmp_path, exists):
    """Without `create` nothing is made, and the error says how to begin."""
    folder = tmp_path / "r"
    if exists:
        folder.mkdir()
    with pytest.raises(NotFoundError, match="no repository") as caught:
        Repository.open(folder)
    assert caught.value.hint
    assert folder.exists() == exists


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ('{"kind":"modelwatch-repository","format":2,"id":"x"}', "format 2"),
        ('{"kind":"restic","format":1,"id":"x"}', "something else"),
        ('{"version":1}', "not the header"),
        ("", "not the header"),
        ("[]", "not the header"),
    ],
)
def test_a_header_that_is_not_ours_is_refused(tmp_path, header, message):
    """Another program's or a newer format's repository is refused with what to do, and left alone."""
    (tmp_path / "repository.json").write_text(header)
    with pytest.raises(StateError, match=message) as caught:
        Repository.open(tmp_path, create=True)
    assert caught.value.hint
    assert (tmp_path / "repository.json").read_text() == header


def test_a_file_is_no_repository(tmp_path):
    """A path that is a file is refused."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StateError):
        Repository.open(tmp_path / "file")


def test_a_fresh_file_system_and_a_killed_maker_leave_an_empty_folder(tmp_path):
    """`lost+found` and a half-written header do not make a folder foreign."""
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".repository.json.1-ab.tmp").write_text("{")
    assert Repository.open(tmp_path, create=True).id


# -------------------------------------------------------------------------------------------------------------- registering


def test_versions_are_numbered_in_order_and_keep_what_was_registered(repository, tmp_path):
    """Each registration becomes the next number and reads back as it was."""
    snapshot = make_snapshot(tmp_path / "s", {"a": b"1", "b/c": b"22"})
    registrations = [make_registration(snapshot.manifest, step=step) for step in (10, 20, 30)]
    receipts = [repository.register(registration, snapshot) for registration in registrations]
    assert [receipt.version for receipt in receipts] == ["1", "2", "3"]
    model = repository.model("digits", team=TEAM)
    assert [version.registration for version in model.versions] == registrations
    assert json.loads((tmp_path / receipts[0].location).read_bytes())["key"] == registrations[0].key


def test_registering_does_not_read_the_versions_that_are_there(repository, tmp_path, monkeypatch):
    """A new version, a retry and an amendment cost the same whether there are two versions or two thousand."""
    snapshot = make_snapshot(tmp_path / "s", {"a": b"1"})
    registrations = [make_registration(snapshot.manifest, step=step) for step in range(5)]
    for registration in registrations[:4]:
        repository.register(registration, snapshot)
    read = []
    original = repository.storage.read
    monkeypatch.setattr(repository.storage, "read", lambda key: read.append(key) or original(key))
    repository.register(registrations[4], snapshot)
    repository.register(registrations[0], snapshot)
    repository.amend(Amendment(TEAM, "digits", registrations[1].key, ()))
    assert read == []


def test_content_is_kept_once(repository, tmp_path):
    """Files with the same bytes share a blob, in one version and between versions."""
    for step in (1, 2):
        add_version(repository, tmp_path, step=step, content=b"same")
    snapshot = make_snapshot(tmp_path / "s", {"a": b"same", "b": b"same"})
    repository.register(make_registration(snapshot.manifest, model="other"), snapshot)
    assert [path.read_bytes() for path in blob_files(repository)] == [b"same"]


def test_our_own_files_are_linked_and_the_trainers_are_copied(repository, tmp_path):
    """A blob shares the inode of a snapshot's own copy, never of a file that the trainer can still write."""
    snapshot = make_snapshot(tmp_path / "s", {"ours": b"ours", "theirs": b"theirs"})
    snapshot = replace(snapshot, linked=frozenset({"theirs"}))
    repository.register(make_registration(snapshot.manifest), snapshot)
    for name, links in (("ours", 2), ("theirs", 1)):
        assert (tmp_path / "s" / name).stat().st_nlink == links
    (tmp_path / "s" / "theirs").write_bytes(b"trained")
    assert sorted(path.read_bytes() for path in blob_files(repository)) == [b"ours", b"theirs"]


def test_a_cut_blob_is_healed(repository, tmp_path):
    """A blob of the wrong size is replaced when the content is registered again."""
    add_version(repository, tmp_path, step=1, content=b"whole")
    blob = blob_files(repository)[0]
    blob.unlink()
    blob.write_bytes(b"who")
    snapshot = make_snapshot(tmp_path / "s", {"data": b"whole"})
    repository.register(make_registration(snapshot.manifest, step=2), replace(snapshot, linked=frozenset({"data"})))
    assert blob.read_bytes() == b"whole"


def test_a_full_disk_is_transient_and_named(repository, tmp_path, monkeypatch):
    """A full disk is told as such, to be tried again, and leaves nothing visible."""
    snapshot = make_snapshot(tmp_path / "s", {"data": b"x" * 100})

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TransientError, match="is full"):
        repository.register(make_registration(snapshot.manifest), replace(snapshot, linked=frozenset({"data"})))
    monkeypatch.undo()
    assert repository.models() == ()
    assert repository.register(make_registration(snapshot.manifest), snapshot).version == "1"


def test_large_files_are_copied_whole(repository, tmp_path):
    """A file beyond every buffer and chunk is copied and hashed right."""
    content = os.urandom(9 << 20) + b"end"
    snapshot = make_snapshot(tmp_path / "s", {"data": content})
    repository.register(make_registration(snapshot.manifest), replace(snapshot, linked=frozenset({"data"})))
    assert blob_files(repository)[0].read_bytes() == content


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EMFILE, TransientError), (errno.ENOMEM, TransientError), (errno.EIO, TransientError), (errno.EACCES, PermanentError)],
)
def test_a_snapshot_that_cannot_be_opened_now_is_no_refusal(repository, tmp_path, monkeypatch, number, kind):
    """Without descriptors or memory, or with a disk that is away, the version is tried again; without permission it is not."""

    def refused(_path):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("modelwatch.repository.storage.directory.open_regular", refused)
    with pytest.raises(kind, match="cannot be read"):
        repository.storage.put_blob(tmp_path / "weights")


def test_without_hard_links_everything_still_works(repository, tmp_path, monkeypatch):
    """On a file system that refuses links (as many FUSE mounts do), versions are exclusive copies and retries find them."""

    def refused(*_arguments, **_options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    receipts = [add_version(repository, tmp_path, step=step).version for step in (1, 2, 1, 2)]
    assert receipts == ["1", "2", "1", "2"]
    assert numbers(repository) == [1, 2]


def test_a_second_number_for_one_key_is_ignored(repository, tmp_path):
    """Should two writers without a common lock number one registration twice, only the lower number is seen or answered."""
    add_version(repository, tmp_path, step=1)
    versions = repository.root / "models/default/digits/versions"
    os.link(versions / "00000001.json", versions / "00000002.json")
    assert numbers(repository) == [1]
    assert add_version(repository, tmp_path, step=1).version == "1"
    assert add_version(repository, tmp_path, step=2).version == "3"


def test_a_claim_without_a_number_is_completed_and_is_invisible_before(repository, tmp_path):
    """What a writer left that died between claim and number is not shown, and the retry gives it its number."""
    add_version(repository, tmp_path, step=1)
    (repository.root / "models/default/digits/versions/00000001.json").unlink()
    assert repository.models() == ()
    assert add_version(repository, tmp_path, step=1).version == "1"


@pytest.mark.parametrize("kind", ["registrations", "versions", "events"])
def test_half_written_documents_are_ignored_and_reported(repository, tmp_path, kind):
    """A torn document is as if it were not there, for readers and retries, and `problems` tells it."""
    add_version(repository, tmp_path, step=1)
    repository.tag("digits", ("good",), team=TEAM)
    folder = repository.root / "models/default/digits" / kind
    torn = next(folder.iterdir())
    torn.unlink()
    torn.write_bytes(b'{"key":')
    if kind == "registrations":
        assert repository.problems() == ()
    else:
        assert [problem.key for problem in repository.problems()] == [f"models/default/digits/{kind}/{torn.name}"]
    number = add_version(repository, tmp_path, step=1).version
    assert number == ("2" if kind == "versions" else "1")
    assert numbers(repository) == [int(number)]


# ------------------------------------------------------------------------------------------------------------------- looking


def test_models_are_found_by_name_and_by_id(repository, tmp_path):
    """Either names the model."""
    add_version(repository, tmp_path, model="My Model/ä")
    model = repository.models(TEAM)[0]
    assert model.name == "My Model/ä"
    assert repository.model(model.id, team=TEAM) == repository.model("My Model/ä", team=TEAM) == model


def test_teams_are_apart(repository, tmp_path):
    """A team sees only its own models."""
    snapshot = make_snapshot(tmp_path / "s", {"a": b"1"})
    for team in ("a", "B"):
        repository.register(replace(make_registration(snapshot.manifest), team=team), snapshot)
    assert [[model.team for model in repository.models(team)] for team in ("a", "B", "b", None)] == [["a"], ["B"], [], ["B", "a"]]


def test_unknown_names_say_what_there_is(repository, tmp_path):
    """A wrong model or version name is answered with the right ones."""
    add_version(repository, tmp_path)
    with pytest.raises(NotFoundError, match="digits"):
        repository.model("digit", team=TEAM)
    for version in ("2", "best", "", "²"):
        with pytest.raises(NotFoundError, match="the latest is 1"):
            repository.version("digits", version, team=TEAM)


def test_aliases_move(repository, tmp_path):
    """An alias names the version that it was last set to."""
    for step in (1, 2):
        add_version(repository, tmp_path, step=step)
    for version in ("1", "latest"):
        repository.set_alias("digits", "Best one", version, team=TEAM)
    assert repository.version("digits", "Best one", team=TEAM).number == 2
    for alias in ("", "latest", "7"):
        with pytest.raises(UsageError):
            repository.set_alias("digits", alias, "1", team=TEAM)


def test_aliases_are_listed_and_removed(repository, tmp_path):
    """A model shows its aliases, whatever they are called; one that was removed names nothing, and can be set again."""
    add_version(repository, tmp_path)
    assert repository.aliases("digits", team=TEAM) == {}
    long = "Größte " * 50
    for alias in ("best", "Best one", long):
        repository.set_alias("digits", alias, "1", team=TEAM)
    assert repository.aliases("digits", team=TEAM) == {"Best one": 1, long: 1, "best": 1}
    assert repository.model("digits", team=TEAM).aliases == repository.aliases("digits", team=TEAM)
    for alias in (long, "best"):
        repository.remove_alias("digits", alias, team=TEAM)
    assert repository.aliases("digits", team=TEAM) == {"Best one": 1}
    with pytest.raises(NotFoundError, match="no version best"):
        repository.version("digits", "best", team=TEAM)
    for alias in ("best", "", "other"):
        with pytest.raises(NotFoundError, match="there are: Best one"):
            repository.remove_alias("digits", alias, team=TEAM)
    assert repository.set_alias("digits", "best", "1", team=TEAM) == 1


def test_aliases_of_deleted_versions_are_listed(repository, tmp_path):
    """They may be restored, and whoever wants the name for another version sees where it is."""
    for step in (1, 2):
        add_version(repository, tmp_path, step=step)
    repository.set_alias("digits", "best", "1", team=TEAM)
    repository.delete_version("digits", "1", team=TEAM)
    assert repository.aliases("digits", team=TEAM) == {"best": 1}
    with pytest.raises(NotFoundError, match="was deleted"):
        repository.version("digits", "best", team=TEAM)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"number": "x"}', '{"number": null}', '{"number": 1e999}'])
def test_an_alias_that_cannot_be_understood_names_nothing_and_is_told(repository, tmp_path, text):
    """It is as if it were not there, and setting it heals it."""
    add_version(repository, tmp_path)
    folder = repository.root / "models/default/digits/aliases"
    folder.mkdir()
    (folder / "best.json").write_text(text)
    (folder / "notes.txt").write_text('{"number": 1}')
    assert repository.aliases("digits", team=TEAM) == {}
    assert [problem.key for problem in repository.problems()] == ["models/default/digits/aliases/best.json"]
    with pytest.raises(NotFoundError, match="no version best"):
        repository.version("digits", "best", team=TEAM)
    repository.set_alias("digits", "best", "1", team=TEAM)
    assert repository.aliases("digits", team=TEAM) == {"best": 1}
    assert repository.problems() == ()


def test_aliases_written_before_they_told_their_names_are_read(repository, tmp_path):
    """The name is that of the file then."""
    add_version(repository, tmp_path)
    folder = repository.root / "models/default/digits/aliases"
    folder.mkdir()
    (folder / "%42est.json").write_text('{"number": 1, "time": 0}')
    assert repository.aliases("digits", team=TEAM) == {"Best": 1}


# ------------------------------------------------------------------------------------------------------------------ changing


def test_tags_and_notes_of_models_and_versions(repository, tmp_path):
    """Tags and notes are of the model or of one version, the last word counts, in the order of the calls."""
    add_version(repository, tmp_path, step=1)
    repository.tag("digits", ("b", "a"), team=TEAM)
    repository.untag("digits", ("b",), team=TEAM)
    repository.tag("digits", ("released",), team=TEAM, version="1")
    for text in ("first", "second"):
        repository.note("digits", text, team=TEAM)
        repository.note("digits", f"{text} of 1", team=TEAM, version="latest")
    model = repository.model("digits", team=TEAM)
    assert (model.tags, model.notes) == (("a",), "second")
    assert (model.versions[0].tags, model.versions[0].notes) == (("released",), "second of 1")


def test_events_keep_their_order_when_the_clock_goes_back(repository, tmp_path, monkeypatch):
    """A later event counts as later although the clock says otherwise."""
    add_version(repository, tmp_path)
    repository.note("digits", "first", team=TEAM)
    monkeypatch.setattr("modelwatch.repository.repository.time.time", lambda: 1000.0)
    repository.note("digits", "second", team=TEAM)
    assert repository.model("digits", team=TEAM).notes == "second"


def test_an_amendment_appends_once(repository, tmp_path):
    """The same amendment twice is one event; going back to earlier metrics is another."""
    snapshot = make_snapshot(tmp_path / "s", {"a": b"1"})
    registration = make_registration(snapshot.manifest)
    repository.register(registration, snapshot)
    for value in (0.1, 0.1, 0.2, 0.2, 0.1):
        repository.amend(Amendment(TEAM, "digits", registration.key, (make_metric("loss", value),)))
    assert len(list((repository.root / "models/default/digits/events").iterdir())) == 3
    assert repository.version("digits", team=TEAM).registration.metrics[0].value == 0.1


# ------------------------------------------------------------------------------------------------------------------ deleting


def test_a_deleted_version_stays_deleted_and_keeps_its_number(repository, tmp_path):
    """Registered again it answers with its old receipt, is not shown, and its number is not used again."""
    receipts = [add_version(repository, tmp_path, step=step) for step in (1, 2)]
    repository.delete_version("digits", "2", team=TEAM)
    assert add_version(repository, tmp_path, step=2) == receipts[1]
    assert numbers(repository) == [1]
    assert add_version(repository, tmp_path, step=3).version == "3"
    with pytest.raises(NotFoundError, match="was deleted"):
        repository.version("digits", "2", team=TEAM)


def test_a_deleted_version_cannot_be_amended(repository, tmp_path):
    """An amendment that comes too late can never succeed."""
    snapshot = make_snapshot(tmp_path / "s", {"a": b"1"})
    registration = make_registration(snapshot.manifest)
    repository.register(registration, snapshot)
    repository.delete_version("digits", "1", team=TEAM)
    with pytest.raises(PermanentError, match="deleted"):
        repository.amend(Amendment(TEAM, "digits", registration.key, ()))


def test_a_deleted_model_is_gone_and_its_name_starts_anew(repository, tmp_path):
    """A version registered later brings the name back without tags and notes, and its numbers go on."""
    for step in (1, 2):
        add_version(repository, tmp_path, step=step)
    repository.tag("digits", ("old",), team=TEAM)
    repository.delete_model("digits", team=TEAM)
    with pytest.raises(NotFoundError):
        repository.model("digits", team=TEAM)
    assert add_version(repository, tmp_path, step=1).version == "1"
    assert repository.models() == ()
    assert add_version(repository, tmp_path, step=3).version == "3"
    assert repository.model("digits", team=TEAM).tags == ()
    assert numbers(repository) == [3]


def test_content_goes_with_its_last_version(repository, tmp_path):
    """Collecting removes what only deleted versions had, and nothing that another version or model shares."""
    add_version(repository, tmp_path, step=1, content=b"shared")
    add_version(repository, tmp_path, step=2, content=b"own")
    add_version(repository, tmp_path, model="other", content=b"shared")
    repository.delete_model("digits", team=TEAM)
    collected = repository.collect_garbage()
    assert (collected.blobs, collected.size_bytes) == (1, 3)
    assert [path.read_bytes() for path in blob_files(repository)] == [b"shared"]


def test_collecting_keeps_what_an_unfinished_registration_needs(repository, tmp_path):
    """A claim without a number keeps its content, so that its retry finds it."""
    add_version(repository, tmp_path, step=1)
    (repository.root / "models/default/digits/versions/00000001.json").unlink()
    assert repository.collect_garbage().blobs == 0
    assert len(blob_files(repository)) == 1


def test_collecting_removes_nothing_when_a_claim_cannot_be_read(repository, tmp_path):
    """What an unreadable claim refers to is unknown, so everything stays and the claim is told."""
    add_version(repository, tmp_path, step=1)
    add_version(repository, tmp_path, step=2)
    repository.delete_version("digits", "1", team=TEAM)
    claim = next((repository.root / "models/default/digits/registrations").iterdir())
    claim.unlink()
    claim.write_bytes(b"")
    collected = repository.collect_garbage()
    assert collected.blobs == 0
    assert len(collected.blocked_by) == 1
    assert len(blob_files(repository)) == 2


def test_collecting_waits_for_registrations(repository):
    """While something is being registered, a collection that does not wait refuses to run."""
    with repository.changing(), pytest.raises(LockedError):
        repository.collect_garbage(wait=False)
    repository.collect_garbage(wait=False)


def test_collecting_removes_what_killed_writers_left(repository, tmp_path):
    """Half-copied content and half-written documents go."""
    add_version(repository, tmp_path)
    leftovers = [repository.root / "staging" / "1-ab", repository.root / "models/default/digits/versions/.00000002.json.1-ab.tmp"]
    for path in leftovers:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    repository.collect_garbage()
    assert [path for path in leftovers if path.exists()] == []
    assert numbers(repository) == [1]


def test_a_reference_keeps_no_content(repository, tmp_path):
    """A version by reference puts nothing below `blobs`."""
    snapshot = make_snapshot(tmp_path / "s", {"a": b"1"})
    registration = replace(make_registration(snapshot.manifest), storage=Storage.REFERENCE, source=str(tmp_path / "s"))
    assert repository.register(registration, None).version == "1"
    assert blob_files(repository) == []


def test_an_event_about_what_is_no_registration_changes_nothing(repository, tmp_path):
    """A foreign writer's event whose registration is a list does not keep the model from being read."""
    add_version(repository, tmp_path)
    repository.tag("digits", ("a",), team=TEAM)
    event = next((repository.root / "models/default/digits/events").iterdir())
    event.write_text('{"kind":"tags","time":1,"registration":[],"add":["b"],"remove":[]}')
    model = repository.model("digits", team=TEAM)
    assert (model.tags, model.versions[0].tags) == ((), ())


def test_unknown_kinds_of_events_are_ignored(repository, tmp_path):
    """An event that a newer writer added changes nothing and is no problem."""
    add_version(repository, tmp_path)
    repository.tag("digits", ("a",), team=TEAM)
    event = next((repository.root / "models/default/digits/events").iterdir())
    event.write_text('{"kind":"promoted","time":1,"registration":null}')
    assert repository.model("digits", team=TEAM).tags == ()
    assert repository.problems() == ()
