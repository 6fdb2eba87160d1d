"""
JSON Schemas (2020-12) of what the API takes and answers: for the OpenAPI document, and to check bodies by.

The shapes are those of docs/models.md, which `modelwatch.repository.json_shapes` and `modelwatch.core.entities` write.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def obj(required: Schema, optional: Schema | None = None, *, closed: bool = False) -> Schema:
    """Return the schema of an object. A closed one has no other fields: a misspelled field of a request is an error."""
    schema: Schema = {"type": "object", "properties": {**required, **(optional or {})}, "required": sorted(required)}
    return {**schema, "additionalProperties": False} if closed else schema


def listed(items: Schema, **limits: int) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items, **limits}


def nullable(schema: Schema) -> Schema:
    """Return the schema of a value or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Schema:
    """Return a reference to one of `COMPONENTS`."""
    return {"$ref": f"#/components/schemas/{name}"}


_DIGITS = "0-9a-f"
TEXT: Schema = {"type": "string"}
NAME: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "pattern": r"^[^\u0000-\u001f\u007f]*\S[^\u0000-\u001f\u007f]*$",
}
TAG: Schema = {"type": "string", "minLength": 1, "maxLength": 100, "pattern": r"^[^\u0000-\u001f\u007f]*\S[^\u0000-\u001f\u007f]*$"}
TAG_CHANGES: Schema = obj({}, {name: listed(TAG, maxItems=1000) for name in ("add", "remove")}, closed=True)
NOTES: Schema = {"type": "string", "maxLength": 100_000}
TIME: Schema = {"type": "string", "format": "date-time"}
COUNT: Schema = {"type": "integer", "minimum": 0}
BYTES: Schema = {"type": "integer", "minimum": 0, "maximum": 1 << 53, "description": "bytes"}
NUMBER: Schema = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
DIGEST: Schema = {"type": "string", "pattern": f"^sha256:[{_DIGITS}]{{64}}$"}
KEY: Schema = {"type": "string", "pattern": f"^[{_DIGITS}]{{64}}$"}
TYPE: Schema = {"enum": ["Tensorflow", "ONNX", "Custom"]}
ANYTHING: Schema = {}

_FILE = obj({"path": {"type": "string", "minLength": 1, "maxLength": 4096}, "size": BYTES, "digest": DIGEST})
_METRIC = obj(
    {"key": TEXT, "split": TEXT, "value": NUMBER, "step": {"type": "integer"}, "run": TEXT, "tag": TEXT, "join": TEXT},
    {"timestamp": {}, "step_delta": {"type": "integer"}},
)
_PROVENANCE = obj({}, {name: nullable(TEXT) for name in ("run", "experiment", "project", "host")})
_VERSION = obj(
    {
        "version": {"type": "integer", "minimum": 1},
        "type": TYPE,
        "format": TEXT,
        "root": TEXT,
        "step": nullable(COUNT),
        "epoch": nullable(COUNT),
        "origin": {"enum": ["generated", "uploaded"]},
        "provenance": ref("Provenance"),
        "created": nullable(TIME),
        "registered": nullable(TIME),
        "size": BYTES,
        "digest": DIGEST,
        "lifetime": {"enum": ["experiment", "permanent"]},
        "storage": {"enum": ["copy", "reference"]},
        "source": TEXT,
        "metrics": listed(ref("Metric")),
        "metadata": ANYTHING,
        "summary": ANYTHING,
        "notes": TEXT,
        "tags": listed(TEXT),
        "key": KEY,
    },
    {"files": {"description": "how many, or the list of them where one version is asked for"}, "names": listed(TEXT)},
)
_MODEL = obj(
    {
        "id": TEXT,
        "name": TEXT,
        "team": TEXT,
        "created": nullable(TIME),
        "modified": nullable(TIME),
        "tags": listed(TEXT),
        "notes": TEXT,
        "summary": ANYTHING,
        "versions": COUNT,
        "latest": nullable(ref("Version")),
    },
    {
        "public": {"type": "boolean"},
        "best": nullable(ref("Version")),
        "size": BYTES,
        "aliases": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
)

REGISTRATION = obj(
    {
        "model": NAME,
        "model_type": TEXT,
        "format": TEXT,
        "root": TEXT,
        "manifest": listed(_FILE, minItems=1, maxItems=200_000),
        "provenance": _PROVENANCE,
        "created": {"type": "number"},
    },
    {
        "team": TEXT,
        "step": nullable(COUNT),
        "epoch": nullable(COUNT),
        "metrics": listed(_METRIC, maxItems=10_000),
        "metadata": ANYTHING,
        "lifetime": TEXT,
        "storage": TEXT,
        "source": TEXT,
        "summary": ANYTHING,
        "notes": NOTES,
        "upload": TEXT,
        "key": KEY,
    },
)
"""What `modelwatch.core.entities.Registration.to_json` writes."""

AMENDMENT = obj(
    {"model": NAME, "registration_key": KEY, "metrics": listed(_METRIC, maxItems=10_000)},
    {"team": TEXT},
)
"""What `modelwatch.core.entities.Amendment.to_json` writes."""

COMPONENTS: dict[str, Schema] = {
    "Model": _MODEL,
    "Version": _VERSION,
    "Metric": _METRIC,
    "Provenance": _PROVENANCE,
    "File": _FILE,
    "Receipt": obj({"model": TEXT, "version": TEXT, "location": TEXT}),
    "Error": obj(
        {"error": obj({"code": TEXT, "message": TEXT, "hint": TEXT, "request_id": TEXT})},
        {"missing": listed(obj({"digest": DIGEST, "size": BYTES}))},
    ),
}

PAGE_OF_MODELS = obj({"models": listed(ref("Model")), "next": nullable(TEXT)})
PAGE_OF_VERSIONS = obj({"versions": listed(ref("Version")), "next": nullable(TEXT)})
