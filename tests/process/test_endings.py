"""Every way in which a training can end ends us too, and soon."""

import os
import signal
import sys

import pytest
import supervised

WAYS = {
    "returns": ("sys.exit(3)", 3),
    "raises": ("raise RuntimeError", 1),
    "os._exit": ("os._exit(4)", 4),
    "aborts": ("os.abort()", -signal.SIGABRT),
    "kills itself": ("os.kill(os.getpid(), 9)", -signal.SIGKILL),
    "kills its group": ("os.killpg(0, 9)", -signal.SIGKILL),
    "closes everything first": ("os.closerange(0, 100); os._exit(5)", 5),
    "becomes another program": ("os.execvp('sh', ['sh', '-c', 'exit 6'])", 6),
    "leaves its group": ("os.setpgid(0, os.getpgid(os.getppid())); os._exit(8)", 8),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_ending_gives_its_own_status(way):
    """However the trainer ends, its status is ours."""
    code, status = WAYS[way]
    limit = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
    assert supervised.run(supervised.supervised(sys.executable, "-I", "-S", "-c", limit + code)).returncode == status


def test_a_training_of_an_instant_is_still_followed_by_the_agents_last_work():
    """A trainer that has ended before the agent runs is told of all the same."""
    result = supervised.run(supervised.supervised("true", agent=supervised.ECHO_AGENT))
    assert (result.returncode, b"trainer-ended" in result.stderr) == (0, True)


def test_what_is_left_in_the_group_is_waited_for():
    """A child of the trainer that still writes is waited for before the agent is told."""
    script = "(trap '' HUP; read line; echo late >&2) <&3 & exit 2"
    reading, writing = os.pipe()
    child = supervised.start(
        supervised.supervised(
            "/bin/sh", "-c", f"exec 3</dev/fd/{reading}; {script}", agent=supervised.ECHO_AGENT, straggler_seconds=1000.0
        ),
        pass_fds=(reading,),
    )
    os.close(reading)
    os.write(writing, b"go on\n")
    os.close(writing)
    _, errors = child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == 2
    assert errors.startswith(b"late\n{")


def test_what_stays_in_the_group_is_waited_for_no_longer_than_allowed():
    """A process that the trainer left for good delays us by the limit and no more, and lives on."""
    result = supervised.run(
        supervised.supervised("/bin/sh", "-c", "sleep 1000 </dev/null >/dev/null 2>&1 & echo $!; exit 2", straggler_seconds=0.2)
    )
    assert result.returncode == 2
    os.kill(int(result.stdout), signal.SIGKILL)  # raises when it is gone


def test_a_daemon_that_holds_the_pipes_is_not_waited_for():
    """A grandchild in a session of its own, with every descriptor of the trainer open, does not keep us."""
    child = supervised.start(
        supervised.supervised("/bin/sh", "-c", "setsid sleep 1000 & echo $!; exit 2", straggler_seconds=1000.0)
    )
    daemon = int(child.stdout.readline())
    try:
        assert child.wait(timeout=supervised.LIMIT_SECONDS) == 2
    finally:
        os.kill(daemon, signal.SIGKILL)
        child.communicate(timeout=supervised.LIMIT_SECONDS)
