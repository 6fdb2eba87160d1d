"""What people run on their own computers, beside `modelwatch models`, needs nothing that exists on Unix alone."""

import subprocess
import sys

import pytest

_PROGRAM = """
import sys, types

for name in ("fcntl", "pwd", "grp", "termios", "tty", "pty", "resource", "syslog"):
    sys.modules[name] = None  # importing it raises ImportError
msvcrt = types.ModuleType("msvcrt")  # what takes the place of fcntl on Windows
msvcrt.LK_LOCK, msvcrt.LK_NBLCK, msvcrt.locking = 1, 2, lambda descriptor, mode, count: None
sys.modules["msvcrt"] = msvcrt

from modelwatch.cli.main import main

sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["config", "show", "--origin"],
        ["config", "example"],
        ["completion", "zsh"],
        ["models", "--help"],
        ["experiments", "--help"],
    ],
    ids=" ".join,
)
def test_it_works_without_the_modules_of_unix(words, tmp_path):
    """With fcntl, termios, resource, pwd and their like taken away, the command does what it says."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *words], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
