"""The environment exactly as the caller gave it."""

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.environment import original_environment, parse

NAMES = st.binary(min_size=1).filter(lambda name: b"\0" not in name and b"=" not in name)
VALUES = st.binary().filter(lambda value: b"\0" not in value)


@given(st.dictionaries(NAMES, VALUES))
def test_variables_are_read_back_in_order(variables):
    """Every block that execve can be given reads back as it was, in its order."""
    block = b"".join(name + b"=" + value + b"\0" for name, value in variables.items())
    assert list(parse(block).items()) == list(variables.items())


def test_the_first_of_two_counts_and_nameless_entries_are_left_out():
    """A name given twice has its first value, as getenv(3) has it."""
    assert parse(b"A=1\0A=2\0=x\0junk\0\0B=\0") == {b"A": b"1", b"B": b""}


def test_pythons_own_changes_are_not_seen():
    """What a program does to its environment after its start is not part of the original one."""
    code = "import os; os.environ['NEW'] = '1'; from modelwatch.core.environment import original_environment as e; print(e())"
    result = subprocess.run([sys.executable, "-c", code], env={"LC_ALL": "C"}, capture_output=True, check=True)
    assert result.stdout.strip() == b"{b'LC_ALL': b'C'}"


def test_without_proc_it_is_the_present_environment(monkeypatch):
    """Where the kernel shows no /proc, the environment is what Python has."""

    def refuse(*_arguments):
        raise FileNotFoundError

    monkeypatch.setattr(os, "open", refuse)
    assert original_environment() == dict(os.environb)
