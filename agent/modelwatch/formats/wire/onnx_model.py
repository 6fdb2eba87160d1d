"""
ONNX models: what a ``ModelProto`` says, without its tensors' bytes.

The schema: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Field numbers are named where they are used.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelwatch.formats.wire.protobuf import Field, Malformed, Sliceable, content, fields, integer, message, packed, signed, text

_DEPTH_LIMIT: Final = 16  # graphs inside of nodes inside of graphs
_FIELD_LIMIT: Final = 5_000_000
_VALUE_LIMIT: Final = 1000
_RANK_LIMIT: Final = 64

TYPE_NAMES: Final = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8e4m3fn",
    18: "float8e4m3fnuz",
    19: "float8e5m2",
    20: "float8e5m2fnuz",
    21: "uint4",
    22: "int4",
}
"""``TensorProto.DataType``."""

_BITS: Final = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16}
_BITS_OF_SMALL: Final = dict.fromkeys(range(17, 21), 8) | {21: 4, 22: 4}


@dataclass(frozen=True, slots=True)
class Value:
    """
    An input or output of the graph.

    Attributes:
        name: Its name.
        dtype: As `TYPE_NAMES`; empty when it is not a tensor.
        shape: Lengths, or names of lengths, or None for a length that is not said; None when the rank is not said.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(slots=True)
class Model:
    """
    What was read. Filled while walking, so not frozen.

    Attributes:
        ir_version: Of the format, or None.
        producer: Name and version of the program that wrote it.
        has_graph: Whether there is a graph.
        opset: Version by domain; the default domain is ``ai.onnx``.
        properties: ``metadata_props``.
        inputs: The graph's, without those that are initializers.
        outputs: The graph's.
        operators: How often each operator type occurs, subgraphs included.
        initializers: How many there are.
        parameters: Elements of all of them.
        external: Bytes that a file beside the model must have, by its location as written in the model.
    """

    ir_version: int | None = None
    producer: list[str] = field(default_factory=list)
    has_graph: bool = False
    opset: dict[str, int] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    operators: Counter[str] = field(default_factory=Counter)
    initializers: int = 0
    parameters: int = 0
    external: dict[str, int] = field(default_factory=dict)


def read_model(data: Sliceable) -> Model:
    """
    Walk a model.

    Raises:
        Malformed: It is cut off, damaged, or not a model.
    """
    return _Walk(data).run()


