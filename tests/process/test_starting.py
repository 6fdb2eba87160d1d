"""What happens when the trainer cannot be started, and how its command is found."""

import os
import subprocess

import pytest
import supervised


def test_missing_command_is_127():
    """A command that does not exist gives 127 and one line, and no agent is started."""
    result = supervised.run(supervised.supervised("no-such-command", agent=supervised.shell_agent("echo agent >&2")))
    assert result.returncode == 127
    assert result.stderr == b"modelwatch: cannot run no-such-command: No such file or directory\n"


@pytest.mark.parametrize("kind", ["plain file", "folder"])
def test_unexecutable_command_is_126(tmp_path, kind):
    """A command that exists but cannot be executed gives 126 and one line."""
    target = tmp_path / "target"
    target.mkdir() if kind == "folder" else target.write_text("not a program", encoding="utf-8")
    result = supervised.run(supervised.supervised(str(target)))
    assert result.returncode == 126
    assert result.stderr == f"modelwatch: cannot run {target}: Permission denied\n".encode()


def test_arguments_of_ours_that_make_no_sense_are_125():
    """A supervisor that is not started by `modelwatch run` gives 125 and says so."""
    result = supervised.run([*supervised.supervised("true")[:4], "nonsense"])
    assert result.returncode == 125
    assert b"`modelwatch run`" in result.stderr


def test_a_script_without_an_interpreter_line_runs_as_execvp_runs_it(tmp_path):
    """A file of shell commands with no ``#!`` is given to /bin/sh, with its arguments."""
    script = tmp_path / "script"
    script.write_text('echo "$0" "$1"; exit 4', encoding="utf-8")
    script.chmod(0o755)
    result = supervised.run(supervised.supervised(str(script), "argument"))
    assert (result.returncode, result.stdout) == (4, f"{script} argument\n".encode())


def test_the_command_is_looked_for_in_the_callers_path(tmp_path):
    """PATH is searched in order, a file that may not be executed is passed over, and an empty entry is the working directory."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, mode in ((first, 0o644), (second, 0o755)):
        folder.mkdir()
        (folder / "trainer").write_text("#!/bin/sh\npwd", encoding="utf-8")
        (folder / "trainer").chmod(mode)

    def find(path, cwd):
        return subprocess.run(
            supervised.supervised("trainer"), env={"PATH": path}, cwd=cwd, capture_output=True, check=False, timeout=60
        ).returncode

    assert find(f"{first}:{second}", tmp_path) == 0
    assert find(f"{first}", tmp_path) == 126
    assert find(f"{first}/none:", second) == 0
    assert find(f"{first}/none:", tmp_path) == 127


def test_arguments_that_are_not_utf8_arrive_unchanged():
    """The trainer's arguments are bytes to us."""
    strange = os.fsdecode(b"\xff \n'\"$x")
    result = supervised.run(supervised.supervised("printf", "%s", strange, ""), env={"LC_ALL": "C", "PATH": os.defpath})
    assert result.stdout == os.fsencode(strange)
