"""Schemas as functions say what the validator says."""

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.json import finite
from modelwatch.server.access.plain_schemas import Validator, fits
from modelwatch.server.api.schemas import AMENDMENT, REGISTRATION, TAG_CHANGES
from modelwatch.server.application import PARTS

SCHEMAS = [endpoint.body for part in PARTS for endpoint in part.endpoints if endpoint.body is not None]
FILE = REGISTRATION["properties"]["manifest"]["items"]
METRIC = REGISTRATION["properties"]["metrics"]["items"]
TAG = TAG_CHANGES["properties"]["add"]["items"]

_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("sha256:" + "0" * 64)
_digest = st.sampled_from(["0" * 64, "a" * 64, "0" * 63, "G" * 64]).map("sha256:".__add__)
_file = st.fixed_dictionaries(
    {"path": st.text(max_size=3), "size": st.integers(-1, 1 << 54) | st.floats(), "digest": _digest | st.text()}
)
_metric = st.fixed_dictionaries(
    {
        **dict.fromkeys(("key", "split", "run", "tag", "join"), st.text(max_size=2)),
        "value": st.floats() | st.sampled_from(["NaN", "Infinity", "x"]),
        "step": st.integers() | st.floats(),
    },
    optional={"step_delta": st.integers() | st.none(), "timestamp": _leaves},
)
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["path", "size", "digest", "key", "value", "step", "add", "manifest"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("schema", [FILE, METRIC, TAG], ids=["file", "metric", "tag"])
def test_long_lists_of_the_api_are_understood(schema):
    """Otherwise each item would be explained for itself."""
    assert fits(schema) is not None


@pytest.mark.parametrize("schema", [FILE, METRIC, TAG, {}, {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 1}]}])
@given(data=st.data())
def test_what_fits_is_what_is_valid(schema, data):
    """Of values that fit, of those that nearly do, and of any others."""
    value = finite(data.draw(_file | _metric | _values | st.text(max_size=120)))  # as bodies are: no NaN is in them
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        value = {**value, data.draw(st.sampled_from(sorted(value))): data.draw(_leaves)}
    assert fits(schema)(value) == jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [{"type": "object", "additionalProperties": False}, {"type": "string", "const": "a"}, {"$ref": "#"}, {"type": "array"}],
)
def test_what_is_not_understood_is_left_to_the_validator(schema):
    """It says so."""
    assert fits(schema) is None


@given(data=st.data())
def test_a_body_is_judged_as_before(data):
    """Every body of the table, with the same words about the same place."""
    schema = data.draw(st.sampled_from([*SCHEMAS, REGISTRATION, AMENDMENT]))
    value = data.draw(_values)
    ours, theirs = (next(kind(schema).iter_errors(value), None) for kind in (Validator, jsonschema.Draft202012Validator))
    assert (ours and (ours.message, list(ours.absolute_path))) == (theirs and (theirs.message, list(theirs.absolute_path)))
