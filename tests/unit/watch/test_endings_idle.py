"""Nothing is written any more."""

import pytest

from modelwatch.testing.clock import FakeClock
from modelwatch.watch.endings.activity import Activity
from modelwatch.watch.endings.idle import Idle

IDLE_SECONDS = 100.0


@pytest.fixture
def folders(tmp_path):
    """Give a model path and a folder of event files."""
    for name in ("models", "logs"):
        (tmp_path / name).mkdir()
    return tmp_path / "models", tmp_path / "logs"


@pytest.fixture
def clock():
    """Give a clock that the test moves."""
    return FakeClock()


def idle(roots, clock, **more):
    """Return the sign over some folders."""
    return Idle(Activity([str(root) for root in roots], clock, within_seconds=IDLE_SECONDS, **more), IDLE_SECONDS)


def passes(sign, clock, seconds, step=1.0):
    """Look every second for some time; return whether the end was told."""
    for _ in range(int(seconds / step)):
        clock.advance(step)
        if sign.look() is not None:
            return True
    return False


def test_a_training_that_never_writes_ends_after_the_time(folders, clock):
    """Counted from the start, and not much later."""
    sign = idle(folders, clock)
    assert sign.look() is None
    assert not passes(sign, clock, IDLE_SECONDS - 1)
    assert passes(sign, clock, 2)
    assert sign.look() == "nothing was written for 100 s"


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "new").touch(),
        lambda folder: (folder / "old").write_text("longer"),
        lambda folder: (folder / "old").unlink(),
        lambda folder: (folder / "old").rename(folder / "moved"),
        lambda folder: ((folder / "deep" / "er").mkdir(parents=True), (folder / "deep" / "er" / "file").touch()),
    ],
    ids=["made", "grown", "deleted", "renamed", "made below"],
)
def test_whatever_is_written_begins_the_time_anew(folders, clock, which, change):
    """In the model path and among the event files alike."""
    (folders[which] / "old").touch()
    sign = idle(folders, clock)
    sign.look()
    assert not passes(sign, clock, IDLE_SECONDS - 1)
    change(folders[which])
    assert not passes(sign, clock, IDLE_SECONDS - 1)
    assert passes(sign, clock, IDLE_SECONDS)


def test_a_model_path_that_is_not_there_is_waited_for(tmp_path, clock):
    """A training that never makes it ends the sidecar; making it counts as writing when something is in it."""
    root = tmp_path / "later"
    sign = idle([root], clock)
    sign.look()
    assert not passes(sign, clock, IDLE_SECONDS - 1)
    root.mkdir()
    assert not passes(sign, clock, IDLE_SECONDS - 1)
    assert passes(sign, clock, IDLE_SECONDS)


def test_what_we_write_ourselves_does_not_count(folders, clock):
    """Neither the state folder nor our log file keeps the sidecar alive."""
    model_path = folders[0]
    log_file = model_path / "modelwatch.log"
    sign = idle(folders, clock, ours=[str(log_file)])
    sign.look()
    assert not passes(sign, clock, IDLE_SECONDS - 10)
    (model_path / ".modelwatch").mkdir()
    (model_path / ".modelwatch" / "journal.sqlite3").touch()
    log_file.write_text("one line\n")
    assert passes(sign, clock, 11)


def test_folders_inside_of_each_other_are_walked_once(folders, clock):
    """Event files are usually in the model path, and the same folder may be given twice."""
    model_path = folders[0]
    (model_path / "logs").mkdir()
    activity = Activity([str(model_path), str(model_path / "logs"), str(model_path)], clock, within_seconds=IDLE_SECONDS)
    assert len(activity._scanners) == 1
