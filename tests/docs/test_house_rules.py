"""The rules of the house that no linter knows."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import warnings

import pytest
from project_files import PACKAGE, ROOT, files, relative

_LONG_LINES = 450
_VAGUE_NAMES = {"util", "utils", "helper", "helpers", "manager", "common", "misc", "stuff"}
_EXCUSE = re.compile(
    r"#\s*(?:noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type:\s*ignore(?:\[[\w,\s-]+\])?|pragma: no \w+)(?P<reason>.*)"
)
_UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b(?!\s*\(?#\d)")
_DURABLE_CALLS = {"fsync", "fdatasync"}
_DURABLE_MODULES = {
    PACKAGE / "core" / "durable.py",
    PACKAGE / "repository" / "storage" / "copying.py",  # contents too large to pass through durable.py as bytes
    PACKAGE / "snapshot" / "store.py",  # as above
}

PYTHON = [*files(".py", below=ROOT / "agent"), *files(".py", below=ROOT / "tests"), *files(".py", below=ROOT / "container")]
TESTS = [path for path in PYTHON if path.is_relative_to(ROOT / "tests") and not path.is_relative_to(ROOT / "tests" / "support")]
PRODUCT = [path for path in PYTHON if path.is_relative_to(PACKAGE)]
TEXTS = [*PYTHON, *files(".md", ".yaml", ".yml", ".toml", ".sh", ".sql", ".txt")]


def _calls(path):
    """Give every call in a Python file with the dotted name of what is called."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def _said_at(path, node, what):
    return f"{relative(path)}:{node.lineno}: {what}"


@pytest.mark.parametrize("folder", ["product", "tests"])
def test_nobody_sleeps(folder):
    """Waits are for an event or a condition with a limit; only the tests' support may poll."""
    paths = PRODUCT if folder == "product" else [path for path in TESTS if not path.is_relative_to(ROOT / "tests" / "bench")]
    found = [
        _said_at(path, node, name)
        for path in paths
        for node, name in _calls(path)
        if name in {"time.sleep", "sleep", "asyncio.sleep"}
    ]
    assert found == []


def test_no_thread_is_a_daemon_thread():
    """A daemon thread is killed in the middle of its work when the interpreter ends."""
    found = [
        _said_at(path, node, name)
        for path in PRODUCT
        for node, name in _calls(path)
        for keyword in node.keywords
        if keyword.arg == "daemon" and ast.unparse(keyword.value) == "True"
    ]
    assert found == []


def test_few_modules_decide_what_is_durable():
    """Nobody but the durable writes and the copying of large files calls fsync."""
    found = [
        _said_at(path, node, name)
        for path in PRODUCT
        if path not in _DURABLE_MODULES
        for node, name in _calls(path)
        if name.rpartition(".")[2] in _DURABLE_CALLS
    ]
    assert found == []


def test_every_exception_to_a_check_has_its_reason():
    """A silenced linter or type checker says beside it why."""
    found = []
    for path in PYTHON:
        for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline):
            excuse = _EXCUSE.search(token.string) if token.type == tokenize.COMMENT else None
            if excuse and not re.search(r"\w{3}", excuse["reason"]):
                found.append(f"{relative(path)}:{token.start[0]}: {token.string}")
    assert found == []


def test_nothing_is_left_for_later():
    """What is to be done stands in the issue tracker, with a number."""
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if _UNFINISHED.search(line)
    ]
    assert found == []


def test_no_path_of_anyones_machine():
    """Nothing points into the folder this is developed in, anyone's home, or an environment outside the project."""
    own = {str(ROOT), sys.prefix, sys.base_prefix} - {"/", "/usr", "/usr/local"}
    pattern = re.compile(
        "|".join([*(re.escape(path) + r"(?:/|\b)" for path in own), r"/home/(?!user\b)\w+/", r"/Users/\w+/", r"/tmp/\w*env\b"])
    )
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_names_say_what_is_in_a_file():
    """No file or folder is named for being useful."""
    found = [
        relative(path) for path in PYTHON if _VAGUE_NAMES & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
    ]
    assert found == []


def test_tests_import_by_distinct_names():
    """The modules in tests/support have names that nothing in the standard library and no dependency has."""
    found = [
        relative(path)
        for path in files(".py", below=ROOT / "tests" / "support")
        if path.stem in sys.stdlib_module_names | {"modelwatch"}
    ]
    assert found == []


def test_test_folders_are_not_packages():
    """Test files are imported by path, so that two folders may each have their test_layout.py."""
    assert [relative(path) for path in (ROOT / "tests").rglob("__init__.py")] == []


def test_nothing_generated_is_kept():
    """What .gitignore names is not in the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout == ""


def test_a_file_is_one_idea():
    """A long file is pointed at, as a warning: look for its second idea."""
    for path in PYTHON:
        lines = path.read_text("utf-8").count("\n")
        if lines > _LONG_LINES:
            warnings.warn(f"{relative(path)} has {lines} lines: look for its second idea", stacklevel=1)
