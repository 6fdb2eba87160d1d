"""Snapshots in the making, sealed, opened and deleted."""

import errno
import hashlib
import os
import stat

import pytest

from modelwatch.core import steps
from modelwatch.core.errors import StateError
from modelwatch.snapshot import hashing
from modelwatch.snapshot.store import SnapshotStore, SourceChangedError
from modelwatch.snapshot.take import SMALL_BYTES, Take, hash_in_place
from modelwatch.watch.scan import Scanner

BIG = os.urandom(SMALL_BYTES)
SMALL = b"small"


@pytest.fixture
def root(tmp_path):
    """Give a model path with a large and a small file."""
    path = tmp_path / "root"
    (path / "run").mkdir(parents=True)
    (path / "run" / "data").write_bytes(BIG)
    (path / "run" / "index").write_bytes(SMALL)
    return path


@pytest.fixture
def store(root):
    """Give the store in the model path's state folder."""
    return SnapshotStore(root / ".modelwatch" / "snapshots")


def take(pin, root, *, hardlink=False):
    """Take everything there is into a pin; return what became of each."""
    tree = Scanner(str(root)).full()
    return {file.path: pin.take(tree.root, file, hardlink=hardlink) for file in tree.files_below("")}


@pytest.mark.parametrize("hardlink", [False, True])
def test_what_was_taken_outlives_its_source(root, store, hardlink):
    """Files that are deleted after they were taken are in the snapshot, with their times, under the same paths."""
    pin = store.begin()
    assert set(take(pin, root, hardlink=hardlink).values()) == {Take.TAKEN}
    times = {path: (root / path).stat().st_mtime_ns for path in ("run/data", "run/index")}
    (root / "run" / "data").unlink()
    (root / "run" / "index").unlink()
    snapshot = pin.seal(["run/data", "run/index"])
    assert snapshot == store.open(pin.id)
    assert [(entry.path, entry.size, entry.digest.hex) for entry in snapshot.manifest.entries] == [
        ("run/data", len(BIG), hashlib.sha256(BIG).hexdigest()),
        ("run/index", len(SMALL), hashlib.sha256(SMALL).hexdigest()),
    ]
    assert (pin.folder / "run" / "data").read_bytes() == BIG
    assert {path: (pin.folder / path).stat().st_mtime_ns for path in times} == times
    assert snapshot.linked == ({"run/data"} if hardlink else set())


def test_a_prepared_store_is_empty_and_ready(tmp_path):
    """The folder is there before the first checkpoint is; preparing twice changes nothing."""
    store = SnapshotStore(tmp_path / "state" / "snapshots")
    store.prepare()
    store.prepare()
    assert list((tmp_path / "state" / "snapshots").iterdir()) == []


def test_small_files_are_never_linked(root, store):
    """Only what is worth it shares its inode with the trainer."""
    pin = store.begin()
    take(pin, root, hardlink=True)
    assert (pin.folder / "run" / "index").stat().st_ino != (root / "run" / "index").stat().st_ino
    assert (pin.folder / "run" / "data").stat().st_ino == (root / "run" / "data").stat().st_ino


def test_sealing_makes_our_copies_read_only_and_leaves_the_trainers_files_alone(root, store):
    """The mode of a hard link is the trainer's; the mode of a copy is ours."""
    pin = store.begin()
    before = stat.S_IMODE((root / "run" / "data").stat().st_mode)
    take(pin, root, hardlink=True)
    pin.seal(["run/data", "run/index"])
    assert stat.S_IMODE((root / "run" / "data").stat().st_mode) == before
    assert stat.S_IMODE((pin.folder / "run" / "index").stat().st_mode) & 0o222 == 0
    assert stat.S_IMODE(pin.folder.parent.stat().st_mode) == 0o700


def test_a_hard_link_that_was_written_to_is_refused(root, store):
    """An in-place write shows through a hard link: such a snapshot is not sealed."""
    pin = store.begin()
    take(pin, root, hardlink=True)
    with (root / "run" / "data").open("r+b") as file:
        file.write(b"in place")
    with pytest.raises(SourceChangedError, match="run/data"):
        pin.seal(["run/data"])


def test_a_copy_does_not_mind_what_becomes_of_its_source(root, store):
    """After a file was copied, writing to it in place changes nothing."""
    pin = store.begin()
    take(pin, root)
    (root / "run" / "data").write_bytes(b"another")
    assert pin.seal(["run/data"]).manifest.size == len(BIG)


