"""`modelwatch models` needs nothing that exists on Unix alone."""

import subprocess
import sys

_PROGRAM = """
import os, sys, types

# What CPython on Windows does not have.
unix_modules = {"fcntl", "pwd", "grp", "termios", "tty", "pty", "resource", "syslog", "posix_ipc"}
for name in unix_modules:
    sys.modules[name] = None
for name in ("preadv", "pread", "pwrite", "copy_file_range", "sendfile", "mkfifo", "fork", "posix_spawn", "waitid", "statvfs", "getuid",
             "geteuid", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "fchmod", "pidfd_open", "register_at_fork"):
    if hasattr(os, name):
        delattr(os, name)
msvcrt = types.ModuleType("msvcrt")
msvcrt.LK_LOCK, msvcrt.LK_NBLCK, msvcrt.locking = 1, 2, lambda descriptor, mode, count: None
sys.modules["msvcrt"] = msvcrt

from modelwatch.cli.main import main

repository, source, destination = sys.argv[1:]
for words in (["models", "list"], ["models", "upload", source, "--name", "m"], ["models", "tag", "m", "a"], ["models", "details", "m"],
              ["models", "download", "m", "--destination", destination], ["models", "verify", "m"], ["experiments", "list"],
              ["models", "delete", "m", "--yes"]):
    code = main([*words, "--repository", repository])
    assert code == 0, words
"""


def test_every_command_works_without_what_is_unix_alone(tmp_path):
    """With the modules and functions taken away that Windows does not have, a model is uploaded, shown, downloaded and deleted."""
    source = tmp_path / "model"
    source.mkdir()
    (source / "large").write_bytes(b"w" * (2 << 20))
    (source / "small").write_bytes(b"s")
    command = [sys.executable, "-c", _PROGRAM, tmp_path / "repository", source, tmp_path / "here"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "here/large").read_bytes() == b"w" * (2 << 20)
