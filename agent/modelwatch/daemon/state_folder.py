"""Where the agent keeps its journal and snapshots, and that only one agent does."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from modelwatch.core.errors import StateError
from modelwatch.core.lock import LockedError, locked

FOLDER_NAME = ".modelwatch"

_MARKER = "modelwatch-state"


def state_folder(model_path: str, state_dir: str | None) -> Path:
    """
    Return the state folder for a model path; makes nothing.

    By default it is `.modelwatch` at the top of the model path: the same file system, so that reflinks and hard links work. A model path
    that cannot be written gets a folder in the user's own state directory instead; its snapshots are then copies.
    """
    if state_dir:
        return Path(state_dir)
    root = Path(model_path)
    inside = root / FOLDER_NAME
    nearest = next(path for path in (inside, root, *root.parents) if path.exists())
    if os.access(nearest, os.W_OK):
        return inside
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return home / "modelwatch" / hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]


def journal_path(folder: Path) -> Path:
    """Return the journal's file in a state folder."""
    return folder / "journal.sqlite3"


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[Path]:
    """
    Make the state folder if it is missing and hold it: one agent per state folder.

    Raises:
        StateError: It cannot be made or written, or another agent holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / _MARKER
        if not marker.exists():
            marker.write_text(
                "This folder belongs to modelwatch: its journal and the snapshots of checkpoints.\n", encoding="ascii"
            )
    except OSError as error:
        raise StateError(
            f"cannot make the state folder {folder}: {error.strerror}", hint="choose another with --stateDir"
        ) from error
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / "lock", wait=False))
        except LockedError as error:
            raise StateError(
                f"another agent is watching with the state folder {folder}", hint="stop it, or give this one its own --stateDir"
            ) from error
        except OSError as error:
            raise StateError(
                f"cannot lock the state folder {folder}: {error.strerror}", hint="choose another with --stateDir"
            ) from error
        yield folder
