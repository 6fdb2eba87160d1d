"""What is known of a version besides its metrics, as names and texts: for its own page, and to be compared with others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from modelwatch.core.entities import ModelVersion
from modelwatch.core.json import JsonValue, finite
from modelwatch.server.pages import words
from modelwatch.server.pages.rendering import models_path

_DEEPEST = 4
_MOST = 400


@dataclass(frozen=True, slots=True)
class Fact:
    """
    One thing that is known.

    Attributes:
        name: What.
        text: The value.
        href: Where a link on it leads, or None.
        is_code: Whether it is something for machines: a commit, a command, a path.
    """

    name: str
    text: str
    href: str | None = None
    is_code: bool = False


def provenance_of(version: ModelVersion, team: str) -> list[Fact]:
    """Return where a version comes from. What is not known is left out."""
    registration = version.registration
    known = registration.provenance
    wanted = [
        Fact("Origin", "uploaded" if registration.format == "upload" else "a training"),
        _narrowed(team, "experiment", known.experiment),
        _narrowed(team, "project", known.project),
        known.run and Fact("Run", known.run, is_code=True),
        known.host and Fact("Host", known.host),
        registration.root and Fact("Checkpoint", registration.root, is_code=True),
        registration.source and Fact("Seen at", registration.source, is_code=True),
        Fact("Kept", "as long as its experiment" if registration.lifetime.value == "experiment" else "for good"),
    ]
    return [fact for fact in wanted if fact]


def _narrowed(team: str, name: str, value: str | None) -> Fact | None:
    return value and Fact(name.capitalize(), value, f"{models_path(team)}?{urlencode({name: value})}", is_code=True)  # type: ignore[return-value] # an empty text is as None


def lineage_of(version: ModelVersion) -> list[Fact]:
    """Return what the agent found out about the training: commit, command, interpreter, hyperparameters (docs/lineage.md)."""
    lineage = version.registration.metadata.get("lineage")
    if not isinstance(lineage, Mapping):
        return []
    return [Fact(name, text, is_code=True) for name, text in flattened(lineage)]


def metadata_of(version: ModelVersion) -> JsonValue:
    """Return what the content tells about itself, without the lineage; None when it tells nothing."""
    metadata = {name: value for name, value in version.registration.metadata.items() if name != "lineage"}
    return metadata or None


def flattened(value: JsonValue, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Give the leaves of a JSON value, each with the names that lead to it; what is nested too deep is given as JSON."""
    if isinstance(value, Mapping) and value and depth < _DEEPEST:
        for key, inner in sorted(value.items()):
            yield from flattened(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, str):
        yield name, value
    else:
        yield name, json.dumps(finite(value), ensure_ascii=False)


def comparable(version: ModelVersion) -> dict[str, str]:
    """Return everything that two versions may differ in, by name, in the order in which it is shown."""
    registration = version.registration
    known = {
        "type": registration.model_type.value,
        "format": registration.format,
        "step": None if registration.step is None else words.count(registration.step),
        "epoch": registration.epoch,
        "size": f"{words.count(registration.manifest.size)} B",
        "files": words.count(len(registration.manifest.entries)),
        "digest": str(registration.manifest.digest),
        **{f"provenance.{name}": value for name, value in registration.provenance.to_json().items()},
        "tags": ", ".join(version.tags),
        "notes": version.notes,
    }
    found = {name: str(value) for name, value in known.items() if value not in {None, ""}}
    found.update(flattened(registration.metadata.get("lineage"), "lineage") if "lineage" in registration.metadata else ())
    found.update(flattened(registration.summary, "summary") if registration.summary is not None else ())
    found.update(flattened(metadata_of(version), "metadata") if metadata_of(version) else ())
    return dict(list(found.items())[:_MOST])
