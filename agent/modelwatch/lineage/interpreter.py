"""The Python that a command runs, and the frameworks that are installed for it, from names of files alone: nothing is imported or run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelwatch.core.files import RegularFile

FRAMEWORKS = frozenset(
    {
        "flax",
        "gradient-utils",
        "jax",
        "keras",
        "lightgbm",
        "lightning",
        "numpy",
        "onnx",
        "pytorch-lightning",
        "scikit-learn",
        "tensorflow",
        "tensorflow-cpu",
        "tensorflow-gpu",
        "tf-keras",
        "tf-nightly",
        "torch",
        "transformers",
        "xgboost",
    }
)
"""Distributions whose versions are told."""

_PYTHON = re.compile(r"python(?:[23](?:\.\d+)?)?")
_MINOR = re.compile(r"python(3\.\d+)")
_DISTRIBUTION = re.compile(r"(?P<name>[\w.]+)-(?P<version>[\w.+!]+)\.dist-info")
_VERSION_OF_ENVIRONMENT = re.compile(r"(?m)^version(?:_info)?\s*=\s*(3\.\d+(?:\.\d+)?)")
_SHEBANG_BYTES = 256


def interpreter(command: Sequence[str], environment: Mapping[str, str], directory: Path) -> Path | None:
    """Return the Python that a command starts, itself or as the interpreter of a script of which it is the name; None when it starts none."""
    program = _program(command[0], environment, directory)
    if program is None or _is_python(program):
        return program
    try:
        with RegularFile(program.resolve()) as file:
            line = file.read_at(0, _SHEBANG_BYTES).partition(b"\n")[0]
    except OSError:
        return None
    if not line.startswith(b"#!"):
        return None
    words = os.fsdecode(line[2:]).split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-")]
    found = _program(words[0], environment, directory) if words else None
    return found if found is not None and _is_python(found) else None


def installed(python: Path) -> tuple[str | None, dict[str, str]]:
    """
    Return the version of a Python, as exactly as its files tell, and the versions of the frameworks that are installed for it.

    Args:
        python: Path of the interpreter. A link is not followed: it is how an environment has its own packages.
    """
    prefix = python.parent.parent
    version = _version(python, prefix)
    if version is None:
        return None, {}
    minor = ".".join(version.split(".")[:2])
    folders = [prefix / "lib" / f"python{minor}" / name for name in ("site-packages", "dist-packages")]
    if prefix == Path("/usr"):  # Debian's layout
        folders += [Path("/usr/local/lib") / f"python{minor}" / "dist-packages", Path("/usr/lib/python3/dist-packages")]
    found: dict[str, str] = {}
    for folder in folders:
        for name in _names(folder):
            distribution = _DISTRIBUTION.fullmatch(name)
            if distribution and (known := distribution["name"].lower().replace("_", "-")) in FRAMEWORKS:
                found.setdefault(known, distribution["version"])
    return version, dict(sorted(found.items()))


def _program(name: str, environment: Mapping[str, str], directory: Path) -> Path | None:
    if "/" in name:
        return path if os.path.isfile(path := directory / name) else None  # noqa: PTH113 -- Path's own raises for a long name
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    return None if found is None else directory / found


def _is_python(program: Path) -> bool:
    return _PYTHON.fullmatch(program.name) is not None


def _version(python: Path, prefix: Path) -> str | None:
    configuration = prefix / "pyvenv.cfg"
    try:
        if configuration.is_file() and (found := _VERSION_OF_ENVIRONMENT.search(configuration.read_text("utf-8", "replace"))):
            return found[1]
    except OSError:
        return None
    named = _MINOR.fullmatch(python.resolve().name)
    return named[1] if named else None


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 -- names, not paths
    except OSError:
        return []
