"""TensorFlow's golden files, laid out on disk as their writers leave them."""

import os
import re
import shutil
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden" / "tensorflow"

_ORDER = (r".*\.data-\d{5}-of-\d{5}", r".*\.index", r"(?:.*/)?assets/.*", r".*saved_model\.pb(txt)?", r".*fingerprint\.pb", r".*")
_START_NS = 1_700_000_000_000_000_000
_SECOND_NS = 1_000_000_000


def lay_out(name: str, folder: Path) -> Path:
    """Copy the golden folder `name` to `folder`, with modification times a second apart in the order of writing. Return `folder`."""
    shutil.copytree(GOLDEN / name, folder)
    for path in folder.rglob("*"):
        if path.is_file():
            touch(path, rank(path.relative_to(folder).as_posix()))
    return folder


def rank(path: str) -> int:
    """Return how early writers write a file of this name."""
    return next(number for number, pattern in enumerate(_ORDER) if re.fullmatch(pattern, path))


def touch(path: Path, second: int) -> None:
    """Set a file's modification time to a second of the tests' own time."""
    os.utime(path, ns=(_START_NS, _START_NS + second * _SECOND_NS))


def contents(folder: Path, members: tuple[str, ...]) -> dict[str, bytes]:
    """Return the bytes of `members` below `folder`."""
    return {member: Path(folder, member).read_bytes() for member in members}
