"""One version: how good it is, what is in it, where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from modelwatch.core.entities import Storage
from modelwatch.core.errors import ModelwatchError, NotFoundError
from modelwatch.repository.index.answers import IndexedVersion
from modelwatch.server.api.answers import answer
from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.errors import status_of
from modelwatch.server.pages import curves, facts, figures
from modelwatch.server.pages.rendering import changes_from_now, files_path, page, start_of

_FILES_SHOWN: Final = 500

_PYTHON = """\
import os, requests

url = "{url}"
answer = requests.get(url, {headers}stream=True, timeout=60)
answer.raise_for_status()
with open("{name}", "wb") as file:
    for chunk in answer.iter_content(1 << 20):
        file.write(chunk)"""
_KEY_HEADER = 'headers={"X-API-Key": os.environ["MODELWATCH_API_KEY"]}, '


@dataclass(frozen=True, slots=True)
class Neighbour:
    """
    The version that another is most likely to be compared with.

    Attributes:
        number: Its number.
        word: What it is called in a sentence.
    """

    number: int
    word: str


def _show(call: Call) -> Response:
    return version_page(call)


def version_page(call: Call, error: ModelwatchError | None = None) -> Response:
    """Return the page of the version that the address names, which also tells what went wrong with what was just tried."""
    events = changes_from_now(call)
    item = call.library.version(call.path("model"), call.path("version"))
    version = item.version
    return page(
        call,
        "version.html",
        title=f"{item.model} v{version.number}",
        section="models" if call.library.sees_all else "public",
        status=200 if error is None else status_of(error)[0],
        model_id=item.model_id,
        events=events,
        error=error,
        item=item,
        entries=version.registration.manifest.entries[:_FILES_SHOWN],
        downloadable=version.registration.storage is Storage.COPY,
        figures_shown=figures.of_version(version),
        provenance=facts.provenance_of(version, item.team),
        lineage=facts.lineage_of(version),
        metadata=facts.metadata_of(version),
        neighbour=_neighbour(call, item),
        python=_python(call, item),
    )


def _neighbour(call: Call, item: IndexedVersion) -> Neighbour | None:
    """The best; for the best itself the one before it."""
    number = item.version.number
    for wanted, word in (("best", "the best"), (str(number - 1), f"version {number - 1}"), ("latest", "the latest")):
        try:
            found = call.library.version(item.model_id, wanted).version.number
        except NotFoundError:
            continue
        if found != number:
            return Neighbour(found, word)
    return None


def _python(call: Call, item: IndexedVersion) -> str:
    start = start_of(call, item.team)
    url = f"{start.url}{files_path(item.team, item.model_id, item.version.number)}/archive"
    name = f"{item.model_id}-{item.version.number}.zip"
    return _PYTHON.format(url=url, name=name, headers=_KEY_HEADER if start.needs_key else "")


def _curves(call: Call) -> Response:
    item = call.library.version(call.path("model"), call.path("version"))
    return answer(call, curves.of_versions(call.library, [item], others=True))


_VERSION = "/{team}/models/{model}/versions/{version}"

ENDPOINTS = (
    Endpoint("GET", _VERSION, Needs.READ, _show, name="page_version", text="A version."),
    Endpoint(
        "GET", _VERSION + "/curves", Needs.READ, _curves, name="page_version_curves", text="A version's curves, for its page."
    ),
)
