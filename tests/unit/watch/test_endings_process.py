"""Processes as a sign of the end: which ones count, and that none of them has to be caught alive."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelwatch.config.wait_for import wait_for
from modelwatch.testing.clock import FakeClock
from modelwatch.watch.endings.process import Processes
from modelwatch.watch.endings.process_table import ProcessTable

UNSEEN_SECONDS = 100.0


class FakeProc:
    """A /proc that a test fills; the process that runs the test is always in it."""

    def __init__(self, folder):
        self.folder = folder
        self.table = ProcessTable(folder)

    def add(self, pid, parent, command, *, name=None, state="S", started=None):
        """Make a process, or change one."""
        place = self.folder / str(pid)
        place.mkdir(exist_ok=True)
        name = name or Path(command.split(" ")[0]).name
        middle = " ".join(["0"] * 17)
        (place / "stat").write_text(f"{pid} ({name}) {state} {parent} {middle} {started or pid} 0 0\n")
        (place / "cmdline").write_bytes(b"" if state == "Z" else command.replace(" ", "\0").encode() + b"\0")

    def end(self, pid):
        """Take a process away."""
        for name in ("stat", "cmdline"):
            (self.folder / str(pid) / name).unlink()
        (self.folder / str(pid)).rmdir()


@pytest.fixture
def proc(tmp_path, monkeypatch):
    """Give a pod's processes: the namespace's holder and our own container; the kernel is asked for none of them."""
    monkeypatch.setattr(os, "pidfd_open", refused)
    fake = FakeProc(tmp_path)
    (tmp_path / "meminfo").touch()
    fake.add(1, 0, "/pause")
    fake.add(50, 0, "tini -- modelwatch watch --waitFor others")
    fake.add(os.getpid(), 50, "python -I /opt/modelwatch watch --waitFor others")
    return fake


def refused(pid):
    """Stand for a kernel, or a container's filter of system calls, without pidfds."""
    raise PermissionError


@pytest.fixture
def clock():
    """Give a clock that the test moves."""
    return FakeClock()


def sign(proc, clock, *texts, quiet=lambda: 1e9):
    """Return the sign for what is waited for."""
    return Processes([wait_for(text) for text in texts], UNSEEN_SECONDS, quiet, clock, proc.table)


@pytest.mark.parametrize("first", ["the sidecar", "the training"])
def test_the_first_process_of_another_container_is_waited_for(proc, clock, first):
    """Whichever of the two is started first; a process below it does not count."""
    others = sign(proc, clock, "others")
    if first == "the sidecar":
        assert others.look() is None
    proc.add(70, 0, "python train.py")
    proc.add(71, 70, "python worker.py")
    assert others.look() is None
    proc.end(70)
    proc.add(71, 1, "python worker.py")
    assert others.look() == "others has ended"


def test_all_the_other_containers_are_waited_for_whenever_they_start(proc, clock):
    """One that starts while another runs counts."""
    others = sign(proc, clock, "others")
    proc.add(70, 0, "python train.py")
    assert others.look() is None
    proc.add(80, 0, "python evaluate.py")
    assert others.look() is None
    proc.end(70)
    assert others.look() is None
    proc.add(80, 0, "python evaluate.py", state="Z")
    assert others.look() is not None


@pytest.mark.parametrize("name", ["pause", "catatonit", "pod"])
def test_the_holder_of_the_namespace_is_no_training(proc, clock, name):
    """It ends with the pod only."""
    proc.add(1, 0, f"/{name}")
    others = sign(proc, clock, "others")
    clock.advance(UNSEEN_SECONDS + 1)
    assert "no process of others was seen" in others.look()


def test_a_training_that_holds_the_namespace_itself_is_waited_for(proc, clock):
    """Without a container for the namespace the training is its first process."""
    proc.add(1, 0, "python train.py")
    others = sign(proc, clock, "others")
    assert others.look() is None
    clock.advance(UNSEEN_SECONDS + 1)
    assert others.look() is None


def test_what_is_executed_in_our_own_container_is_no_training(proc, clock):
    """A probe's process has no parent in the namespace either; it shares our mount namespace."""
    for name in ("self", "90"):
        (proc.folder / name / "ns").mkdir(parents=True)
        (proc.folder / name / "ns" / "mnt").symlink_to("/proc/self/status")
    proc.add(90, 0, "modelwatch status")
    others = sign(proc, clock, "others")
    assert others.look() is None
    proc.add(90, 0, "modelwatch status", state="Z")
    assert others.look() is None


@pytest.mark.parametrize("text", ["train.py", "python train", r"/^python \S*train\.py --lr/"])
def test_a_command_is_found_by_a_part_of_it_or_an_expression(proc, clock, text):
    """Neither we, nor our shell, nor another sidecar that waits for the same count."""
    proc.add(50, 0, f"sh -c modelwatch watch {text} python train.py --lr 1")
    proc.add(60, 0, "python -I /opt/modelwatch watch --waitFor python train.py --lr 1")
    command = sign(proc, clock, text)
    assert command.look() is None
    clock.advance(UNSEEN_SECONDS - 1)
    assert command.look() is None
    proc.add(70, 0, "python train.py --lr 1")
    assert command.look() is None
    proc.end(70)
    assert command.look() == f"{text} has ended"


