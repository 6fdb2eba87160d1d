"""Gradient's paths: with and without a slash at the end, and with a JSON body whatever the method."""

from __future__ import annotations

from modelwatch.server.endpoint import Endpoint, Handler, Needs, Takes


def both(method: str, path: str, needs: Needs, handle: Handler, *, name: str) -> tuple[Endpoint, Endpoint]:
    """Return the endpoints of a path with and without a slash at its end: a redirection would turn a POST into a GET."""
    return (
        Endpoint(method, path, needs, handle, Takes.JSON, name=name),
        Endpoint(method, f"{path}/", needs, handle, Takes.JSON, name=f"{name}_slash"),
    )