class _Walk:
    def __init__(self, data: Sliceable) -> None:
        self._data = data
        self._model = Model()
        self._fields_left = _FIELD_LIMIT
        self._initialized: set[str] = set()

    def run(self) -> Model:
        model = self._model
        for item in self._counted(fields(self._data)):
            if item.number == 1:
                model.ir_version = signed(item)
            elif item.number in {2, 3}:  # producer_name, producer_version
                model.producer.append(text(self._data, item))
            elif item.number == 7:
                model.has_graph = True
                self._graph(item, 0)
            elif item.number == 8:
                self._opset(item)
            elif item.number == 14:
                key, value = self._entry(item)
                if len(model.properties) < _VALUE_LIMIT:
                    model.properties[key] = value
        model.inputs = [value for value in model.inputs if value.name not in self._initialized]
        return model

    def _counted(self, items: Iterator[Field]) -> Iterator[Field]:
        for item in items:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise Malformed(f"more than {_FIELD_LIMIT} fields")
            yield item

    def _in(self, item: Field) -> Iterator[Field]:
        return self._counted(message(self._data, item))

    def _entry(self, item: Field) -> tuple[str, str]:
        """Return key and value of a StringStringEntryProto."""
        texts = {1: "", 2: ""}
        for inner in self._in(item):
            if inner.number in texts:
                texts[inner.number] = text(self._data, inner)
        return texts[1], texts[2]

    def _opset(self, item: Field) -> None:
        domain, version = "", 0
        for inner in self._in(item):
            if inner.number == 1:
                domain = text(self._data, inner)
            elif inner.number == 2:
                version = signed(inner)
        self._model.opset[domain or "ai.onnx"] = version

    def _graph(self, item: Field, depth: int) -> None:
        if depth > _DEPTH_LIMIT:
            raise Malformed(f"graphs nested more than {_DEPTH_LIMIT} deep")
        for inner in self._in(item):
            if inner.number == 1:
                self._node(inner, depth)
            elif inner.number == 5:
                self._initializer(inner, named=depth == 0)
            elif inner.number == 15:  # sparse_initializer: values and indices are tensors
                for part in self._in(inner):
                    if part.number in {1, 2}:
                        self._initializer(part, named=False)
            elif depth == 0 and inner.number in {11, 12}:
                values = self._model.inputs if inner.number == 11 else self._model.outputs
                if len(values) < _VALUE_LIMIT + len(self._initialized):
                    values.append(self._value(inner))

    def _node(self, item: Field, depth: int) -> None:
        for inner in self._in(item):
            if inner.number == 4:
                self._model.operators[text(self._data, inner)[:256]] += 1
            elif inner.number == 5:  # attribute
                for part in self._in(inner):
                    if part.number in {5, 10}:  # t, tensors
                        self._tensor(part)
                    elif part.number in {6, 11}:  # g, graphs
                        self._graph(part, depth + 1)

    def _initializer(self, item: Field, *, named: bool) -> None:
        name, elements = self._tensor(item)
        self._model.initializers += 1
        self._model.parameters += elements
        if named:
            self._initialized.add(name)

    def _tensor(self, item: Field) -> tuple[str, int]:
        """Return the tensor's name and how many elements it has; take note of its place in another file."""
        name, kind, external = "", 0, False
        shape: list[int] = []
        place: dict[str, str] = {}
        for inner in self._in(item):
            if inner.number == 1:
                shape += packed(self._data, inner, limit=_RANK_LIMIT)
                if len(shape) > _RANK_LIMIT or min(shape, default=0) < 0:
                    raise Malformed("a tensor of impossible shape")
            elif inner.number == 2:
                kind = integer(inner)
            elif inner.number == 8:
                name = text(self._data, inner)
            elif inner.number == 13:
                key, value = self._entry(inner)
                place[key] = value
            elif inner.number == 14:
                external = integer(inner) == 1
        elements = math.prod(shape)
        if external:
            self._place(place, elements * (_BITS | _BITS_OF_SMALL).get(kind, 0) // 8)
        return name, elements

    def _place(self, place: dict[str, str], size: int) -> None:
        location = place.get("location", "")
        try:
            offset, length = (int(place.get(key) or 0) for key in ("offset", "length"))
        except ValueError:
            raise Malformed("a tensor's place in another file is not a number") from None
        if not location or offset < 0 or length < 0:
            raise Malformed("a tensor without a place")
        end = offset + (length or size)
        self._model.external[location] = max(end, self._model.external.get(location, 0))

    def _value(self, item: Field) -> Value:
        """Return a ValueInfoProto."""
        name, dtype = "", ""
        shape: tuple[int | str | None, ...] | None = None
        for inner in self._in(item):
            if inner.number == 1:
                name = text(self._data, inner)
            elif inner.number == 2:
                for kind in self._in(inner):
                    if kind.number == 1:  # tensor_type
                        dtype, shape = self._tensor_type(kind)
        return Value(name, dtype, shape)

    def _tensor_type(self, item: Field) -> tuple[str, tuple[int | str | None, ...] | None]:
        dtype = ""
        shape: list[int | str | None] | None = None
        for inner in self._in(item):
            if inner.number == 1:
                dtype = TYPE_NAMES.get(integer(inner), str(integer(inner)))
            elif inner.number == 2:
                shape = []
                for dimension in self._in(inner):
                    if dimension.number == 1 and len(shape) < _RANK_LIMIT:
                        shape.append(self._length(dimension))
        return dtype, None if shape is None else tuple(shape)

    def _length(self, item: Field) -> int | str | None:
        length: int | str | None = None
        for inner in self._in(item):
            if inner.number == 1:
                length = signed(inner)
            elif inner.number == 2:
                length = content(self._data, inner, limit_bytes=_VALUE_LIMIT).decode("utf-8", "replace")
        return length
