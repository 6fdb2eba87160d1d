"""Small valid values of the core entities, for tests that need some."""

from __future__ import annotations

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry, Metric, ModelType, Provenance, Registration
from modelwatch.core.tree import FileStat


def stat(path: str, *, size: int = 1, mtime_ns: int = 1, inode: int = 1) -> FileStat:
    """Return a file as a walk would show it."""
    return FileStat(path, size, mtime_ns, inode)


def metric(key: str = "loss", value: float = 0.5, *, step: int = 10, split: str = "train") -> Metric:
    """Return a metric joined by step."""
    return Metric(key, split, value, step, 1000.0, run=".", tag=key, join="step")


def registration(
    root: str = "model.ckpt-10", *, content: bytes = b"weights", metrics: tuple[Metric, ...] = (), run: str = "run-1"
) -> Registration:
    """Return the registration of one file."""
    name = root.rpartition("/")[2]
    return Registration(
        team="default",
        model="digits",
        model_type=ModelType.TENSORFLOW,
        format="tensorflow-checkpoint",
        root=root,
        manifest=Manifest((ManifestEntry(name, len(content), Digest.of_bytes(content)),)),
        provenance=Provenance(run=run, experiment="e1"),
        created=1000.0,
        step=10,
        metrics=metrics,
    )
