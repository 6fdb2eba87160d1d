"""Everything that is known of a training from outside, as it is kept with each of its versions."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from modelwatch.config.settings import Git
from modelwatch.core.json import JsonValue
from modelwatch.lineage.interpreter import installed, interpreter
from modelwatch.lineage.secrets import is_secret_name, masked
from modelwatch.lineage.working_tree import working_tree

IMAGE_VARIABLES = ("CONTAINER_IMAGE", "DOCKER_IMAGE", "IMAGE_NAME", "CI_JOB_IMAGE", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
"""
Where the container's image is looked for, the first that is set counts. No platform promises one: the first three are what people set by
hand, the others are GitLab's and Apptainer's.
"""

_LONGEST_VALUE = 200


def collect(
    git: Git | None,
    patterns: Sequence[str],
    environment: Mapping[str, str],
    *,
    command: Sequence[str] | None,
    directory: Path,
) -> dict[str, JsonValue]:
    """
    Return what is known; a key that nothing is known for is absent.

    Args:
        git: What the platform says of the commit; it wins over the working tree.

        patterns: Globs of the names of variables that hold hyperparameters.

        environment: The training's, which is also the agent's.

        command: The training's, without secrets; None when it is not known. Its working tree and interpreter are looked for only then: the
            folder that a sidecar is started in is not the training's.

        directory: Absolute path of the folder that the command was started in.
    """
    known: dict[str, JsonValue] = {}
    if git is None and command is not None:
        git = working_tree(directory) or _of_script(command, directory)
    if git is not None:
        known["git"] = {**git.to_json(), **({"repository": masked(git.repository)} if git.repository else {})}
    if command is not None:
        known["command"] = shlex.join(command)
        if (python := interpreter(command, environment, directory)) is not None:
            version, packages = installed(python)
            known |= {"python": version, "packages": packages}
    known["image"] = next((masked(environment[name]) for name in IMAGE_VARIABLES if environment.get(name)), None)
    known["environment"] = hyperparameters(environment, patterns)
    return {name: value for name, value in known.items() if value}


def hyperparameters(environment: Mapping[str, str], patterns: Sequence[str]) -> dict[str, str]:
    """
    Return the variables that one of the globs names and that may be shown.

    Never one whose name or value looks like a secret (`lineage/secrets.py`), whatever the globs say; nor one that is long, or of several lines.
    """
    return {
        name: value
        for name, value in sorted(environment.items())
        if any(fnmatchcase(name, pattern) for pattern in patterns) and _may_be_shown(name, value)
    }


def _may_be_shown(name: str, value: str) -> bool:
    plain = value.isprintable() and len(value) <= _LONGEST_VALUE
    return plain and not is_secret_name(name) and masked(value) == value


def _of_script(command: Sequence[str], directory: Path) -> Git | None:
    """Return the working tree of the first word that is a file with a folder, as the script in ``python /app/train.py``."""
    script = next((path for word in command[1:] if "/" in word and os.path.isfile(path := directory / word)), None)  # noqa: PTH113 -- Path's own raises for a long word
    return None if script is None else working_tree(script.parent)
