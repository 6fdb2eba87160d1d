"""Hints from inotify."""

import contextlib
import errno
import os
import threading
from pathlib import Path

import pytest

from modelwatch.core.mounts import WatchMethod
from modelwatch.watch import inotify
from modelwatch.watch.hint import Hint
from modelwatch.watch.hints import open_hints
from modelwatch.watch.inotify_hints import InotifyHints, InotifyUnavailableError
from modelwatch.watch.poll_hints import PollHints
from modelwatch.watch.scan import ModelPathMissingError, ModelPathNotADirectoryError

FOREVER_SECONDS = 60.0


@pytest.fixture
def root(tmp_path):
    """Give a model path."""
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def hints(root):
    """Watch the model path."""
    watching = InotifyHints(str(root))
    yield watching
    watching.close()


@pytest.fixture
def used_up(monkeypatch):
    """Give a switch that lets inotify's limit of watches be used up."""

    def refuse(_self, path, _mask):
        raise InotifyUnavailableError(f"{os.strerror(errno.ENOSPC)}: {path}", hint="raise it")

    return lambda: monkeypatch.setattr(inotify.Inotify, "add", refuse)


def test_a_finished_write_is_hinted_at_and_one_that_goes_on_is_not(root, hints):
    """Closing a file names its folder; writing to one that stays open does not, for logs are written all the time."""
    with (root / "events").open("wb") as file:
        assert hints.wait(FOREVER_SECONDS) == Hint(frozenset({""}))
        for _ in range(10):
            file.write(b"x" * 100_000)
            file.flush()
        assert not hints.wait(0.0)
    assert hints.wait(FOREVER_SECONDS) == Hint(frozenset({""}))


def test_many_events_are_one_hint(root, hints):
    """What has come since the last call is told at once."""
    (root / "a").mkdir()
    for number in range(100):
        (root / "a" / f"{number % 7}").write_bytes(b"x")
    (root / "file").touch()
    assert hints.wait(FOREVER_SECONDS) == Hint(frozenset({"", "a"}))
    assert not hints.wait(0.0)


def test_what_came_before_the_watch_is_hinted_at(root, hints):
    """A whole tree that appears before anybody looks is named with every folder in it."""
    (root / "a" / "b" / "c").mkdir(parents=True)
    (root / "a" / "b" / "c" / "file").touch()
    assert hints.wait(FOREVER_SECONDS).directories == {"", "a", "a/b", "a/b/c"}
    (root / "a" / "b" / "c" / "file").write_bytes(b"x")
    assert hints.wait(FOREVER_SECONDS).directories == {"a/b/c"}


def test_a_folder_that_moves_is_known_by_its_new_name(root, hints):
    """After a rename, what happens inside is told under the new path, and what left the tree is not told at all."""
    (root / "N.tmp" / "items").mkdir(parents=True)
    hints.wait(FOREVER_SECONDS)
    (root / "N.tmp").rename(root / "N")
    assert hints.wait(FOREVER_SECONDS).directories >= {"", "N", "N/items"}
    (root / "N" / "items" / "file").touch()
    assert hints.wait(FOREVER_SECONDS).directories == {"N/items"}
    (root / "N").rename(root.parent / "elsewhere")
    assert hints.wait(FOREVER_SECONDS).directories == {""}
    (root.parent / "elsewhere" / "items" / "other").touch()
    assert not hints.wait(0.0)


def test_folders_that_swap_their_names_are_told_apart(root, hints):
    """Three renames that exchange two folders leave each watched under its own name."""
    for name in ("a", "b"):
        (root / name / "inner").mkdir(parents=True)
    hints.wait(FOREVER_SECONDS)
    for old, new in (("a", "x"), ("b", "a"), ("x", "b")):
        (root / old).rename(root / new)
    assert hints.wait(FOREVER_SECONDS).directories >= {"", "a", "a/inner", "b", "b/inner"}
    for name in ("a", "b"):
        (root / name / "inner" / "file").touch()
        assert hints.wait(FOREVER_SECONDS).directories == {f"{name}/inner"}


def test_our_own_folder_and_ignored_ones_are_not_watched(root):
    """What we write ourselves, and what nobody looks at, wakes nobody."""
    (root / "datasets").mkdir()
    hints = InotifyHints(str(root), ignore=("datasets",))
    (root / ".modelwatch").mkdir()
    (root / ".modelwatch" / "journal").touch()
    (root / "datasets" / "image").touch()
    assert not hints.wait(0.0)
    hints.close()


