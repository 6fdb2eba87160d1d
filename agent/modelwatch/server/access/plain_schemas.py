"""
JSON Schemas without detours, made into functions: a body may list 200,000 files, and a validator that can explain itself takes half a minute for them.

Only what `modelwatch.server.api.schemas` uses is understood. Whatever is not, and every value that is not right, is left to the validator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema

from modelwatch.core.json import JsonValue

Fits = Callable[[JsonValue], bool]
"""Returns true only for a value that fits."""

_IGNORED = frozenset({"description", "format"})  # said for people: a validator does not look at formats either unless it is told to


def _is_integer(value: JsonValue) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Fits] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def fits(schema: JsonValue) -> Fits | None:
    """Return what tells whether a value fits a schema, None for a schema that is not understood."""
    if schema == {}:
        return lambda _value: True
    if "anyOf" in schema and schema.keys() - _IGNORED == {"anyOf"}:
        return _any(schema["anyOf"])
    if schema.keys() - _IGNORED == {"enum"} and all(isinstance(word, str) for word in schema["enum"]):
        words = frozenset(schema["enum"])
        return lambda value: isinstance(value, str) and value in words
    kind = schema.get("type")
    if kind == "object":
        return _object(schema)
    return _text(schema) if kind == "string" else _number(schema) if kind in _TYPES else None


def _any(schemas: list[JsonValue]) -> Fits | None:
    options = [fits(schema) for schema in schemas]
    known = [option for option in options if option is not None]
    return (lambda value: any(option(value) for option in known)) if len(known) == len(options) else None


def _text(schema: JsonValue) -> Fits | None:
    if schema.keys() - _IGNORED - {"type", "minLength", "maxLength", "pattern"}:
        return None
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1 << 62)
    search = re.compile(schema.get("pattern", "")).search
    return lambda value: isinstance(value, str) and least <= len(value) <= most and search(value) is not None


def _number(schema: JsonValue) -> Fits | None:
    if schema.keys() - _IGNORED - {"type", "minimum", "maximum"}:
        return None
    is_kind, least, most = _TYPES[schema["type"]], schema.get("minimum"), schema.get("maximum")
    if least is None and most is None:
        return is_kind
    return lambda value: is_kind(value) and (least is None or value >= least) and (most is None or value <= most)


def _object(schema: JsonValue) -> Fits | None:
    if schema.keys() - _IGNORED - {"type", "properties", "required"}:
        return None
    inner = {name: fits(value) for name, value in schema.get("properties", {}).items()}
    known = {name: fit for name, fit in inner.items() if fit is not None}
    if len(known) != len(inner):
        return None
    required = schema.get("required", [])

    def fit(value: JsonValue) -> bool:
        if not isinstance(value, dict) or not all(name in value for name in required):
            return False
        return all(known[name](inside) for name, inside in value.items() if name in known)

    return fit


def _items(validator: Any, items: JsonValue, instance: JsonValue, schema: JsonValue) -> Iterator[jsonschema.ValidationError]:  # noqa: ANN401 - jsonschema's own class, which it makes as it runs
    """Give what is wrong with the items of a list, as `jsonschema` has it of the keyword of this name."""
    del schema
    if not isinstance(instance, list):
        return
    fit = fits(items)
    for index, item in enumerate(instance):
        if fit is None or not fit(item):
            yield from validator.descend(item, items, path=index)


Validator: type[jsonschema.protocols.Validator] = jsonschema.validators.extend(  # type: ignore[no-untyped-call] # not in its stubs
    jsonschema.Draft202012Validator, {"items": _items}
)
"""Says the same as Draft 2020-12's own of schemas without ``prefixItems``."""
