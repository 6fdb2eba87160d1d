"""A repository and things to put into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Lifetime, Provenance, Receipt
from modelwatch.repository.repository import Repository
from modelwatch.repository.storage.staging import StagedUpload
from modelwatch.testing.sink_contract import make_registration, make_snapshot

TEAM = "default"


def new_repository(folder: Path) -> Repository:
    """Make a repository in a folder."""
    return Repository.open(folder, create=True)


def add_version(
    repository: Repository,
    folder: Path,
    *,
    model: str = "digits",
    step: int = 10,
    content: bytes | None = None,
    experiment: str | None = "e1",
    lifetime: Lifetime = Lifetime.PERMANENT,
) -> Receipt:
    """Register a checkpoint of one file whose content is its own unless given."""
    snapshot = make_snapshot(folder / f"{model}-{step}", {"data": f"{model} {step}".encode() if content is None else content})
    registration = replace(
        make_registration(snapshot.manifest, model=model, step=step),
        provenance=Provenance(run="run-1", experiment=experiment, project="p1"),
        lifetime=lifetime,
    )
    return repository.register(registration, snapshot)


def put_content(repository: Repository, content: bytes) -> Digest:
    """Bring content that no version has yet, as an upload does."""
    digest = Digest.of_bytes(content)
    with StagedUpload.create(repository.storage, digest, len(content)) as upload:
        upload.append(0, content)
        upload.finish()
    return digest


def blob_files(repository: Repository) -> list[Path]:
    """Return every blob's file."""
    return sorted(path for path in (repository.root / "blobs").rglob("*") if path.is_file())
