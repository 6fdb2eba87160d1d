"""The bytes of versions: files one by one, all of them as an archive, and links that authorise themselves."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from email.utils import formatdate
from urllib.parse import quote

from starlette.responses import FileResponse, Response, StreamingResponse

from modelwatch.core.entities import ModelVersion
from modelwatch.core.files import open_regular
from modelwatch.core.json import JsonValue
from modelwatch.server.access.lending import borrow, lend
from modelwatch.server.accounts.principal import Role
from modelwatch.server.addresses import base_url
from modelwatch.server.api.answers import answer
from modelwatch.server.api.schemas import TEXT, obj
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.file_names import names_to_save
from modelwatch.server.library import Content, TeamLibrary

LINK_PURPOSE = "file"
_DEFAULT_LINK_SECONDS = 3600
_CHUNK_BYTES = 1 << 20
_INERT = {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-cache"}
"""Somebody else's bytes are never a page of ours, whatever they look like."""


class _File(FileResponse):
    chunk_size = _CHUNK_BYTES


def attachment(name: str) -> str:
    """Return a Content-Disposition that saves under a name (RFC 6266, with RFC 8187 for what is not ASCII)."""
    plain = re.sub(r"[^A-Za-z0-9 ._()+=@-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name.encode('utf-8', 'replace'), safe='')}"


def file_answer(content: Content) -> Response:
    """Return a file's bytes; a part of them when the request has a Range."""
    name = content.entry.path.rpartition("/")[2]
    headers = {
        **_INERT,
        "Content-Disposition": attachment(name),
        "Digest": f"sha-256={content.entry.digest.hex}",
        # Never those of the file on the disk, which all teams share: they tell when another team brought the same bytes.
        "ETag": f'"{content.entry.digest.hex}"',
        "Last-Modified": _http_date(content.registered),
    }
    return _File(content.location, headers=headers, media_type="application/octet-stream")


def _http_date(seconds: float) -> str:
    """Return a time as HTTP writes it; what is none of this calendar, as a damaged document may have, is the oldest."""
    try:
        return formatdate(seconds, usegmt=True)
    except (ValueError, OverflowError, OSError):
        return formatdate(0, usegmt=True)


def _archive(contents: tuple[Content, ...]) -> Iterator[bytes]:
    """Give the pieces of a ZIP archive while it is made: stored, not deflated (weights do not shrink), nothing held."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED) as archive:
        for content, name in zip(contents, names_to_save([content.entry.path for content in contents]), strict=True):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o644 << 16
            descriptor = open_regular(content.location)
            with (
                open(descriptor, "rb", buffering=0) as source,  # noqa: PTH123 - a descriptor
                archive.open(info, "w", force_zip64=True) as target,
            ):
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
                    yield from pieces.taken()
            yield from pieces.taken()
    yield from pieces.taken()


class _Pieces:
    """A file that only grows and keeps nothing: what `zipfile` writes to where it cannot seek."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is nothing behind it."""

    def close(self) -> None:
        """Do nothing: what was written is taken afterwards."""

    def taken(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, []
        yield from pieces


def archive_answer(version: ModelVersion, contents: tuple[Content, ...], name: str) -> Response:
    """Return all files of a version as a ZIP archive in a folder."""
    headers = {**_INERT, "Content-Disposition": attachment(f"{name}-{version.number}.zip")}
    return StreamingResponse(_archive(contents), headers=headers, media_type="application/zip")


def _file(call: Call) -> Response:
    return file_answer(call.library.content(call.path("model"), call.path("version"), call.path("path")))


def _all(call: Call) -> Response:
    return _whole(call.library, call.path("model"), call.path("version"))


def _make_link(call: Call) -> Response:
    found = call.library.version(call.path("model"), call.path("version"))
    fields: dict[str, JsonValue] = {"team": call.library.team, "model": found.model_id, "version": found.version.number}
    path = (call.body or {}).get("path")
    if path is not None:
        call.library.content(found.model_id, str(found.version.number), path)  # a link to nothing is an error now
        fields["path"] = path
    seconds = float((call.body or {}).get("lifetime", _DEFAULT_LINK_SECONDS))
    token = lend(call.services.links, call.principal, LINK_PURPOSE, fields, seconds)
    expires = call.services.links.read(LINK_PURPOSE, token).expires
    return answer(call, {"url": f"{base_url(call.request, call.services)}/api/v1/links/{token}", "expires": expires}, 201)


def _follow_link(call: Call) -> Response:
    fields, maker = borrow(call.services, LINK_PURPOSE, call.path("token"))
    library = call.services.library(fields["team"], sees_all=maker.may(fields["team"], Role.VIEWER))
    if "path" in fields:
        return file_answer(library.content(fields["model"], str(fields["version"]), fields["path"]))
    return _whole(library, fields["model"], str(fields["version"]))


def _whole(library: TeamLibrary, wanted: str, number: str) -> Response:
    found = library.version(wanted, number)
    return archive_answer(found.version, library.contents(found.version), found.model)


_VERSION = "/api/v1/teams/{team}/models/{model}/versions/{version}"

ENDPOINTS = (
    Endpoint(
        "GET",
        _VERSION + "/files/{path:path}",
        Needs.READ,
        _file,
        name="download_file",
        text="A file's bytes. Range requests are answered with a part of them.",
        answers={200: None, 206: None, 416: None},
        documented=True,
    ),
    Endpoint(
        "GET",
        _VERSION + "/archive",
        Needs.READ,
        _all,
        name="download_archive",
        text="All files as a ZIP archive.",
        answers={200: None},
        documented=True,
    ),
    Endpoint(
        "POST",
        _VERSION + "/links",
        Needs.READ,
        _make_link,
        Takes.JSON,
        name="make_link",
        text="An address that needs no key, for one file or for all, which holds for a time of at most a week.",
        body=obj({}, {"path": TEXT, "lifetime": {"type": "number", "exclusiveMinimum": 0, "description": "seconds"}}, closed=True),
        answers={201: obj({"url": TEXT, "expires": {"type": "number"}})},
        documented=True,
    ),
    Endpoint(
        "GET",
        "/api/v1/links/{token}",
        Needs.LINK,
        _follow_link,
        name="follow_link",
        text="What a link is for.",
        answers={200: None, 206: None, 416: None},
        documented=True,
    ),
)