def test_links_are_not_followed(root, hints):
    """A link out of the tree is an entry like any other: what happens behind it is not ours."""
    (root.parent / "outside").mkdir()
    (root / "link").symlink_to(root.parent / "outside")
    assert hints.wait(FOREVER_SECONDS).directories == {""}
    (root.parent / "outside" / "file").touch()
    assert not hints.wait(0.0)


def test_lost_events_are_said_to_be_lost(root, hints):
    """When the kernel's queue overflows, everything is to be looked at, and watching goes on."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text("ascii"))
    (root / "a").mkdir()
    (root / "b").mkdir()
    hints.wait(FOREVER_SECONDS)
    for _ in range(limit // 2 + 10):
        for name in ("a", "b"):
            (root / name / "file").open("wb").close()
    (root / "unseen").mkdir()
    assert hints.wait(FOREVER_SECONDS) == Hint(everything=True)
    (root / "unseen" / "file").touch()
    assert hints.wait(FOREVER_SECONDS) == Hint(frozenset({"unseen"}))


def test_a_model_path_that_goes_and_comes_back_is_watched_again(root, hints):
    """Gone means to look everywhere, which says so; as soon as it is there again, it is watched."""
    root.rename(root.parent / "old")
    assert hints.wait(FOREVER_SECONDS) == Hint(everything=True)
    assert hints.wait(FOREVER_SECONDS) == Hint(everything=True)
    root.mkdir()
    assert hints.wait(FOREVER_SECONDS) == Hint(everything=True)
    (root / "file").touch()
    assert hints.wait(FOREVER_SECONDS) == Hint(frozenset({""}))


def test_a_model_path_that_is_replaced_is_watched_again(root, hints):
    """Another folder of the same name is the model path now."""
    root.rmdir()
    root.mkdir()
    assert hints.wait(FOREVER_SECONDS) == Hint(everything=True)
    (root / "file").touch()
    assert hints.wait(FOREVER_SECONDS) == Hint(frozenset({""}))


def test_a_model_path_that_cannot_be_watched_is_an_error_of_its_own(root):
    """Missing and not a folder are told as the scanner tells them."""
    with pytest.raises(ModelPathMissingError):
        InotifyHints(str(root / "missing"))
    (root / "file").touch()
    with pytest.raises(ModelPathNotADirectoryError):
        InotifyHints(str(root / "file"))


def test_a_wait_can_be_ended(hints):
    """A wake ends the wait that is going on or the next one, once, and does nothing after the end."""
    hints.wake()
    hints.wake()
    assert not hints.wait(FOREVER_SECONDS)
    waker = threading.Timer(0.01, hints.wake)
    waker.start()
    assert not hints.wait(FOREVER_SECONDS)
    waker.join()
    hints.close()
    hints.wake()
    hints.close()


@pytest.mark.parametrize("when", ["at the start", "later"])
def test_when_watches_are_used_up_polling_takes_over(root, used_up, when):
    """A limit of inotify, whenever it is met, makes the hints come at regular times instead."""
    if when == "at the start":
        used_up()
    hints = open_hints(str(root), method=WatchMethod.INOTIFY, poll_seconds=0.001)
    if when == "later":
        used_up()
        (root / "new").mkdir()
    assert hints.wait(FOREVER_SECONDS) == Hint(everything=True)
    assert hints.wait(FOREVER_SECONDS) == Hint(everything=True)
    hints.wake()
    hints.close()


@contextlib.contextmanager
def _many(root, count):
    with contextlib.ExitStack() as opened:
        for _ in range(count):
            opened.callback(InotifyHints(str(root)).close)
        yield


def test_the_real_limit_is_recognised(root):
    """Using up the instances of this user gives the error that names the limit to raise."""
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text("ascii"))
    with pytest.raises(InotifyUnavailableError) as caught, _many(root, limit + 1):
        pytest.fail("the limit was not met")
    assert "sysctl" in caught.value.hint


def test_the_method_can_be_chosen(root):
    """Polling by choice needs no model path: the scan says that it is missing."""
    hints = open_hints(str(root), method=WatchMethod.POLL, poll_seconds=1.0)
    assert isinstance(hints, PollHints)
    hints.close()
