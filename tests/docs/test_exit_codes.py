"""The README's table of exit codes holds every code that the program has, and no other."""

import re

from project_files import ROOT

from modelwatch.cli import main
from modelwatch.core import errors
from modelwatch.supervisor import ending

_ROW = re.compile(r"^\| (\d+) \|", re.MULTILINE)


def test_every_exit_code_is_documented():
    """Each error's code and each of the entrypoint's and the command line's own stands in the README, beside 0 for done."""
    of_errors = {
        kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ModelwatchError)
    }
    of_entrypoint = {ending.OWN_FAILURE, ending.NOT_EXECUTABLE, ending.NOT_FOUND}
    table = (ROOT / "README.md").read_text("utf-8").partition("## Exit codes")[2].partition("\n## ")[0]
    of_command_line = {main._INTERRUPTED, main._BROKEN_PIPE}
    assert {int(code) for code in _ROW.findall(table)} == {0} | of_errors | of_entrypoint | of_command_line


def test_the_error_tree_names_its_codes():
    """The tree at the top of the errors module shows the code that each class really has."""
    tree = errors.__doc__ or ""
    for name, code in re.findall(r"(\w+Error)\s+(?:exit code )?(\d+)", tree):
        assert getattr(errors, name).exit_code == int(code), name
