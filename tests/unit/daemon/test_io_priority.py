"""The agent's reads and writes come after the training's."""

import shutil
import subprocess
import sys

import pytest

from modelwatch.daemon.io_priority import let_others_go_first

CODE = """
import subprocess, threading
from modelwatch.daemon.io_priority import let_others_go_first
show = lambda: print(subprocess.run(["ionice", "-p", str(threading.get_native_id())], capture_output=True, text=True).stdout.strip())
print(let_others_go_first())
show()
thread = threading.Thread(target=show)
thread.start()
thread.join()
"""


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("ionice") is None, reason="ionice is missing")
def test_all_threads_of_the_agent_have_the_lowest_priority_that_is_served():
    """Best effort, not idle: beside a busy training an idle reader might never be served."""
    done = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["True", "best-effort: prio 7", "best-effort: prio 7"]


def test_other_systems_and_machines_are_left_alone(monkeypatch):
    """The numbers of system calls differ."""
    monkeypatch.setattr("os.uname", lambda: type("Names", (), {"machine": "vax"}))
    assert not let_others_go_first()
