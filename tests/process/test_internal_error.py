"""An error of our own must not take the training with it."""

import signal
import sys

import supervised

BROKEN = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
from modelwatch.supervisor import supervise
from modelwatch.supervisor.ending import end_like
from modelwatch.supervisor.launch import Launch
from modelwatch.supervisor.spawn import Disposition

def fail(self):
    raise MemoryError("no more room")

supervise.Supervisor._advance = fail
end_like(supervise.Supervisor(Launch.from_arguments(sys.argv[1:]), Disposition(frozenset(), False)).run())
"""


def test_after_an_internal_error_signals_and_the_exit_code_still_pass():
    """The supervisor that fails says so, and goes on forwarding, reaping and returning the trainer's status."""
    arguments = supervised.supervised("/bin/sh", "-c", "trap 'exit 9' USR1; echo ready; while :; do read line; done")[4:]
    child = supervised.start([sys.executable, "-c", BROKEN, *arguments])
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGUSR1)
    _, errors = child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == 9
    assert b"internal error, the training goes on without modelwatch: MemoryError: no more room" in errors
