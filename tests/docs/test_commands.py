"""Every command in the documents can be typed as it stands, and every command there is stands in the README."""

import re
import shlex

import pytest
from project_files import ROOT, files, relative

from modelwatch.cli.main import COMMANDS, build_parser
from modelwatch.core.errors import UsageError

_BLOCK = re.compile(r"^```(?:sh|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`(modelwatch [^`\n]+)`")
_PLACEHOLDER = re.compile(r"[…|]|\.\.\.|<\w|COMMAND|\bPATH\b|\bNAME\b")
DOCUMENTS = [ROOT / "README.md", *files(".md", below=ROOT / "docs")]


def typed_in(document):
    """Give each modelwatch command that a document shows, without its prompt, comment and what would follow a pipe."""
    text = document.read_text("utf-8")
    for block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            command = line.removeprefix("$ ").strip()
            if command.startswith("modelwatch ") and not _PLACEHOLDER.search(command.partition(" #")[0]):
                yield command
    yield from (code for code in _CODE.findall(_BLOCK.sub("", text)) if not _PLACEHOLDER.search(code))


def words_of(command):
    """Return the arguments of a command line."""
    return shlex.split(command, comments=True)[1:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_commands_in_the_documents_are_understood(document):
    """The real parser takes every command of the document; one that only names a command needs no more than to exist."""
    refused = []
    for command in typed_in(document):
        words = words_of(command)
        parser = build_parser([words[0]] if words[0] in COMMANDS else tuple(COMMANDS))
        try:
            parser.parse_args(words)
        except UsageError as error:
            if "required" not in str(error):
                refused.append(f"{command}: {error}")
        except SystemExit as end:  # --help and --version
            if end.code:
                refused.append(command)
    assert refused == []


def test_every_command_is_in_the_readme():
    """A command that the README does not name might as well not be there."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"modelwatch {name}" not in readme] == []
