"""Absolute addresses of this server, as the one who asks can reach it."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request

from modelwatch.server.services import Services


def base_url(request: Request, services: Services) -> str:
    """Return where the server is, without a slash at the end: what the options say, else the host that the request names."""
    if services.external_url is not None:
        return services.external_url
    return f"{request.url.scheme}://{request.headers['host']}"


def model_path(team: str, model_id: str) -> str:
    """Return the path of a model's page, which begins with a slash."""
    return f"/{quote(team, safe='')}/models/{quote(model_id, safe='')}"


def version_path(team: str, model_id: str, number: int) -> str:
    """Return the path of a version's page, which begins with a slash."""
    return f"{model_path(team, model_id)}/versions/{number}"