def test_what_a_trainer_leaves_behind_is_not_waited_for(proc, clock):
    """Workers have their trainer's command line; one that outlives it, daemonised, must not keep us."""
    proc.add(70, 0, "sh -c python train.py")
    proc.add(71, 70, "python train.py")
    proc.add(72, 71, "python train.py")
    command = sign(proc, clock, "train.py")
    assert command.look() is None
    for pid in (70, 71):
        proc.end(pid)
    proc.add(72, 1, "python train.py")
    assert command.look() == "train.py has ended"


def test_several_trainings_that_run_at_once_are_all_waited_for(proc, clock):
    """Two that match and are not of one family."""
    proc.add(70, 0, "python train.py 0")
    proc.add(80, 0, "python train.py 1")
    command = sign(proc, clock, "train.py")
    assert command.look() is None
    proc.end(70)
    assert command.look() is None
    proc.end(80)
    assert command.look() is not None


def test_an_id_that_is_given_to_another_process_is_an_end(proc, clock):
    """The same number with another start is not the training."""
    proc.add(70, 0, "python train.py", started=1000)
    pid = sign(proc, clock, "70")
    assert pid.look() is None
    proc.add(70, 0, "python other.py", started=2000)
    assert pid.look() == "process 70 has ended"


@pytest.mark.parametrize("text", ["70", "70, which is a zombie"])
def test_an_id_that_is_not_there_has_ended_already(proc, clock, text):
    """Somebody had the number, so there was a process."""
    if text != "70":
        proc.add(70, 0, "python train.py", state="Z")
    assert sign(proc, clock, "70").look() == "process 70 has ended before it was seen"


def test_all_that_is_asked_for_must_have_ended(proc, clock):
    """In any order, and each is told of."""
    proc.add(70, 0, "python train.py")
    proc.add(80, 0, "python evaluate.py")
    both = sign(proc, clock, "train.py", "80")
    assert both.look() is None
    proc.end(80)
    assert both.look() is None
    proc.end(70)
    assert both.look() == "train.py has ended; process 80 has ended"


@pytest.mark.parametrize("text", ["others", "train.py"])
def test_what_is_never_seen_counts_as_over_when_nothing_is_written_either(proc, clock, text):
    """A training may be over before anybody looks; but where something is written, the name may be wrong, and we stay."""
    quiet = [0.0]
    never = sign(proc, clock, text, quiet=lambda: quiet[0])
    assert never.look() is None
    clock.advance(UNSEEN_SECONDS * 10)
    quiet[0] = UNSEEN_SECONDS - 1
    assert never.look() is None
    quiet[0] = UNSEEN_SECONDS
    assert never.look() == f"no process of {text} was seen and nothing was written for 100 s"


def test_a_name_may_hold_anything(proc, clock):
    """Brackets, spaces and line ends in an executable's name do not confuse us."""
    proc.add(70, 0, "python train.py", name="a) S 1 (b\n")
    assert proc.table.get(70).parent == 0
    assert proc.table.get(70).name == "a) S 1 (b\n"


@pytest.mark.parametrize("pidfds", ["with pidfds", "without"])
def test_a_real_process_is_seen_to_end(clock, monkeypatch, pidfds):
    """With pidfds something becomes readable at once; without them the next look tells."""
    if pidfds == "without":
        monkeypatch.setattr(os, "pidfd_open", refused)
    mark = f"training-{os.urandom(6).hex()}"
    code = "import sys; print('ready', flush=True); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", code, mark], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    both = Processes([wait_for(mark), wait_for(str(child.pid))], UNSEEN_SECONDS, lambda: 0.0, clock)
    assert both.look() is None
    assert len(both.descriptors()) == (2 if pidfds == "with pidfds" else 0)
    child.communicate(timeout=60)
    assert both.look() == f"{mark} has ended; process {child.pid} has ended"
    both.close()
    both.close()


def test_nothing_stays_open_when_we_stop_before_the_training(clock):
    """Closing lets go of what is held."""
    waiting = Processes([wait_for(str(os.getpid()))], UNSEEN_SECONDS, lambda: 0.0, clock)
    assert waiting.look() is None
    assert waiting.descriptors()
    waiting.close()
    assert not waiting.descriptors()


def test_a_table_that_is_slow_to_read_is_read_less_often(proc, clock, monkeypatch):
    """At most 0.2 % of a core; but what is over, and what was never seen, is judged by a table that is fresh."""
    reads = []
    read = proc.table.read

    def slowly():
        clock.advance(0.004)
        reads.append(clock.monotonic())
        return read()

    monkeypatch.setattr(proc.table, "read", slowly)
    others = sign(proc, clock, "others")
    for _ in range(20):
        assert others.look() is None
        clock.advance(0.5)
    assert len(reads) == 4
    proc.add(70, 0, "python train.py")
    clock.advance(5.0)
    assert others.look() is None
    proc.add(80, 0, "python evaluate.py")
    proc.end(70)
    assert others.look() is None
    proc.end(80)
    assert others.look() == "others has ended"
