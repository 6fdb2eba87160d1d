"""What Keras writes about a model beside its weights: its configuration, and the names of its variables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Final

from modelwatch.core.json import JsonValue, loads_foreign
from modelwatch.formats.wire.byte_source import ByteSource
from modelwatch.formats.wire.hdf5_objects import Contents, read_integer

_COMPILE_KEYS: Final = ("optimizer", "optimizer_config", "loss", "loss_weights", "metrics", "weighted_metrics")
_NESTED_LIMIT_CHARS: Final = 4096
_COUNT_LIMIT: Final = 1 << 63
_ITERATIONS: Final = (
    "optimizer/inner_optimizer/vars/0",  # LossScaleOptimizer, whose own first variable counts something else
    "optimizer/vars/0",  # Keras 3 and Keras 2.12+: the first variable of every optimizer
    "_optimizer/vars/0",
    "optimizer_weights/iteration:0",
)
"""Where the number of training steps is. Legacy ``.h5`` files name it instead: ``optimizer_weights/…/iteration`` or ``…/iter:0``."""


def describe_config(text: bytes | str) -> dict[str, JsonValue]:
    """
    Return what a model's configuration tells: ``class``, ``model_name``, ``layers``, ``inputs``, ``compile``, as far as present.

    Raises:
        ValueError: It is not a JSON object.
    """
    config = loads_foreign(text)
    if not isinstance(config, Mapping):
        raise ValueError("a Keras configuration that is not a JSON object")  # noqa: TRY004 - about content, like damaged JSON
    facts: dict[str, JsonValue] = {"class": config.get("class_name")}
    inner = config.get("config")
    if isinstance(inner, Mapping):
        facts["model_name"] = inner.get("name")
        layers = inner.get("layers")
        if isinstance(layers, list):
            facts["layers"] = len(layers)
            facts["inputs"] = _inputs(layers)
    build = config.get("build_config")
    if not facts.get("inputs") and isinstance(build, Mapping):
        facts["inputs"] = _short(build.get("input_shape"))
    facts["compile"] = describe_compile(config.get("compile_config"))
    return {key: value for key, value in facts.items() if value not in (None, [], {})}


def describe_compile(config: JsonValue) -> dict[str, JsonValue] | None:
    """Return optimizer, loss and metrics of a compile configuration, or None."""
    if not isinstance(config, Mapping):
        return None
    return {key: _short(config[key]) for key in _COMPILE_KEYS if config.get(key) is not None}


def describe_weights(contents: Contents) -> dict[str, JsonValue]:
    """Return ``parameters`` (elements outside the optimizer) and ``variables`` of a weights file; empty if it was not understood."""
    if contents.uncharted:
        return {}
    weights = [
        dataset
        for path, dataset in contents.datasets.items()
        if not path.startswith(("optimizer/", "_optimizer/", "optimizer_weights/"))
        and dataset.kind in {"float", "other", "integer"}
    ]
    parameters = sum(dataset.elements for dataset in weights)
    return {"parameters": parameters, "variables": len(weights)} if parameters < _COUNT_LIMIT else {}


def read_iterations(source: ByteSource, contents: Contents) -> int | None:
    """Return the optimizer's own count of training steps, or None if the file does not hold it."""
    named = sorted(
        path
        for path in contents.datasets
        if path.startswith("optimizer_weights/")
        and path.rpartition("/")[2] in {"iteration", "iteration:0", "iter", "iter:0", "iterations:0"}
    )
    for path in (*_ITERATIONS, *named):
        value = read_integer(source, contents.datasets.get(path))
        if value is not None and 0 <= value < _COUNT_LIMIT:
            return value
    return None


def _inputs(layers: Iterable[JsonValue]) -> JsonValue:
    shapes = []
    for layer in layers:
        config = layer.get("config") if isinstance(layer, Mapping) else None
        if isinstance(config, Mapping) and layer.get("class_name") == "InputLayer":
            shapes.append(_short(config.get("batch_shape", config.get("batch_input_shape"))))
    return shapes


def _short(value: JsonValue) -> JsonValue:
    """Return `value`, or its class name, or None, if it is too long to be shown to people."""
    if len(json.dumps(value)) <= _NESTED_LIMIT_CHARS:
        return value
    return (
        value.get("class_name") if isinstance(value, Mapping) and len(str(value.get("class_name"))) <= _NESTED_LIMIT_CHARS else None
    )


def is_count(value: float) -> bool:
    """Return whether a JSON number is a whole, finite, not negative number: Keras writes byte counts as floats."""
    return math.isfinite(value) and value >= 0 and value == int(value)
