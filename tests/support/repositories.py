"""A repository and things to put into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Lifetime, Manifest, Metric, Provenance, Receipt, RunReport
from modelwatch.repository.layout import decode_name
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
    team: str = TEAM,
) -> Receipt:
    """Register a checkpoint of one file whose content is its own unless given."""
    snapshot = make_snapshot(folder / f"{model}-{step}", {"data": f"{model} {step}".encode() if content is None else content})
    registration = replace(
        make_registration(snapshot.manifest, model=model, step=step),
        provenance=Provenance(run="run-1", experiment=experiment, project="p1"),
        lifetime=lifetime,
        team=team,
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


def registered_in(root: Path) -> list[tuple[str, str, Manifest, tuple[Metric, ...]]]:
    """Return model, version, files and metrics of all that a repository's folder shows, sorted, as its own reader reads it."""
    if not root.exists():
        return []
    return sorted(
        (model.name, str(version.number), version.registration.manifest, version.registration.metrics)
        for model in Repository.open(root).models()
        for version in model.versions
    )


def reported_in(root: Path) -> list[RunReport]:
    """Return the run reports of team ``default`` in a repository's folder, sorted by model and run, likewise."""
    if not root.exists():
        return []
    repository = Repository.open(root)
    models = [path.name for path in (root / "models/default").glob("[!.]*")]
    names = sorted(name for part in models if (name := decode_name(part)) is not None)
    return [report for name in names for report in sorted(repository.runs(name, team=TEAM), key=lambda report: report.run)]
