"""Where the agent keeps its journal and snapshots, and that only one agent does."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from modelwatch.core.errors import DiskFullError, NotFoundError, StateError
from modelwatch.core.lock import LockedError, locked

FOLDER_NAME = ".modelwatch"

_MARKER = "modelwatch-state"
_ALIVE = "alive"


def state_folder(model_path: str, state_dir: str | None) -> Path:
    """
    Return the state folder that an agent for a model path uses; makes nothing.

    By default it is `.modelwatch` at the top of the model path: the same file system, so that reflinks and hard links work. A model path
    that cannot be written gets a folder in the user's own state directory instead; its snapshots are then copies. That folder stays in
    use when the model path can be written later: a second journal would register everything twice.
    """
    if state_dir:
        return Path(state_dir)
    root = Path(model_path)
    inside, outside = root / FOLDER_NAME, _outside(root)
    nearest = next(path for path in (inside, root, *root.parents) if os.access(path, os.F_OK))
    if not os.access(nearest, os.W_OK | os.X_OK):
        return outside
    return outside if _has_journal(outside) and not _has_journal(inside) else inside


def known_state_folder(model_path: str, state_dir: str | None) -> Path:
    """
    Return the state folder of a model path to read from: another user's agent may have written into it.

    Raises:
        NotFoundError: Nothing has been watched there.
    """
    folder = state_folder(model_path, state_dir)
    if not state_dir and not _has_journal(folder):
        folder = Path(model_path) / FOLDER_NAME
    if not _has_journal(folder):
        missing = "" if os.access(model_path, os.F_OK) else f": the model path {model_path} does not exist, or may not be read"
        raise NotFoundError(f"nothing has been watched yet{missing}", hint=f"looked for a journal in {folder}")
    return folder


def _outside(root: Path) -> Path:
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return home / "modelwatch" / hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:16]


def _has_journal(folder: Path) -> bool:
    return os.access(journal_path(folder), os.F_OK)


def journal_path(folder: Path) -> Path:
    """Return the journal's file in a state folder."""
    return folder / "journal.sqlite3"


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[Path]:
    """
    Make the state folder if it is missing and hold it: one agent per state folder.

    Raises:
        StateError: It cannot be made or written, or another agent holds it; DiskFullError when there is no room.
    """
    try:
        # The model path is never made: a training may take an existing folder for the results of an earlier one.
        folder.mkdir(parents=folder.name != FOLDER_NAME, exist_ok=True)
        marker = folder / _MARKER
        if not marker.exists():
            marker.write_text(
                "This folder belongs to modelwatch: its journal and the snapshots of checkpoints.\n", encoding="ascii"
            )
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(
                f"no room for the state folder {folder}", hint="make room, or choose another with --stateDir"
            ) from error
        raise StateError(
            f"cannot make the state folder {folder}: {error.strerror}", hint="choose another with --stateDir"
        ) from error
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / "lock", wait=False))
            stack.enter_context(locked(folder / _ALIVE))  # waits as long as somebody looks, which is no time
        except LockedError as error:
            raise StateError(
                f"another agent is watching with the state folder {folder}", hint="stop it, or give this one its own --stateDir"
            ) from error
        except OSError as error:
            raise StateError(
                f"cannot lock the state folder {folder}: {error.strerror}", hint="choose another with --stateDir"
            ) from error
        yield folder


def is_held(folder: Path) -> bool:
    """
    Return whether an agent holds a state folder now.

    Asked of a lock of its own: one that is taken to look at it would refuse an agent that starts at that moment.
    """
    try:
        with locked(folder / _ALIVE, shared=True, wait=False):
            return False
    except LockedError:
        return True
    except OSError:
        return False  # a read-only folder: nobody can be writing there
