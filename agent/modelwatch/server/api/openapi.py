"""The OpenAPI 3.1 document, made from the table of endpoints: what is served is what is described."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelwatch import __version__
from modelwatch.core.json import JsonValue
from modelwatch.server.api.schemas import COMPONENTS, ref
from modelwatch.server.endpoint import Endpoint, Needs, Takes

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_FORBIDDEN = {
    Needs.NOTHING: (),
    Needs.LINK: (403,),
    Needs.PRINCIPAL: (401, 429),
    Needs.READ: (401, 429),
    Needs.WRITE: (401, 403, 429),
    Needs.ADMIN: (401, 403, 429),
}
_PATH_PARAMETERS = {
    "team": "the team's name",
    "model": "the model's name or id",
    "version": "a number, `latest`, `best` or an alias",
    "path": "the file's path in the version",
    "alias": "the alias",
    "key": "the registration's key: 64 hex digits",
}


def openapi(endpoints: Iterable[Endpoint]) -> JsonValue:
    """Return the document."""
    paths: dict[str, dict[str, JsonValue]] = {}
    for endpoint in endpoints:
        if endpoint.documented:
            path = _PARAMETER.sub(r"{\1}", endpoint.path)
            paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "modelwatch", "version": __version__, "description": "A team's model repository."},
        "security": [{"key": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(endpoint: Endpoint) -> JsonValue:
    errors = {400, 404, 503, *_FORBIDDEN[endpoint.needs]}
    errors |= {413, 422, 409} if endpoint.takes is not Takes.NOTHING or endpoint.method not in {"GET", "HEAD"} else set()
    operation: dict[str, JsonValue] = {
        "operationId": endpoint.name,
        "summary": endpoint.text,
        "parameters": [*_of_path(endpoint), *_of_query(endpoint)],
        "responses": {
            **{str(status): _answer(schema) for status, schema in endpoint.answers.items()},
            **{str(status): _answer(ref("Error")) for status in sorted(errors - set(endpoint.answers))},
        },
    }
    if endpoint.takes is Takes.JSON:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": endpoint.body or {}}}}
    if endpoint.takes is Takes.STREAM:
        schema = {"type": "string", "format": "binary"}
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": schema}}}
    if endpoint.needs in {Needs.NOTHING, Needs.LINK}:
        operation["security"] = []
    return operation


def _of_path(endpoint: Endpoint) -> list[JsonValue]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARAMETERS.get(name, name),
            "schema": {"type": "string", "minLength": 1},
        }
        for name in _PARAMETER.findall(endpoint.path)
    ]


def _of_query(endpoint: Endpoint) -> list[JsonValue]:
    return [
        {"name": parameter.name, "in": "query", "required": False, "description": parameter.text, "schema": dict(parameter.schema)}
        for parameter in endpoint.parameters
    ]


def _answer(schema: JsonValue) -> JsonValue:
    answer: dict[str, JsonValue] = {"description": "see the schema" if schema else "no JSON"}
    if schema:
        answer["content"] = {"application/json": {"schema": schema}}
    return answer
