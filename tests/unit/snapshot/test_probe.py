"""What a model path and a state folder allow, on real file systems."""

import os

import pytest
import small_disks

from modelwatch.snapshot.probe import Methods, probe
from modelwatch.snapshot.store import SnapshotStore
from modelwatch.snapshot.take import Method, Take
from modelwatch.watch.scan import Scanner


def test_one_folder_inside_the_other_allows_links(tmp_path):
    """Within one file system files can be linked, and nothing of the trial is left."""
    state = tmp_path / ".modelwatch"
    state.mkdir()
    methods = probe(state, tmp_path)
    assert methods.hardlink
    assert list(state.iterdir()) == []


def test_nothing_is_written_outside_the_state_folder(tmp_path):
    """The model path's own times stay as they are."""
    state = tmp_path / ".modelwatch"
    state.mkdir()
    before = tmp_path.stat().st_mtime_ns
    probe(state, tmp_path)
    assert tmp_path.stat().st_mtime_ns == before


def test_two_file_systems_allow_copies_only(tmp_path):
    """Between two disks neither blocks nor names can be shared."""
    with small_disks.tmpfs(tmp_path / "state", 1 << 20) as state:
        methods = probe(state, tmp_path)
    assert methods == Methods(reflink=False, hardlink=False)
    assert methods.best is Method.COPY


def test_two_mounts_of_one_file_system_allow_no_links(tmp_path):
    """The kernel makes no hard link between two bind mounts, and the probe knows."""
    (tmp_path / "model").mkdir()
    (tmp_path / "state").mkdir()
    with small_disks.bind(tmp_path / "bound", tmp_path / "state") as state:
        assert not probe(state, tmp_path / "model").hardlink


def test_shared_blocks_survive_a_write_in_place(tmp_path):
    """On a file system with reflinks a pin is one, and what the trainer writes into its file does not reach it."""
    content = os.urandom(1 << 20)
    with small_disks.with_reflinks(tmp_path / "disk") as root:
        state = root / ".modelwatch"
        state.mkdir()
        assert probe(state, root).best is Method.REFLINK
        (root / "model.h5").write_bytes(content)
        tree = Scanner(str(root)).full()
        pin = SnapshotStore(state / "snapshots").begin()
        free = os.statvfs(root).f_bfree
        assert pin.take(tree.root, tree.get("model.h5"), hardlink=True) is Take.TAKEN
        assert os.statvfs(root).f_bfree > free - (len(content) // os.statvfs(root).f_frsize)
        with (root / "model.h5").open("r+b") as file:
            file.write(b"in place")
        assert (pin.folder / "model.h5").read_bytes() == content
        assert pin.seal(["model.h5"]).linked == frozenset()


@pytest.mark.parametrize(
    ("methods", "best"),
    [
        (Methods(reflink=True, hardlink=True), Method.REFLINK),
        (Methods(reflink=False, hardlink=True), Method.HARDLINK),
        (Methods(reflink=False, hardlink=False), Method.COPY),
    ],
)
def test_the_best_method_is_the_one_that_survives_most(methods, best):
    """Shared blocks before links before copies."""
    assert methods.best is best
