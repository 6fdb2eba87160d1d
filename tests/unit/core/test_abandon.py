"""Giving up long work between two of its pieces."""

import contextlib
import threading

import pytest

from modelwatch.core.abandon import Abandoned, abandoned_when, between_pieces
from modelwatch.core.files import RegularFile
from modelwatch.repository.storage.copying import copy_and_hash
from modelwatch.snapshot.hashing import hash_open_file

PIECES = 40


def after(calls):
    """Return a question that is answered with yes from its call number `calls` on."""
    asked = iter(range(1 << 30))
    return lambda: next(asked) >= calls


@pytest.fixture
def large(tmp_path):
    """A file of many pieces, whatever a piece is to whom."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(PIECES * (8 << 20))
    return path


def test_nobody_is_stopped_who_was_not_told_when():
    """Work that no thread's owner has said anything about goes on."""
    between_pieces()


def test_work_ends_between_two_pieces_and_errors_are_not_meant():
    """It is raised out of the block, past whoever handles errors, and once the block is left nothing is asked any more."""
    done = []

    def work():
        while True:
            with contextlib.suppress(Exception):
                between_pieces()
            done.append("a piece")

    with pytest.raises(Abandoned), abandoned_when(after(3)):
        work()
    between_pieces()
    assert len(done) == 3


def test_a_thread_answers_for_itself_alone():
    """What is abandoned here is not abandoned in another thread."""
    went_on = threading.Event()

    def work():
        between_pieces()
        went_on.set()

    with abandoned_when(lambda: True):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert went_on.is_set()


def test_reading_is_abandoned(large):
    """Whatever reads a file through `RegularFile` can be stopped, a format's deep look among them."""
    with RegularFile(large) as file, pytest.raises(Abandoned), abandoned_when(after(2)):
        list(iter(lambda: file.read_at(0, 1), b""))


def test_hashing_is_abandoned(large):
    """A digest is not computed to its end."""
    with large.open("rb") as file:
        with pytest.raises(Abandoned), abandoned_when(after(2)):
            hash_open_file(file.fileno(), lambda: None)
        assert file.tell() < large.stat().st_size


def test_copying_into_a_repository_is_abandoned(large, tmp_path):
    """Neither the copy nor the thread that hashes it goes on."""
    threads = threading.active_count()
    target = tmp_path / "target"
    with large.open("rb") as source, target.open("w+b") as copy, pytest.raises(Abandoned), abandoned_when(after(2)):
        copy_and_hash(source.fileno(), copy.fileno(), large.stat().st_size, lambda _: None)
    assert target.stat().st_size < large.stat().st_size
    assert threading.active_count() == threads
