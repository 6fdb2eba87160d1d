"""A model and its versions as people see them, made of what was read of its directory."""

from __future__ import annotations

from collections.abc import Mapping

from modelwatch.core.entities import ModelVersion, RegisteredModel
from modelwatch.core.json import JsonValue
from modelwatch.repository.folding import Itself, Subject
from modelwatch.repository.layout import Place, decode_name
from modelwatch.repository.reading import Contents, Document


def model_of(contents: Contents, repository_id: str) -> RegisteredModel | None:
    """Return the model as people see it, or None when there is nothing to see: deleted, or nothing registered yet."""
    shown = {number: document for number, document in contents.documents.items() if number > contents.itself.floor}
    if contents.gone or not shown:
        return None
    versions = tuple(
        version
        for number, document in shown.items()
        if (version := version_of(number, document, contents.subjects.get(document.key, Subject()))) is not None
    )
    newest_first = [version.registration for version in reversed(versions)]
    return model_from(
        contents.place,
        repository_id,
        contents.itself,
        first=next(iter(shown.values())),
        newest=next(reversed(shown.values())),
        changed=max((subject.modified for subject in contents.subjects.values()), default=0.0),
        notes=next((registration.notes for registration in newest_first if registration.notes), ""),
        summary=next((registration.summary for registration in newest_first if registration.summary is not None), None),
        versions=versions,
        aliases=contents.aliases,
    )


def model_from(  # noqa: PLR0913 - what it takes of a model's contents, so that who follows a model need not hold all of them
    place: Place,
    repository_id: str,
    itself: Itself,
    *,
    first: Document,
    newest: Document,
    changed: float,
    notes: str,
    summary: JsonValue,
    versions: tuple[ModelVersion, ...],
    aliases: Mapping[str, int] | None = None,
) -> RegisteredModel:
    """
    Return a model that is shown.

    Args:
        place: Where it is.

        repository_id: The repository's.

        itself: What events have made of it.

        first: The document of its lowest number above the floor, deleted or not.

        newest: Likewise of its highest.

        changed: When the latest event about any of its versions was, seconds since the epoch; 0 when there is none.

        notes: Those that the newest of its live versions with any was registered with; for a model that was given none.

        summary: That of the newest of its live versions with any.

        versions: As it is to have.

        aliases: Likewise; None: none.
    """
    subject = itself.subject
    return RegisteredModel(
        id=place.model_id(repository_id),
        team=decode_name(place.team_part) or newest.registration.team,
        name=itself.name or decode_name(place.model_part) or newest.registration.model,
        created=first.registered,
        modified=max(newest.registered, subject.modified, changed, 0.0),
        tags=subject.tags,
        notes=notes if subject.notes is None else subject.notes,
        summary=summary,
        versions=versions,
        public=itself.public,
        aliases=aliases or {},
    )


def version_of(number: int, document: Document, subject: Subject) -> ModelVersion | None:
    """Return a version as people see it, or None when it was deleted."""
    if subject.deleted:
        return None
    registration = document.registration
    if subject.replaced is not None:
        registration = registration.with_metrics(subject.replaced.metrics)
    notes = registration.notes if subject.notes is None else subject.notes
    return ModelVersion(number, registration, document.registered, subject.tags, notes)
