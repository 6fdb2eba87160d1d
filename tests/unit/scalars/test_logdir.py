"""All event files below log directories: finding them, losing them, reading them from another thread."""

import os
import threading
from pathlib import Path

import pytest
from scalar_reading import all_points, read_once, tensorboard_points

from modelwatch.scalars.logdir import LogDirectories, creation_order, is_event_file
from modelwatch.testing import event_writer as w
from modelwatch.testing.clock import FakeClock
from modelwatch.testing.event_writer import EventWriter

GOLDEN = Path(__file__).parents[2] / "golden" / "event-files"


def write(path: Path, steps: range, tag: str = "loss", wall_time: float = 1000.0) -> None:
    """Write one value a second."""
    writer = EventWriter(path, wall_time)
    for step in steps:
        writer.simple_values(wall_time + step, step, **{tag: float(step)})


def test_runs_are_named_as_in_tensorboard(tmp_path):
    """A run is a directory with event files, named by its path below the log directory."""
    write(tmp_path / "events.out.tfevents.1.h", range(1))
    write(tmp_path / "a" / "train" / "events.out.tfevents.1.h.v2", range(2))
    write(tmp_path / "a" / "validation" / "events.out.tfevents.1.h.v2", range(1))
    (tmp_path / "a" / "notes.txt").write_text("no event file")
    assert sorted(read_once(tmp_path)) == [(".", "loss"), ("a/train", "loss"), ("a/validation", "loss")]


def test_several_roots_read_each_file_once(tmp_path):
    """A log directory inside another, or given twice, adds nothing; one that does not exist yet is waited for."""
    write(tmp_path / "a" / "events.out.tfevents.1.h", range(2))
    logs = LogDirectories([str(tmp_path), str(tmp_path / "a"), str(tmp_path), f"{tmp_path}-later"])
    assert logs.poll()
    assert list(all_points(logs)) == [("a", "loss")]
    write(Path(f"{tmp_path}-later") / "events.out.tfevents.1.h", range(1))
    assert logs.poll(walk=True)
    assert sorted(all_points(logs)) == [(".", "loss"), ("a", "loss")]


def test_links_and_excluded_directories_are_not_followed(tmp_path):
    """Symbolic links to directories, circles among them, and our own folder are not looked into; a log directory may be a link."""
    write(tmp_path / "real" / "x" / "events.out.tfevents.1.h", range(1))
    write(tmp_path / "real" / ".modelwatch" / "events.out.tfevents.1.h", range(1))
    (tmp_path / "real" / "x" / "circle").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "x" / "events.out.tfevents.2.dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "real" / "events.out.tfevents.3.fifo")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert list(read_once(tmp_path / "link")) == [("x", "loss")]


def test_new_files_are_found_by_the_next_walk(tmp_path):
    """Known files are read at every poll; new ones are found when a walk is due or asked for."""
    write(tmp_path / "events.out.tfevents.1.h", range(1))
    logs = LogDirectories([str(tmp_path)], polls_per_walk=3)
    logs.poll()
    write(tmp_path / "eval" / "events.out.tfevents.1.h", range(1))
    assert [logs.poll() for _ in range(3)] == [False, False, True]
    assert len(all_points(logs)) == 2


def test_unchanged_directories_are_not_listed_again(tmp_path, monkeypatch):
    """A walk over directories that did not change costs one stat for each; a change within the clock's granularity is not missed."""
    write(tmp_path / "a" / "events.out.tfevents.1.h", range(1))
    clock = FakeClock(now=(tmp_path / "a").stat().st_mtime)
    logs = LogDirectories([str(tmp_path)], clock=clock)
    logs.poll()
    listed = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (listed.append(path), real(path))[1])
    logs.poll(walk=True)
    assert len(listed) == 2
    clock.advance(10)
    logs.poll(walk=True)
    listed.clear()
    logs.poll(walk=True)
    assert not listed
    write(tmp_path / "a" / "events.out.tfevents.2.h", range(1))
    os.utime(tmp_path / "a", ns=(1, 1))
    assert logs.poll(walk=True)


def test_deleted_files_take_their_points_along(tmp_path):
    """Runs that are deleted are gone, as in TensorBoard, and may come back."""
    path = tmp_path / "a" / "events.out.tfevents.1.h"
    write(path, range(3))
    logs = LogDirectories([str(tmp_path)])
    logs.poll()
    path.unlink()
    assert logs.poll()
    assert not all_points(logs)
    write(path, range(2))
    assert logs.poll(walk=True)
    assert len(all_points(logs)["a", "loss"]) == 2


