"""One team's models on a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from modelwatch.client.about import about
from modelwatch.client.connection import Connection
from modelwatch.client.failures import no_server
from modelwatch.client.receiving import RemoteContent
from modelwatch.client.registering import register
from modelwatch.client.sending import Sender
from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry, Receipt, RunReport, Storage
from modelwatch.core.errors import NotFoundError, PermanentError, TransientError, UsageError
from modelwatch.core.files import RegularFile
from modelwatch.core.identifiers import new_ulid
from modelwatch.core.json import JsonValue
from modelwatch.repository.base import FoundVersion, Listed
from modelwatch.repository.deleted import Deleted
from modelwatch.repository.garbage import Collected
from modelwatch.repository.json_shapes import (
    deleted_from_json,
    experiment_from_json,
    model_from_json,
    run_from_json,
    version_from_json,
)
from modelwatch.repository.storage.copying import hash_file
from modelwatch.repository.summaries import ExperimentSummary, ModelSummary, RunSummary, VersionSummary
from modelwatch.repository.uploading import Upload, registration_of
from modelwatch.repository.verifying import Condition, Verified

_PAGE = "500"
_NAMED_IN_HINTS = "8"

_Value = TypeVar("_Value")
Query = Sequence[tuple[str, str]]


class RemoteRepository:
    """
    Implements `modelwatch.repository.base.TeamRepository`, whose docstrings are the methods' contracts.

    Args:
        connection: To the server.

        team: Whose models.
    """

    def __init__(self, connection: Connection, team: str) -> None:
        self._connection = connection
        self._team = team

    @property
    def deletes_for_good(self) -> bool:
        """False: a server keeps what was deleted for some days."""
        return False

    # -------------------------------------------------------------------------------------------------------------- reading

    def list_models(self, *, tags: Sequence[str] = ()) -> Listed:
        """Ask for all pages. Who sees none may be nobody that the server knows: that is told."""
        query = [*(("tag", tag) for tag in tags), ("sort", "name")]
        models = tuple(self._pages(model_from_json, "models", query))
        if not models:
            about(self._connection).require_member(self._team)
        return Listed(models)

    def deleted(self) -> tuple[Deleted, ...]:
        """Ask for all."""
        value = self._get("deleted")
        return self._read(lambda value: tuple(deleted_from_json(each) for each in value["deleted"]), value)

    def public_models(self) -> Listed:
        """Ask for all pages, sorted here: a page does not know of teams."""
        found = self._paged(model_from_json, "models", (), self._connection.path("public", "models"))
        return Listed(tuple(sorted(found, key=lambda model: (model.team, model.name))))

    def model(self, name: str) -> ModelSummary:
        """Ask for the model of this name, else for the one of this id."""
        found = self._read(
            lambda value: [model_from_json(each) for each in value["models"]], self._get("models", query=[("name", name)])
        )
        if found:
            return found[0]
        try:
            return self._read(model_from_json, self._get("models", name))
        except NotFoundError as error:
            query = [("sort", "name"), ("limit", _NAMED_IN_HINTS)]
            known = self._read(lambda value: [str(each["name"]) for each in value["models"]], self._get("models", query=query))
            raise NotFoundError(
                f"there is no model {name!r} of team {self._team!r} on {self._connection.url}",
                hint=f"there are: {', '.join(known)}" if known else "it has no models",
            ) from error

    def versions(self, name: str) -> Iterator[VersionSummary]:
        """Ask for one page after the other."""
        query = [("sort", "number"), ("order", "ascending")]
        yield from self._pages(version_from_json, "versions", query, "models", self.model(name).id)

    def version(self, name: str, version: str) -> FoundVersion:
        """Ask for a version with its files."""
        model = self.model(name)
        value = self._get("models", model.id, "versions", version)
        return self._read(lambda value: FoundVersion(model, version_from_json(value), Manifest.from_json(value["files"])), value)

    def experiments(self) -> tuple[ExperimentSummary, ...]:
        """Ask for all."""
        value = self._get("experiments")
        return self._read(lambda value: tuple(experiment_from_json(each) for each in value["experiments"]), value)

    def experiment(self, identifier: str) -> ExperimentSummary:
        """Ask for one."""
        return self._read(experiment_from_json, self._get("experiments", identifier))

    def runs(self, name: str) -> tuple[RunSummary, ...]:
        """Ask for the runs without their curves. The model need have no version yet, so it is asked for by what it is called."""
        value = self._get("models", name, "runs")
        return self._read(lambda value: tuple(run_from_json(each) for each in value["runs"]), value)

    def run(self, name: str, run: str) -> RunReport:
        """Ask for one with its curves."""
        return self._read(RunReport.from_json, self._get("models", name, "runs", run))

    # -------------------------------------------------------------------------------------------------------------- content

    def upload(self, request: Upload, *, advance: Callable[[int], None]) -> Receipt:
        """
        Hash the files, send what the server lacks and register it.

        `Registration.upload` is an id that no other upload has: registering again after a lost answer finds the same version.
        """
        entries, files = [], {}
        for file in request.files:
            digest = _digest(file.source, file.size)
            entries.append(ManifestEntry(file.path, file.size, digest))
            files[digest] = file.source
        manifest = Manifest(tuple(sorted(entries, key=lambda entry: entry.path)))
        registration = replace(registration_of(request, manifest), upload=new_ulid())
        return register(self._connection, Sender(self._connection, self._team), registration, files, advance)

    def content(self, found: FoundVersion) -> RemoteContent:
        """Return the files on the server."""
        self._require_copied(found.version, "downloaded from a server")
        return RemoteContent(self._connection, "teams", self._team, "models", found.model.id, "versions", str(found.version.number))

    def verify(self, found: FoundVersion, *, advance: Callable[[int], None]) -> Iterator[Verified]:
        """Receive every file, to keep none of it."""
        self._require_copied(found.version, "looked at through a server")
        content = self.content(found)
        for entry in found.manifest.entries:
            yield Verified(entry, content.address(entry), _condition(content, entry, advance))

    def _require_copied(self, version: VersionSummary, what: str) -> None:
        if version.storage is Storage.REFERENCE:
            raise UsageError(
                f"version {version.number} only refers to files in {version.source}, which cannot be {what}",
                hint=f"do it on {version.provenance.host or 'the machine that registered it'}, which has them",
            )

    # ------------------------------------------------------------------------------------------------------------- changing

    def tag(self, name: str, tags: Sequence[str], *, version: str | None = None) -> None:
        """Ask for these to be added."""
        self._change_tags(name, version, {"add": sorted(set(tags))})

    def untag(self, name: str, tags: Sequence[str], *, version: str | None = None) -> None:
        """Ask for these to be taken away."""
        self._change_tags(name, version, {"remove": sorted(set(tags))})

    def _change_tags(self, name: str, version: str | None, changes: JsonValue) -> None:
        part = [] if version is None else ["versions", version]
        self._send("POST", "models", self.model(name).id, *part, "tags", body=changes)

    def note(self, name: str, text: str, *, version: str | None = None) -> None:
        """Ask for the notes to be this."""
        part = [] if version is None else ["versions", version]
        self._send("PATCH", "models", self.model(name).id, *part, body={"notes": text})

    def set_alias(self, name: str, alias: str, version: str) -> int:
        """Ask for the alias to name a version."""
        value = self._send("PUT", "models", self.model(name).id, "aliases", alias, body={"version": version})
        return self._read(lambda value: int(value["version"]), value)

    def remove_alias(self, name: str, alias: str) -> None:
        """Ask for it."""
        self._send("DELETE", "models", self.model(name).id, "aliases", alias)

    def rename(self, name: str, new_name: str) -> ModelSummary:
        """Ask for it."""
        return self._read(model_from_json, self._send("PATCH", "models", self.model(name).id, body={"name": new_name}))

    def delete_model(self, name: str, *, keep_seconds: float = 0.0) -> None:
        """Ask for it."""
        _require_nothing_said(keep_seconds)
        self._send("DELETE", "models", self.model(name).id)

    def delete_version(self, name: str, version: str, *, keep_seconds: float = 0.0) -> None:
        """Ask for it."""
        _require_nothing_said(keep_seconds)
        self._send("DELETE", "models", self.model(name).id, "versions", version)

    def delete_experiment(self, identifier: str) -> None:
        """Ask for it."""
        self._send("DELETE", "experiments", identifier)

    def restore_model(self, name: str) -> ModelSummary:
        """Ask for it, by the name or id that it had."""
        return self._read(model_from_json, self._send("POST", "models", name, "restore"))

    def restore_version(self, name: str, version: str) -> VersionSummary:
        """Ask for it."""
        return self._read(version_from_json, self._send("POST", "models", self.model(name).id, "versions", version, "restore"))

    def publish(self, name: str, *, public: bool) -> ModelSummary:
        """Ask for it."""
        return self._read(model_from_json, self._send("PATCH", "models", self.model(name).id, body={"public": public}))

    def collect_garbage(self, *, wait: bool) -> Collected:
        """Do nothing: a server does it by itself."""
        del wait
        return Collected()

    # ------------------------------------------------------------------------------------------------------------- requests

    def _get(self, *parts: str, query: Query = ()) -> JsonValue:
        return self._connection.request("GET", self._path(*parts), query=query).value

    def _path(self, *parts: str) -> str:
        return self._connection.path("teams", self._team, *parts)

    def _send(self, method: str, *parts: str, body: JsonValue = None) -> JsonValue:
        return self._connection.request(method, self._path(*parts), body=body).value

    def _pages(self, parse: Callable[[JsonValue], _Value], items: str, query: Query, *parts: str) -> Iterator[_Value]:
        return self._paged(parse, items, query, self._path(*parts, items))

    def _paged(self, parse: Callable[[JsonValue], _Value], items: str, query: Query, path: str) -> Iterator[_Value]:
        cursor: list[tuple[str, str]] = []
        while True:
            value = self._connection.request("GET", path, query=[*query, ("limit", _PAGE), *cursor]).value
            yield from self._read(lambda value: [parse(each) for each in value[items]], value)
            following = self._read(lambda value: value["next"], value)
            if following is None:
                return
            cursor = [("cursor", str(following))]

    def _read(self, parse: Callable[[JsonValue], _Value], value: JsonValue) -> _Value:
        """Return what an answer holds. Raise TransientError when that is something else."""
        try:
            return parse(value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise no_server(self._connection.url, f"{type(error).__name__}: {error}") from error


def _require_nothing_said(keep_seconds: float) -> None:
    if keep_seconds:
        raise UsageError("a server decides itself how long it keeps what was deleted", hint="leave --keep out")


def _digest(path: Path, size: int) -> Digest:
    """Return the digest of a file that is to be uploaded. Raise TransientError when it changes meanwhile."""
    try:
        with RegularFile(path) as file:
            digest, found = hash_file(file.fileno(), lambda _count: None)
    except OSError as error:
        raise PermanentError(f"{path}: cannot be read: {error.strerror or error}") from error
    if found != size:
        raise TransientError(f"{path} changed while it was read", hint="upload it when nothing writes to it any more")
    return digest


def _condition(content: RemoteContent, entry: ManifestEntry, advance: Callable[[int], None]) -> Condition:
    try:
        found = content.read(entry, lambda _data: None, advance)
    except NotFoundError:
        return Condition.GONE
    except PermanentError:
        return Condition.UNREADABLE
    return Condition.UNCHANGED if found == entry.digest else Condition.CHANGED
