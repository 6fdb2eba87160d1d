"""A repository with very many versions, made in a minute: the documents of the layout, without content and without waiting for the disk."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry, Metric, ModelType, Provenance, Registration
from modelwatch.core.json import dumps, finite
from modelwatch.repository.events import TagsChanged
from modelwatch.repository.layout import Place, event_name
from modelwatch.repository.repository import Repository

TEAM = "default"
RARE_TAG = "production"
COMMON_TAG = "nightly"
_FIRST_TIME = 1_700_000_000.0
_FORMATS = (("tensorflow-checkpoint", ModelType.TENSORFLOW), ("onnx", ModelType.ONNX), ("keras", ModelType.TENSORFLOW))


def make_versions(root: Path, *, models: int, versions: int) -> None:
    """Make a repository of `models` models with `versions` versions each. Every tenth version and every model has tags."""
    repository = Repository.open(root, create=True)
    for number in range(models):
        _make_model(repository, number, versions)


def model_name(number: int) -> str:
    """Return what a model is called."""
    return f"digits-{number:05d}"


def _make_model(repository: Repository, number: int, versions: int) -> None:
    place = Place.of(TEAM, model_name(number))
    for folder in (place.versions, place.registrations, place.events):
        repository.storage.path(folder).mkdir(parents=True)
    tags = (COMMON_TAG, RARE_TAG) if number % 100 == 7 else (COMMON_TAG,)
    _write_event(repository, place, None, tags, milliseconds=1)
    for taken, registration in enumerate(_registrations(number, versions), start=1):
        key = registration.key
        body = dumps(finite({**registration.to_json(), "key": key, "registered": registration.created + 5.0}))
        path = repository.storage.path(place.version(taken))
        path.write_text(body, encoding="ascii")
        os.link(path, repository.storage.path(place.registration(key)))
        if taken % 10 == 0:
            tags = (COMMON_TAG, RARE_TAG) if taken % 1000 == 0 else (COMMON_TAG,)
            _write_event(repository, place, key, tags, milliseconds=taken + 1)


def _write_event(repository: Repository, place: Place, key: str | None, tags: tuple[str, ...], *, milliseconds: int) -> None:
    event = TagsChanged(_FIRST_TIME, key, tags, ())
    name = event_name(int(_FIRST_TIME * 1000) + milliseconds, key, os.urandom(5))
    repository.storage.path(f"{place.events}/{name}.json").write_text(dumps(finite(event.to_json())), encoding="ascii")


def _registrations(number: int, versions: int) -> Iterator[Registration]:
    format_, type_ = _FORMATS[number % len(_FORMATS)]
    base = Registration(
        team=TEAM,
        model=model_name(number),
        model_type=type_,
        format=format_,
        root="",
        manifest=_manifest(number, 0),
        provenance=Provenance(host="trainer-1"),
        created=0.0,
        metadata={"variables": 12},
    )
    for taken in range(versions):
        step = (taken + 1) * 100
        run = taken // 50
        created = _FIRST_TIME + number + taken * 60.0
        yield replace(
            base,
            root=f"run-{run}/model.ckpt-{step}",
            manifest=_manifest(number, taken),
            provenance=replace(
                base.provenance, run=f"run-{run}", experiment=f"e{number:05d}x{run % 20}", project=f"p{number % 10}"
            ),
            created=created,
            step=step,
            epoch=taken,
            metrics=tuple(_metrics(number, taken, step, created)),
        )


def _manifest(number: int, taken: int) -> Manifest:
    """Three files, no two of which are the same in any version."""
    files = ((".data-00000-of-00001", 4_000_000 + taken), (".index", 9_000), (".meta", 120_000))
    return Manifest(
        tuple(
            ManifestEntry(f"model.ckpt{ending}", size, Digest.of_bytes(f"{number} {taken} {ending}".encode()))
            for ending, size in files
        )
    )


def _metrics(number: int, taken: int, step: int, created: float) -> Iterator[Metric]:
    """Five values, in no order that the numbers of the versions have."""
    for index, (key, split) in enumerate(
        (("loss", "train"), ("accuracy", "train"), ("loss", "validation"), ("accuracy", "validation"), ("learning_rate", "train"))
    ):
        value = ((number * 7919 + taken * 104_729 + index * 15_485_863) % 1_000_003) / 1_000_003
        yield Metric(key, split, value, step, created, run=".", tag=key, join="step")