def test_what_does_not_belong_is_dropped_and_what_is_missing_is_told(root, store):
    """The snapshot holds exactly the files of the checkpoint."""
    pin = store.begin()
    take(pin, root)
    with pytest.raises(SourceChangedError, match="run/meta"):
        pin.seal(["run/data", "run/meta"])
    pin.seal(["run/data"])
    assert set(pin.sources) == {"run/data"}
    assert not (pin.folder / "run" / "index").exists()


def test_taking_again_replaces(root, store):
    """The pin of a path is that of its latest generation."""
    pin = store.begin()
    take(pin, root, hardlink=True)
    (root / "run" / "new").write_bytes(BIG[::-1])
    (root / "run" / "new").replace(root / "run" / "data")
    take(pin, root)
    snapshot = pin.seal(["run/data"])
    assert snapshot.manifest.entries[0].digest.hex == hashlib.sha256(BIG[::-1]).hexdigest()
    assert snapshot.linked == frozenset()


def test_a_folder_in_place_of_a_file_and_back(root, store):
    """What was taken as a file makes way for a folder of that name, and the folder for a file."""
    pin = store.begin()
    take(pin, root)
    for path in ("data", "index"):
        (root / "run" / path).unlink()
    (root / "run").rmdir()
    (root / "run").write_bytes(BIG)
    take(pin, root)
    assert set(pin.sources) == {"run"}
    (root / "run").unlink()
    (root / "run" / "data").mkdir(parents=True)
    (root / "run" / "data" / "x").write_bytes(SMALL)
    take(pin, root)
    assert [entry.path for entry in pin.seal(list(pin.sources)).manifest.entries] == ["run/data/x"]


def test_a_file_that_is_not_what_was_seen_is_not_taken(root, store):
    """Written to, replaced, deleted, or turned into something else since the scan: each is an outcome, and leaves nothing behind."""
    tree = Scanner(str(root)).full()
    data, index = tree.get("run/data"), tree.get("run/index")
    pin = store.begin()
    for hardlink in (False, True):
        (root / "run" / "data").write_bytes(BIG[::-1])
        os.utime(root / "run" / "data", ns=(1, 1))
        assert pin.take(tree.root, data, hardlink=hardlink) is Take.CHANGED
    (root / "run" / "data").unlink()
    assert pin.take(tree.root, data, hardlink=True) is Take.VANISHED
    (root / "run" / "index").unlink()
    os.mkfifo(root / "run" / "index")
    assert pin.take(tree.root, index, hardlink=False) is Take.CHANGED
    (root / "run" / "data").symlink_to("index")
    assert pin.take(tree.root, data, hardlink=False) is Take.CHANGED
    assert pin.take(tree.root, data, hardlink=True) is Take.CHANGED
    assert [path for path in pin.folder.rglob("*") if not path.is_dir()] == []
    assert dict(pin.sources) == {}


def test_no_link_leads_out_of_the_model_path(root, store, tmp_path):
    """A folder that was replaced by a link, after the scan, to somewhere else is not followed, whatever lies there."""
    tree = Scanner(str(root)).full()
    (root / "run").rename(tmp_path / "outside")
    (root / "run").symlink_to(tmp_path / "outside")
    pin = store.begin()
    for hardlink in (False, True):
        assert pin.take(tree.root, tree.get("run/data"), hardlink=hardlink) is Take.CHANGED


def test_pinning_does_not_touch_the_trainers_folders(root, store):
    """Frameworks rotate by the times of folders: taking files changes none."""
    before = (root / "run").stat()
    pin = store.begin()
    take(pin, root, hardlink=True)
    pin.seal(list(pin.sources))
    pin.discard()
    after = (root / "run").stat()
    assert (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)


def test_names_that_are_not_utf8_survive(root, store):
    """A name of any bytes goes through the manifest and back."""
    name = os.fsdecode(b"mod\xe8le")
    (root / name).write_bytes(SMALL)
    pin = store.begin()
    take(pin, root)
    pin.seal([name])
    assert [entry.path for entry in store.open(pin.id).manifest.entries] == [name]


def test_the_caller_is_called_while_hashing(root, store):
    """Whoever has other things to do gets to do them after each part of a large file."""
    (root / "large").write_bytes(bytes(3 << 20))
    pin = store.begin()
    take(pin, root)
    calls = []
    pin.seal(["large"], between_chunks=lambda: calls.append(1))
    assert len(calls) == 3


