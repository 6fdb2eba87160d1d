"""A marker and an exit code file as signs of the end."""

import os

import pytest

from modelwatch.testing.clock import FakeClock
from modelwatch.watch.endings.exit_code_file import ExitCodeFile
from modelwatch.watch.endings.marker_file import MarkerFile


@pytest.fixture
def clock():
    """Give a clock that the test moves."""
    return FakeClock()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.touch(),
        lambda path: path.write_text("done"),
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("nowhere"),
        os.mkfifo,
    ],
    ids=["empty", "with content", "folder", "dangling link", "FIFO"],
)
def test_a_marker_of_any_kind_counts_once_it_is_there(tmp_path, make):
    """Nothing says so before, and it says so for as long as it is there: also to a sidecar that was started again."""
    path = tmp_path / "ended"
    assert MarkerFile(str(path)).look() is None
    make(path)
    assert MarkerFile(str(path)).look() == f"the end marker {path} is there"


def test_a_marker_whose_folder_is_not_there_yet_is_absent(tmp_path):
    """The training may make the folder."""
    sign = MarkerFile(str(tmp_path / "later" / "ended"))
    assert sign.look() is None
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "ended").touch()
    assert sign.look() is not None


def test_a_marker_that_cannot_be_looked_at_is_no_end(tmp_path):
    """A name that is too long can never be there; it is said, and looked for again."""
    assert MarkerFile(str(tmp_path / ("x" * 300))).look() is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("0\n", "training ended with exit code 0"),
        ("3\n", "training ended with exit code 3"),
        (" 7 \r\n", "training ended with exit code 7"),
        ("137\n", "training ended with exit code 137 (SIGKILL)"),
        ("143\n", "training ended with exit code 143 (SIGTERM)"),
        ("-9\n", "training ended with exit code -9 (SIGKILL)"),
        ("255\n", "training ended with exit code 255"),
    ],
)
def test_a_whole_line_counts_at_once(tmp_path, clock, content, reason):
    """What `echo $?` writes is understood without waiting."""
    path = tmp_path / "code"
    sign = ExitCodeFile(str(path), clock)
    assert sign.look() is None
    path.write_bytes(content.encode())
    assert sign.look() == reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [("13", "training ended with exit code 13"), ("crashed\n", "training ended; there is no exit code in {path}")],
)
def test_what_may_be_half_written_counts_when_it_stays(tmp_path, clock, content, reason):
    """A number without an end of line may go on; words are an end, too, because nobody would write them earlier."""
    path = tmp_path / "code"
    sign = ExitCodeFile(str(path), clock)
    path.write_text(content)
    assert sign.look() is None
    clock.advance(1.9)
    assert sign.look() is None
    clock.advance(0.2)
    assert sign.look() == reason.format(path=path)


def test_a_number_that_grows_is_waited_for(tmp_path, clock):
    """Each change begins the wait anew."""
    path = tmp_path / "code"
    sign = ExitCodeFile(str(path), clock)
    path.write_text("1")
    sign.look()
    clock.advance(1.9)
    path.write_text("13")
    assert sign.look() is None
    clock.advance(1.9)
    assert sign.look() is None
    path.write_text("137\n")
    assert sign.look() == "training ended with exit code 137 (SIGKILL)"


@pytest.mark.parametrize(
    "make", [lambda path: path.touch(), lambda path: path.write_text(" \n"), lambda path: path.mkdir(), os.mkfifo]
)
def test_what_holds_nothing_says_nothing(tmp_path, clock, make):
    """The shell makes the file before the training starts or ends; a folder or a FIFO is not one, and does not hold us up."""
    path = tmp_path / "code"
    make(path)
    sign = ExitCodeFile(str(path), clock)
    assert sign.look() is None
    clock.advance(1000.0)
    assert sign.look() is None


def test_a_long_file_is_not_read_to_its_end(tmp_path, clock):
    """Somebody gave the wrong file: it is an end without an exit code."""
    path = tmp_path / "code"
    path.write_bytes(b"7" * 10_000_000)
    sign = ExitCodeFile(str(path), clock)
    sign.look()
    clock.advance(3.0)
    assert sign.look() == f"training ended; there is no exit code in {path}"
