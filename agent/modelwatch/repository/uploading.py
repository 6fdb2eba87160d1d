"""
Uploading: what a person gives to the repository by hand. An uploaded version has no run and no experiment.

Uploading the same bytes again makes another version, because it was asked for. An upload that was killed before its version was
visible, and is repeated, becomes one version: `Registration.upload` counts the uploads of the same bytes, and the count goes on
only past those that became a version.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from modelwatch.core.entities import Manifest, ManifestEntry, ModelType, Provenance, Receipt, Registration
from modelwatch.core.errors import NotFoundError, TransientError, UsageError
from modelwatch.core.json import JsonValue
from modelwatch.core.steps import reached
from modelwatch.repository.repository import Repository
from modelwatch.repository.storage.directory import ChangedError
from modelwatch.repository.writing import next_upload

EXCLUDED_FOLDERS = frozenset({".git", ".idea", ".pytest_cache", "__pycache__", ".modelwatch"})
"""Folders that are never part of a model; the first three are those that Gradient's own client leaves out."""


@dataclass(frozen=True, slots=True, order=True)
class UploadFile:
    """
    One file to upload.

    Attributes:
        path: In the version, ``/`` as separator.
        source: The regular file, symbolic links resolved.
        size: Bytes.
    """

    path: str
    source: Path
    size: int


@dataclass(frozen=True, slots=True)
class Upload:
    """
    What to upload, and what is said about it.

    Attributes:
        team: Whose model.
        model: The model's name.
        root: Name of the file or folder.
        folder: Absolute path that the files' paths are relative to.
        files: At least one.
        model_type: Gradient's type.
        summary: Gradient's ``modelSummary``: any JSON value, or None.
        notes: Free text.
        step: The training step, if the content tells it.
        epoch: The epoch, if the content tells it.
        metadata: What the content tells about itself.
    """

    team: str
    model: str
    root: str
    folder: str
    files: tuple[UploadFile, ...]
    model_type: ModelType
    summary: JsonValue = None
    notes: str = ""
    step: int | None = None
    epoch: int | None = None
    metadata: JsonValue = None


def files_to_upload(path: Path) -> tuple[UploadFile, ...]:
    """
    List what uploading a file or a folder would take.

    A symbolic link to a file inside the folder counts as that file; every other link, FIFO, socket or device is refused, so that
    nothing is uploaded that the user does not see there.

    Raises:
        NotFoundError: There is nothing at `path`.

        UsageError: The folder holds no file, or something that is refused.
    """
    try:
        root = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links
        raise NotFoundError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if root.is_file():
        return (UploadFile(root.name, root, root.stat().st_size),)
    if not root.is_dir():
        raise UsageError(f"{path} is neither a file nor a folder")
    files = tuple(sorted(_walk(root, root)))
    if not files:
        raise UsageError(f"{path} holds no files")
    return files


def _walk(root: Path, folder: Path) -> Iterator[UploadFile]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror}") from error
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            if entry.name not in EXCLUDED_FOLDERS:
                yield from _walk(root, entry)
        else:
            yield _file(root, entry)


def _file(root: Path, entry: Path) -> UploadFile:
    try:
        source = entry.resolve(strict=True)
        status = source.stat()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{entry}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if entry.is_symlink() and not source.is_relative_to(root):
        raise UsageError(f"{entry} is a symbolic link out of the folder", hint="upload the real folder, or copy the file into it")
    if not stat.S_ISREG(status.st_mode):
        kind = "a symbolic link to a folder" if entry.is_symlink() else "not a regular file"
        raise UsageError(f"{entry} is {kind}", hint="move it out of the folder")
    return UploadFile(entry.relative_to(root).as_posix(), source, status.st_size)


def upload(repository: Repository, request: Upload, *, advance: Callable[[int], None]) -> Receipt:
    """
    Copy files into the repository and make a version of them.

    Args:
        repository: Where to.

        request: What.

        advance: Is told the bytes copied since the last call.

    Raises:
        PermanentError: A file is gone or unreadable, or a name is empty.

        TransientError: A file changed while it was read, or the repository cannot be written now.
    """
    storage = repository.storage
    with repository.changing():
        repository.place_called(request.model, team=request.team)  # a name that cannot be is told before anything is copied
        entries = []
        for file in request.files:
            try:
                digest, size = storage.put_blob(file.source, advance=advance)
            except ChangedError as error:
                raise TransientError(str(error), hint="upload it when nothing writes to it any more") from error
            entries.append(ManifestEntry(file.path, size, digest))
            reached("repository.blob-stored")
        manifest = Manifest(tuple(sorted(entries, key=lambda entry: entry.path)))
        storage.sync_blobs(frozenset(entry.digest for entry in entries))
        reached("repository.blobs-durable")
        return repository.claim_stored(registration_of(request, manifest), choose=next_upload)


def register_upload(repository: Repository, registration: Registration) -> Receipt:
    """
    Make a version of an upload whose content is in the repository already.

    Args:
        repository: Where.

        registration: What; its `Registration.upload` is chosen here, so that the same bytes again are another version.

    Raises:
        MissingContentError: Some of the content is not there.

        PermanentError: A name is empty, or it is by reference.

        TransientError: The repository cannot be written now.
    """
    with repository.changing():
        return repository.claim_stored(registration, choose=next_upload)


def registration_of(request: Upload, manifest: Manifest) -> Registration:
    """Return the registration of an upload, which tells it from no other of the same bytes yet."""
    return Registration(
        team=request.team,
        model=request.model,
        model_type=request.model_type,
        format="upload",
        root=request.root,
        manifest=manifest,
        provenance=Provenance(),
        created=time.time(),
        step=request.step,
        epoch=request.epoch,
        metadata=request.metadata or {},
        source=request.folder,
        summary=request.summary,
        notes=request.notes,
    )