@pytest.mark.parametrize("size", [1 << 10, 9 << 20])
def test_a_disk_that_cannot_be_written_is_told_and_sealing_can_be_tried_again(root, store, monkeypatch, size):
    """When fsync fails, nothing is sealed, whether it ran beside the hashing or before it."""
    (root / "large").write_bytes(bytes(size))
    pin = store.begin()
    take(pin, root)

    def fail(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(hashing, "sync_file", fail)
        with pytest.raises(StateError, match="durable"):
            pin.seal(["large"])
    with pytest.raises(FileNotFoundError):
        store.open(pin.id)
    assert pin.seal(["large"]).manifest.size == size


def test_what_is_not_sealed_is_no_snapshot(root, store):
    """Without its manifest a snapshot cannot be opened, and is collected."""
    pin = store.begin()
    take(pin, root)
    with pytest.raises(FileNotFoundError):
        store.open(pin.id)
    sealed = store.begin()
    take(sealed, root)
    sealed.seal(["run/data"])
    assert store.collect(keep={sealed.id}) == 1
    assert not pin.folder.exists()
    assert store.open(sealed.id).manifest.size == len(BIG)


def test_collecting_leaves_what_is_not_ours(store):
    """A state folder may have had somebody's own `snapshots` in it before: only names that we give are ever deleted."""
    left = store.begin()
    theirs = left.folder.parent.parent / "epoch-10"
    theirs.mkdir()
    (theirs / "model.pt").write_bytes(BIG)
    assert store.collect(()) == 1
    assert (theirs / "model.pt").read_bytes() == BIG


def test_a_discarded_snapshot_is_gone(root, store):
    """Discarding deletes, twice is allowed, and room is counted."""
    assert (store.size_bytes(), store.collect(())) == (0, 0)
    pin = store.begin()
    take(pin, root, hardlink=True)
    assert store.size_bytes() == len(BIG) + len(SMALL)
    pin.seal(["run/data"])
    store.discard(pin.id)
    store.discard(pin.id)
    pin.discard()
    assert store.size_bytes() == 0
    assert (root / "run" / "data").read_bytes() == BIG


def test_a_damaged_manifest_is_told(root, store):
    """A manifest that somebody has changed is an error, not a snapshot."""
    pin = store.begin()
    take(pin, root)
    pin.seal(["run/data"])
    (pin.folder.parent / "manifest.json").write_text("{}", "ascii")
    with pytest.raises(StateError, match="damaged"):
        store.open(pin.id)


def test_a_copy_that_somebody_deleted_is_told(root, store):
    """When our own file is gone, the snapshot is not sealed."""
    pin = store.begin()
    take(pin, root)
    (pin.folder / "run" / "data").unlink()
    with pytest.raises(SourceChangedError, match="deleted"):
        pin.seal(["run/data"])


def test_the_steps_are_passed_in_order(root, store, monkeypatch):
    """The fault tests find every step that matters."""
    passed = []
    monkeypatch.setattr(steps, "observer", passed.append)
    pin = store.begin()
    take(pin, root)
    pin.seal(["run/data"])
    assert passed == ["snapshot.pinned", "snapshot.pinned", "snapshot.hashed", "snapshot.sealed"]


def test_files_can_be_hashed_where_they_are(root):
    """A reference has the manifest that a snapshot would have."""
    tree = Scanner(str(root)).full()
    manifest = hash_in_place(tree.root, [tree.get("run/index"), tree.get("run/data")])
    assert [(entry.path, entry.digest.hex) for entry in manifest.entries] == [
        ("run/data", hashlib.sha256(BIG).hexdigest()),
        ("run/index", hashlib.sha256(SMALL).hexdigest()),
    ]


@pytest.mark.parametrize("change", ["write", "replace", "delete"])
def test_a_file_that_changes_while_it_is_hashed_is_told(root, change):
    """What is read while somebody writes, replaces or deletes it is no reference."""
    tree = Scanner(str(root)).full()
    data = root / "run" / "data"

    def act():
        if change == "delete":
            data.unlink()
        elif change == "replace":
            (root / "run" / "index").replace(data)
        else:
            data.write_bytes(b"x")

    with pytest.raises(SourceChangedError, match="run/data"):
        hash_in_place(tree.root, [tree.get("run/data")], between_chunks=act)


def test_a_file_that_had_changed_before_it_is_hashed_is_told(root):
    """The file must be what the scan saw."""
    tree = Scanner(str(root)).full()
    (root / "run" / "data").write_bytes(BIG + b"more")
    with pytest.raises(SourceChangedError):
        hash_in_place(tree.root, [tree.get("run/data")])
