"""Taking one file, while its writer is at work."""

import errno
import os

import pytest

from modelwatch.core.abandon import Abandoned, abandoned_when
from modelwatch.core.errors import DiskFullError, StateError
from modelwatch.snapshot import take as taking
from modelwatch.snapshot.take import SMALL_BYTES, Method, Take, Taken, Taker
from modelwatch.watch.scan import Scanner

BIG = os.urandom(SMALL_BYTES * 20)


@pytest.fixture
def source(tmp_path):
    """Give a large file."""
    (tmp_path / "root").mkdir()
    path = tmp_path / "root" / "data"
    path.write_bytes(BIG)
    return path


@pytest.fixture
def target(tmp_path):
    """Give a place for a copy."""
    return tmp_path / "copy"


def seen(source):
    """Return what a scan sees of a file."""
    return Scanner(str(source.parent)).full().get(source.name)


def failing(code):
    """Return a function that fails as the system does."""

    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    return fail


def test_the_kernel_is_not_needed(source, target, monkeypatch):
    """Where the kernel copies nothing between two file systems, the bytes go through memory."""
    monkeypatch.setattr(os, "copy_file_range", failing(errno.EXDEV))
    assert Taker().take(str(source.parent), seen(source), target, hardlink=False) == Taken(Take.TAKEN, Method.COPY)
    assert target.read_bytes() == BIG


def test_a_kernel_that_copies_in_parts_is_asked_again(source, target, monkeypatch):
    """A short copy is followed by the rest."""
    really = os.copy_file_range
    monkeypatch.setattr(os, "copy_file_range", lambda reader, writer, count: really(reader, writer, min(count, 10_000)))
    assert Taker().take(str(source.parent), seen(source), target, hardlink=False).take is Take.TAKEN
    assert target.read_bytes() == BIG


@pytest.mark.parametrize("by_kernel", [True, False])
def test_a_copy_that_is_abandoned_leaves_nothing(source, target, monkeypatch, by_kernel):
    """However it is copied, it can be given up in the middle, and what was written is gone."""
    monkeypatch.setattr(taking, "_KERNEL_CHUNK_BYTES", 10_000)
    monkeypatch.setattr(taking, "_CHUNK_BYTES", 10_000)
    if not by_kernel:
        monkeypatch.setattr(os, "copy_file_range", failing(errno.EXDEV))
    asked = iter((False, False, True))
    with pytest.raises(Abandoned), abandoned_when(lambda: next(asked)):
        Taker().take(str(source.parent), seen(source), target, hardlink=False)
    assert not target.exists()
    assert next(asked, None) is None


@pytest.mark.parametrize("change", ["append", "truncate", "rewrite", "replace"])
def test_a_change_during_the_copy_is_noticed(source, target, monkeypatch, change):
    """A file that its writer touches between our first and our last look is not taken, and nothing of it is left."""
    stat = seen(source)
    really = os.copy_file_range

    def copy(reader, writer, count):
        copied = really(reader, writer, count)
        if change == "append":
            with source.open("ab") as file:
                file.write(b"x")
        elif change == "truncate":
            os.truncate(source, 10)
        elif change == "rewrite":
            source.write_bytes(BIG[::-1])
            os.utime(source, ns=(1, stat.mtime_ns + 1))
        else:
            other = source.with_name("other")
            other.write_bytes(BIG)
            os.utime(other, ns=(stat.mtime_ns, stat.mtime_ns))
            other.replace(source)
        return copied

    monkeypatch.setattr(os, "copy_file_range", copy)
    assert Taker().take(str(source.parent), stat, target, hardlink=False) == Taken(Take.CHANGED)
    assert not target.exists()


def test_a_deletion_after_the_last_byte_loses_nothing(source, target, monkeypatch):
    """Rotation that comes while we copy has come too late: the copy is whole."""
    stat = seen(source)
    really = os.copy_file_range

    def copy(reader, writer, count):
        copied = really(reader, writer, count)
        source.unlink(missing_ok=True)
        return copied

    monkeypatch.setattr(os, "copy_file_range", copy)
    assert Taker().take(str(source.parent), stat, target, hardlink=False) == Taken(Take.TAKEN, Method.COPY)
    assert target.read_bytes() == BIG


def test_where_no_link_can_be_made_a_copy_is(source, target, monkeypatch):
    """Another mount, another owner or a file system without links: the file is copied."""
    monkeypatch.setattr(os, "link", failing(errno.EXDEV))
    assert Taker().take(str(source.parent), seen(source), target, hardlink=True).method is Method.COPY


def test_a_reflink_is_preferred(source, target, monkeypatch):
    """Where blocks can be shared, no link is made although one would be safe."""
    monkeypatch.setattr(taking, "clone", lambda reader, writer: os.copy_file_range(reader, writer, len(BIG)))
    assert Taker().take(str(source.parent), seen(source), target, hardlink=True) == Taken(Take.TAKEN, Method.REFLINK)


def test_a_file_system_without_reflinks_is_asked_once(source, target, monkeypatch):
    """The first refusal is remembered."""
    asked = []

    def clone(reader, writer):
        asked.append((reader, writer))
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(taking, "clone", clone)
    taker = Taker()
    for _ in range(3):
        taker.take(str(source.parent), seen(source), target, hardlink=True)
        target.unlink()
    assert len(asked) == 1


@pytest.mark.parametrize("function", ["clone", "copy"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_an_error_of_its_own(source, target, monkeypatch, function, code):
    """No room and no quota raise, so that the caller waits, and leave nothing behind."""
    if function == "clone":
        monkeypatch.setattr(taking, "clone", failing(code))
    else:
        monkeypatch.setattr(os, "copy_file_range", failing(code))
        monkeypatch.setattr(os, "write", failing(code))
    with pytest.raises(DiskFullError):
        Taker().take(str(source.parent), seen(source), target, hardlink=False)
    assert not target.exists()


def test_a_source_that_cannot_be_read_is_an_outcome(source, target, monkeypatch):
    """An input error of the trainer's disk is not ours."""
    monkeypatch.setattr(os, "copy_file_range", failing(errno.EIO))
    assert Taker().take(str(source.parent), seen(source), target, hardlink=False) == Taken(Take.UNREADABLE)
    assert not target.exists()


def test_a_folder_of_ours_that_cannot_be_written_is_an_error(source, tmp_path):
    """When our own folder is gone, that is said as such."""
    with pytest.raises(StateError):
        Taker().take(str(source.parent), seen(source), tmp_path / "missing" / "copy", hardlink=False)
