"""The thread that looks at the signs."""

import os
import queue

import pytest

from modelwatch.watch.endings.marker_file import MarkerFile
from modelwatch.watch.endings.sidecar import SidecarEnding

LIMIT_SECONDS = 30.0


class FakeSign:
    """A sign that the test gives."""

    def __init__(self):
        self.reason = None
        self.error = None
        self.reader, self.writer = os.pipe()
        self.closed = 0

    def look(self):
        """Return or raise what the test wants."""
        if self.error is not None:
            raise self.error
        return self.reason

    def descriptors(self):
        """Return the pipe that the test can write to."""
        return [self.reader]

    def close(self):
        """Close the pipe."""
        self.closed += 1
        os.close(self.reader)
        os.close(self.writer)

    def give(self, reason):
        """Be seen at once."""
        self.reason = reason
        os.write(self.writer, b"!")


@pytest.fixture
def told():
    """Give what the agent is told."""
    return queue.Queue()


def test_the_first_sign_decides_and_is_told_once(told):
    """Of several, the one that comes; a descriptor makes it come at once."""
    first, second = FakeSign(), FakeSign()
    ending = SidecarEnding([first, second])
    ending.start(told.put)
    second.give("over")
    assert told.get(timeout=LIMIT_SECONDS) == "over"
    first.give("over again")
    ending.close()
    assert told.empty()
    assert (first.closed, second.closed) == (1, 1)


def test_a_sign_without_a_descriptor_is_looked_at_by_the_clock(tmp_path, told):
    """A file does not call."""
    marker = tmp_path / "ended"
    ending = SidecarEnding([MarkerFile(str(marker))])
    ending.start(told.put)
    marker.touch()
    assert told.get(timeout=LIMIT_SECONDS) == f"the end marker {marker} is there"
    ending.close()


@pytest.mark.parametrize("started", [True, False])
def test_nothing_is_told_after_closing(told, started):
    """Closing ends the thread, whether it was started or not, and twice does no harm."""
    sign = FakeSign()
    ending = SidecarEnding([sign])
    if started:
        ending.start(told.put)
    ending.close()
    ending.close()
    assert told.empty()
    assert sign.closed == 1


def test_a_sign_that_fails_is_an_end(told):
    """Nobody would tell of the end any more: better the last scan now than a sidecar that stays for ever."""
    sign = FakeSign()
    sign.error = ValueError("a mistake of ours")
    ending = SidecarEnding([sign])
    ending.start(told.put)
    assert told.get(timeout=LIMIT_SECONDS) == "the training's end could not be looked for: a mistake of ours"
    ending.close()
