"""From the parameters of a request to what the index is asked."""

from __future__ import annotations

from typing import Any

from modelwatch.core.entities import ModelType
from modelwatch.core.errors import UsageError
from modelwatch.repository.index.queries import LARGEST_PAGE, ModelQuery, VersionQuery
from modelwatch.server.api.answers import one_of, whole_number
from modelwatch.server.endpoint import Call, Parameter

_DEFAULT_PAGE = 50
_LONGEST_TEXT = 500

_COMMON = (
    Parameter("search", "words that must all occur"),
    Parameter("tag", "a tag that it must have; may be given several times", {"type": "array", "items": {"type": "string"}}),
    Parameter("type", "Gradient's type", {"enum": ["Tensorflow", "ONNX", "Custom"]}),
    Parameter("format", "the checkpoint's format"),
    Parameter("origin", "whether a training made it", {"enum": ["generated", "uploaded"]}),
    Parameter("experiment", "the experiment's id"),
    Parameter("project", "the project's id"),
    Parameter("order", "which first", {"enum": ["ascending", "descending"]}),
    Parameter("limit", "how many", {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": _DEFAULT_PAGE}),
    Parameter("cursor", "`next` of the page before"),
)

MODEL_PARAMETERS = (
    Parameter("name", "exactly this name"),
    *_COMMON,
    Parameter("public", "only what is published, or what is not", {"enum": ["true", "false"]}),
    Parameter(
        "sort", "`name`, `created`, `modified`, `versions`, `size`, `number`, `registered`, `step`, or a metric such as `val_loss`"
    ),
)
VERSION_PARAMETERS = (
    *_COMMON,
    Parameter("sort", "`number`, `registered`, `created`, `step`, `epoch`, `size`, or a metric such as `val_loss`"),
)


def model_query(call: Call) -> ModelQuery:
    """Return which models a request asks for. Raise UsageError."""
    public = one_of(call, "public", ("true", "false"))
    sort = call.query("sort") or "modified"
    return ModelQuery(
        **_common(call, ascending=sort == "name"),
        sort=sort,
        public=None if public is None else public == "true",
    )


def version_query(call: Call) -> VersionQuery:
    """Return which versions a request asks for. Raise UsageError."""
    return VersionQuery(**_common(call, ascending=False), sort=call.query("sort") or "number")


def _common(call: Call, *, ascending: bool) -> dict[str, Any]:
    for parameter in call.request.query_params.values():
        if len(parameter) > _LONGEST_TEXT and call.query("cursor") != parameter:
            raise UsageError(f"a parameter is longer than {_LONGEST_TEXT} characters")
    order = one_of(call, "order", ("ascending", "descending"))
    return {
        "text": call.query("search") or "",
        "tags": call.queries("tag"),
        "type": _type(call.query("type")),
        "format": call.query("format"),
        "origin": one_of(call, "origin", ("generated", "uploaded")),
        "experiment": call.query("experiment"),
        "project": call.query("project"),
        "descending": not ascending if order is None else order == "descending",
        "limit": whole_number(call, "limit", default=_DEFAULT_PAGE, most=LARGEST_PAGE),
        "cursor": call.query("cursor"),
    }


def _type(text: str | None) -> ModelType | None:
    try:
        return None if text is None else ModelType.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from error