def test_two_growing_files_of_one_run(tmp_path):
    """Both of two files that grow at the same time are read to their ends, the one that sorts before the other too."""
    older, newer = tmp_path / "events.out.tfevents.100.a", tmp_path / "events.out.tfevents.200.b"
    write(newer, range(2))
    logs = LogDirectories([str(tmp_path)], polls_per_walk=1)
    logs.poll()
    write(older, range(10, 12))
    logs.poll()
    write(newer, range(2, 4))
    write(older, range(12, 14))
    logs.poll()
    assert [step for step, _, _ in all_points(logs)[".", "loss"]] == [0, 1, 2, 3, 10, 11, 12, 13]


def test_problems_are_told(tmp_path):
    """Damaged files and directories that cannot be listed are named with the reason."""
    path = tmp_path / "events.out.tfevents.1.h"
    write(path, range(3))
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)
    logs = LogDirectories([str(tmp_path)])
    assert logs.problems() == ()
    logs.poll(final=True)
    assert [(problem.path, problem.reason) for problem in logs.problems()] == [(str(path), "1 damaged records dropped")]


def test_a_directory_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    """A directory without permission is a problem, not an end; what is beside it is read."""
    write(tmp_path / "open" / "events.out.tfevents.1.h", range(1))
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def refusing(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    logs = LogDirectories([str(tmp_path)])
    logs.poll()
    assert list(all_points(logs)) == [("open", "loss")]
    assert [problem.reason for problem in logs.problems()] == ["cannot be listed: Permission denied; tried again at every walk"]


def test_readers_in_other_threads(tmp_path):
    """While one thread polls a growing file, others see whole points only, and never fewer than before."""
    path = tmp_path / "events.out.tfevents.1.h"
    write(path, range(1))
    logs = LogDirectories([str(tmp_path)])
    ended = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        before = 0
        while not ended.is_set():
            with logs.view() as runs:
                for run in runs:
                    steps = [point.step for point in run.points("loss")]
                    if steps != list(range(len(steps))) or len(steps) < before:
                        wrong.append(str(steps))
                    before = len(steps)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for start in range(1, 400, 10):
        write(path, range(start, start + 10))
        logs.poll()
    ended.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert len(all_points(logs)[".", "loss"]) == 401


def test_files_sort_as_they_were_made():
    """The time in the name decides, then its numbers as numbers."""
    names = [
        "events.out.tfevents.1700000000.host.12.11.v2",
        "events.out.tfevents.1700000000.host.12.9.v2",
        "events.out.tfevents.999999999.host.1.0",
        "my.tfevents",
    ]
    assert sorted(names, key=creation_order) == [names[3], names[2], names[1], names[0]]


@pytest.mark.parametrize(
    ("name", "counts"), [("events.out.tfevents.1.h", True), (".events.out.tfevents.1.h.X3f", False), ("events.log", False)]
)
def test_names(name, counts):
    """Event files are known by their name; hidden ones are copies in the making."""
    assert is_event_file(name) is counts


def test_golden_file_reads_as_tensorboard_reads_it():
    """A file of Keras on TensorFlow 1 gives exactly the points that TensorBoard's reader gives."""
    ours = {tag: read for (_, tag), read in read_once(GOLDEN).items()}
    assert sorted(ours) == ["batch_acc", "batch_loss", "epoch_acc", "epoch_loss", "epoch_val_acc", "epoch_val_loss"]
    assert ours == tensorboard_points(GOLDEN)


def test_generated_file_reads_as_tensorboard_reads_it(tmp_path):
    """Tensors and simple values of our own writer read the same in TensorBoard."""
    writer = EventWriter(tmp_path / "events.out.tfevents.1.h", 1000.0)
    for step in range(50):
        writer.scalars(1000.0 + step, step, loss=1 / (step + 1), a__b__accuracy=step / 50)
        writer.simple_values(1000.5 + step, step * 1000, lr=0.1**step, momentum=0.9)
        writer.add(w.event(1001.0, step, [w.histogram("weights", 500), w.image("image", 9000)]))
    ours = {tag: read for (_, tag), read in read_once(tmp_path).items()}
    assert len(ours) == 4
    assert ours == tensorboard_points(tmp_path)
