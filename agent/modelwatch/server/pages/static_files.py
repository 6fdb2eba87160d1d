"""
Style sheets, scripts and icons: the files below `static/`, under an address that changes with them.

What is at such an address never changes, so browsers need not ask again; a newer release has other addresses. Scripts import one
another by relative addresses, and so stay of one release.
"""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from starlette.responses import FileResponse, Response

from modelwatch.core.errors import NotFoundError
from modelwatch.server.endpoint import Call, Endpoint, Needs

_ROOT = Path(__file__).parent.parent / "static"
_FILES = {path.relative_to(_ROOT).as_posix(): path for path in sorted(_ROOT.rglob("*")) if path.is_file()}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".md": "text/plain", ".txt": "text/plain"}


def _digest() -> str:
    digest = hashlib.sha256()
    for name, path in _FILES.items():
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


PREFIX = f"/static/{_digest()}"
"""What the addresses of all of them begin with."""


def _file(call: Call) -> Response:
    path = _FILES.get(call.path("path"))
    if path is None:
        raise NotFoundError("there is nothing at this address")
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    current = call.path("digest") == PREFIX.rpartition("/")[2]
    caching = "public, max-age=31536000, immutable" if current else "no-cache"
    return FileResponse(path, headers={"Cache-Control": caching}, media_type=kind)


ENDPOINTS = (
    Endpoint("GET", "/static/{digest}/{path:path}", Needs.NOTHING, _file, name="static", text="A style sheet, script or icon."),
)
