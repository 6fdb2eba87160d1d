"""
Reading what a repository holds: documents into models and versions, events applied. Takes no lock and writes nothing.

A document that cannot be parsed is as if it were not there (a writer on a file system without hard links may have died in it), and
is told as a `Problem`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelwatch.core.entities import Registration
from modelwatch.core.json import JsonValue, loads
from modelwatch.repository.events import Event, ModelDeleted, event_from_json
from modelwatch.repository.folding import Itself, Subject, standing_deletions
from modelwatch.repository.layout import (
    MODELS,
    Place,
    as_component,
    decode_name,
    encode_name,
    event_milliseconds,
    names_about,
    version_number,
)
from modelwatch.repository.storage.directory import DirectoryStorage

_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError)


@dataclass(frozen=True, slots=True)
class Problem:
    """
    A document that was ignored.

    Attributes:
        key: Where it is in the repository.
        reason: What is wrong with it.
    """

    key: str
    reason: str


class MalformedError(Exception):
    """
    A document cannot be understood.

    Args:
        problem: Which, and why.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.key}: {problem.reason}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Document:
    """
    A registration as the repository keeps it.

    Attributes:
        key: The registration's key.
        registered: Seconds since the epoch: when the repository took it.
        registration: What was registered.
        guards: A claim that no version will ever have, and that keeps the content of the version with this key; None: an ordinary one.
    """

    key: str
    registered: float
    registration: Registration
    guards: str | None = None


def load(storage: DirectoryStorage, key: str) -> bytes | None:
    """Return a document as it is, None when it is not there. Raise MalformedError when it cannot be read."""
    try:
        return storage.read(key)
    except (OSError, ValueError) as error:
        raise MalformedError(Problem(key, f"cannot be read: {error}")) from error


def parse_document(key: str, data: bytes, *, metrics: JsonValue = None) -> Document:
    """Return the registration that is at a key, with other metrics, as JSON, when some are given. Raise MalformedError."""
    try:
        value = loads(data)
        return document_from_json(value if metrics is None else {**value, "metrics": metrics})
    except _MALFORMED as error:
        raise MalformedError(Problem(key, f"not a registration: {error!r}")) from error


def document_from_json(value: JsonValue) -> Document:
    """Read the document of a claim or a version. Raise ValueError, KeyError, TypeError or AttributeError for anything else."""
    guards = value.get("guards")
    registration = Registration.from_json(value)
    return Document(str(value["key"]), float(value["registered"]), registration, None if guards is None else str(guards))


def read_document(storage: DirectoryStorage, key: str) -> Document | None:
    """Return the registration at a key, None when there is none. Raise MalformedError."""
    data = load(storage, key)
    return None if data is None else parse_document(key, data)


def parse_event(key: str, data: bytes) -> Event | None:
    """Return the event that is at a key, None when it is of an unknown kind. Raise MalformedError."""
    try:
        return event_from_json(loads(data))
    except _MALFORMED as error:
        raise MalformedError(Problem(key, f"not an event: {error!r}")) from error


def read_event(storage: DirectoryStorage, place: Place, name: str) -> Event | None:
    """Return an event by its file's name, None when it is not there or of an unknown kind. Raise MalformedError."""
    key = f"{place.events}/{name}"
    data = load(storage, key)
    return None if data is None else parse_event(key, data)


def read_redirect(storage: DirectoryStorage, place: Place) -> Place | None:
    """
    Return the place of the model that a name's own directory leads to, None when it leads nowhere else.

    Raises:
        MalformedError: It says nothing that can be understood.

        OSError: It cannot be read: that it leads nowhere must not be concluded from that.
    """
    if not storage.has(place.renamed):
        return None
    try:
        data = storage.read(place.renamed)
        return None if data is None else Place(place.team_part, as_component(loads(data)["to"]))
    except _MALFORMED as error:
        raise MalformedError(Problem(place.renamed, f"not a redirect: {error!r}")) from error


def read_alias(storage: DirectoryStorage, key: str) -> tuple[str | None, int] | None:
    """Return the name that an alias's document tells, if it does, and the version's number; None when there is none. Raise MalformedError."""
    data = load(storage, key)
    if data is None:
        return None
    try:
        value = loads(data)
        name = value.get("alias")
        if name is not None and f"{encode_name(name)}.json" != key.rpartition("/")[2]:
            raise ValueError("it tells another's name")
        return name, int(value["number"])
    except _MALFORMED as error:
        raise MalformedError(Problem(key, f"not an alias: {error!r}")) from error


def event_files(storage: DirectoryStorage, place: Place) -> list[str]:
    """Return the names of a model's event files, oldest first."""
    return [name for name in storage.names(place.events) if name.endswith(".json")]


def version_numbers(storage: DirectoryStorage, place: Place) -> list[int]:
    """Return every number that is taken, lowest first, whether or not its document can be read."""
    return sorted(number for name in storage.names(place.versions) if (number := version_number(name)) is not None)


def places(storage: DirectoryStorage, team_part: str | None = None) -> Iterator[Place]:
    """Give the place of every model, of one team or of all, in order of the encoded names."""
    for team in storage.names(MODELS) if team_part is None else [team_part]:
        for model in storage.names(f"{MODELS}/{team}"):
            yield Place(team, model)


