"""The project's own files, for the tests that hold rules against them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "agent" / "modelwatch"

_GENERATED = {"__pycache__", "node_modules", "dist", "build"}
_BUILD_TESTS = ROOT / "tests" / "build"


def files(*suffixes: str, below: Path = ROOT) -> Iterator[Path]:
    """Give the project's files with one of the suffixes, in path order; nothing hidden but .ci, nothing generated."""
    for entry in sorted(below.iterdir()):
        if entry.is_dir():
            hidden = entry.name.startswith(".") and entry.name != ".ci"
            if not hidden and (entry.name not in _GENERATED or entry == _BUILD_TESTS):
                yield from files(*suffixes, below=entry)
        elif entry.suffix in suffixes:
            yield entry


def relative(path: Path) -> str:
    """Return the path as people write it, from the project's top."""
    return path.relative_to(ROOT).as_posix()