def find_number(storage: DirectoryStorage, place: Place, registration_key: str) -> int | None:
    """
    Return the number of the version that a registration became, deleted or not, or None.

    Without a claim there is none. A version is a hard link to its claim where the file system has those, so that nothing need be
    read; a repository that was copied or that has no links is searched. When two writers without a common lock numbered one registration twice, the lower counts.
    """
    claim_key = place.registration(registration_key)
    if not storage.has(claim_key):
        return None
    linked = [version_number(name) for name in storage.same_file_names(place.versions, claim_key)]
    numbers = [number for number in linked if number is not None]
    if numbers:
        return min(numbers)
    for number in version_numbers(storage, place):
        try:
            document = read_document(storage, place.version(number))
        except MalformedError:
            continue
        if document is not None and document.key == registration_key:
            return number
    return None


def read_subject(storage: DirectoryStorage, place: Place, registration_key: str) -> Subject:
    """Return what events have made of one version, reading only the events that are about it."""
    subject = Subject()
    for name in names_about(event_files(storage, place), registration_key):
        try:
            event = read_event(storage, place, name)
        except MalformedError:
            continue
        if event is not None and event.registration == registration_key:
            subject = subject.after(event)
    return subject


def read_deletions(storage: DirectoryStorage, place: Place) -> dict[str, ModelDeleted]:
    """Return the deletions of a model that were not taken back, by their events' names, reading only events about the model itself."""
    found: dict[str, Event] = {}
    for name in names_about(event_files(storage, place), None):
        try:
            event = read_event(storage, place, name)
        except MalformedError:
            continue
        if event is not None and event.registration is None:
            found[name.removesuffix(".json")] = event
    names = list(found)
    return {names[index]: deletion for index, deletion in standing_deletions(list(found.values())).items()}


def latest_event(storage: DirectoryStorage, place: Place) -> str:
    """Return the name of a model's latest event, without extension; empty when there is none."""
    for name in reversed(event_files(storage, place)):
        stem = name.removesuffix(".json")
        try:
            event_milliseconds(stem)
        except ValueError:  # somebody else's file
            continue
        return stem
    return ""


@dataclass(frozen=True, slots=True)
class Contents:
    """
    All that a model's directory holds.

    Attributes:
        place: Which model.
        documents: The versions by number, deleted ones among them, in order of number.
        highest: The highest number taken, 0 when there is none.
        itself: What events have made of the model itself.
        subjects: What events have made of each version, by registration key.
        aliases: Names for versions, sorted, and the number of each.
        problems: Documents that were ignored.
    """

    place: Place
    documents: dict[int, Document]
    highest: int
    itself: Itself
    subjects: dict[str, Subject]
    aliases: dict[str, int]
    problems: tuple[Problem, ...]

    @property
    def gone(self) -> bool:
        """Whether the model was deleted and nothing was registered since, or nothing ever was."""
        return self.highest <= self.itself.floor


def read_contents(storage: DirectoryStorage, place: Place) -> Contents:
    """Read a model's versions and events."""
    problems: list[Problem] = []
    documents, highest = _read_documents(storage, place, problems)
    about_itself: list[Event] = []
    subjects: dict[str, Subject] = {}
    for event in _read_events(storage, place, problems):
        if event.registration is None:
            about_itself.append(event)
        else:
            subjects[event.registration] = subjects.get(event.registration, Subject()).after(event)
    aliases, of_aliases = read_aliases(storage, place)
    problems += of_aliases
    try:
        read_redirect(storage, place)
    except MalformedError as error:
        problems.append(error.problem)
    except OSError as error:
        problems.append(Problem(place.renamed, f"cannot be read: {error}"))
    return Contents(place, documents, highest, Itself.of(about_itself), subjects, aliases, tuple(problems))


def read_aliases(storage: DirectoryStorage, place: Place) -> tuple[dict[str, int], tuple[Problem, ...]]:
    """
    Return a model's names for versions, sorted, with the number of each, and what cannot be understood.

    A name that was cut for its file's name, by a modelwatch that did not yet write it into the document, cannot be told and is left out.
    """
    found: dict[str, int] = {}
    problems: list[Problem] = []
    for file_name in storage.names(place.aliases):
        try:
            alias = read_alias(storage, f"{place.aliases}/{file_name}")
        except MalformedError as error:
            problems.append(error.problem)
            continue
        if alias is not None and file_name.endswith(".json"):
            name = alias[0] or decode_name(file_name.removesuffix(".json"))
            if name is not None:
                found[name] = alias[1]
    return dict(sorted(found.items())), tuple(problems)


def _read_documents(storage: DirectoryStorage, place: Place, problems: list[Problem]) -> tuple[dict[int, Document], int]:
    documents: dict[int, Document] = {}
    keys: set[str] = set()
    highest = 0
    for number in version_numbers(storage, place):
        highest = number
        try:
            document = read_document(storage, place.version(number))
        except MalformedError as error:
            problems.append(error.problem)
            continue
        if document is not None and document.key not in keys:
            keys.add(document.key)
            documents[number] = document
    return documents, highest


def _read_events(storage: DirectoryStorage, place: Place, problems: list[Problem]) -> Iterator[Event]:
    for name in event_files(storage, place):
        try:
            event_milliseconds(name.removesuffix(".json"))
            event = read_event(storage, place, name)
        except MalformedError as error:
            problems.append(error.problem)
        except ValueError as error:
            problems.append(Problem(f"{place.events}/{name}", str(error)))
        else:
            if event is not None:
                yield event
