"""
The graph description of ``X.meta`` and ``saved_model.pb``, in TensorFlow's protocol buffers.

MetaGraphDef (meta_graph.proto) and SavedModel (saved_model.proto) are walked, not loaded: constants of gigabytes in a graph are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelwatch.core.json import JsonValue
from modelwatch.formats.tensorflow import tensor_types
from modelwatch.formats.wire import protobuf
from modelwatch.formats.wire.protobuf import Field, Malformed, Sliceable

_SIGNATURES_LIMIT: Final = 200
_TENSORS_LIMIT: Final = 500  # per signature


@dataclass(slots=True)
class MetaGraph:
    """
    What a MetaGraphDef tells. Filled while it is read, then left alone.

    Attributes:
        tags: As ``serve``, ``train``, ``gpu``.
        tensorflow_version: Of the writer, or an empty string.
        has_graph: Whether there is a graph at all.
        has_saver: Whether it says how to restore variables, that is, has any (TensorFlow 1).
        has_object_graph: Whether TensorFlow 2's saver wrote it.
        has_keras_objects: Whether objects in it are Keras 2 models or layers.
        nodes: Nodes of the main graph.
        functions: Functions in its library.
        signatures: By key, as JSON: inputs and outputs with name, dtype and shape (-1 for unknown, None for unknown rank), and method.
        assets: Names of the files in ``assets/`` that it refers to.
    """

    tags: list[str] = field(default_factory=list)
    tensorflow_version: str = ""
    has_graph: bool = False
    has_saver: bool = False
    has_object_graph: bool = False
    has_keras_objects: bool = False
    nodes: int = 0
    functions: int = 0
    signatures: dict[str, JsonValue] = field(default_factory=dict)
    assets: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, JsonValue]:
        """Return what is worth keeping with a registered model."""
        return {
            "tags": list(self.tags),
            "tensorflow_version": self.tensorflow_version,
            "nodes": self.nodes,
            "functions": self.functions,
            "signatures": dict(self.signatures),
            "assets": sorted(set(self.assets)),
        }


def read_saved_model(data: Sliceable) -> list[MetaGraph]:
    """
    Read a SavedModel message.

    Raises:
        Malformed: It is cut off or damaged, or holds no graph.
    """
    graphs = [read_meta_graph(data, field.start, field.end) for field in protobuf.fields(data) if field.number == 2]
    if not graphs:
        raise Malformed("the SavedModel holds no graph")
    return graphs


def read_meta_graph(data: Sliceable, start: int, end: int) -> MetaGraph:
    """
    Read the MetaGraphDef in ``data[start:end]``.

    Raises:
        Malformed: It is cut off or damaged, or holds no graph.
    """
    graph = MetaGraph()
    for part in protobuf.fields(data, start, end):
        reader = _PARTS.get(part.number)
        if reader is not None:
            reader(data, part, graph)
    if not graph.has_graph:
        raise Malformed("the graph description holds no graph")
    return graph


def _meta_info(data: Sliceable, part: Field, graph: MetaGraph) -> None:
    for inner in protobuf.message(data, part):
        if inner.number == 4:
            graph.tags.append(protobuf.text(data, inner))
        elif inner.number == 5:
            graph.tensorflow_version = protobuf.text(data, inner)


def _graph_def(data: Sliceable, part: Field, graph: MetaGraph) -> None:
    graph.has_graph = True
    for inner in protobuf.message(data, part):
        if inner.number == 1:
            graph.nodes += 1
        elif inner.number == 2:
            graph.functions += sum(1 for function in protobuf.message(data, inner) if function.number == 1)


def _saver(_data: Sliceable, _part: Field, graph: MetaGraph) -> None:
    graph.has_saver = True


def _collection(data: Sliceable, part: Field, graph: MetaGraph) -> None:
    """Read the collection in which TensorFlow 1 keeps its assets: a CollectionDef.AnyList of AssetFileDef."""
    key, value = _map_entry(data, part)
    if key != "saved_model_assets" or value is None:
        return
    for any_list in _children(data, value, 5):
        for packed in _children(data, any_list, 1):
            for asset in _children(data, packed, 2):
                _asset(data, asset, graph)


def _signature(data: Sliceable, part: Field, graph: MetaGraph) -> None:
    key, value = _map_entry(data, part)
    if value is None or len(graph.signatures) >= _SIGNATURES_LIMIT:
        return
    inputs: dict[str, JsonValue] = {}
    outputs: dict[str, JsonValue] = {}
    method = ""
    for inner in protobuf.message(data, value):
        if inner.number in {1, 2}:
            tensors = inputs if inner.number == 1 else outputs
            name, info = _map_entry(data, inner)
            if info is not None and len(tensors) < _TENSORS_LIMIT:
                tensors[name] = _tensor_info(data, info)
        elif inner.number == 3:
            method = protobuf.text(data, inner)
    graph.signatures[key] = {"inputs": inputs, "outputs": outputs, "method": method}


def _asset(data: Sliceable, part: Field, graph: MetaGraph) -> None:
    graph.assets.extend(protobuf.text(data, name) for name in _children(data, part, 2))


def _object_graph(data: Sliceable, part: Field, graph: MetaGraph) -> None:
    """Read SavedObjectGraph.nodes[].user_object.identifier."""
    graph.has_object_graph = True
    for node in _children(data, part, 1):
        for user_object in _children(data, node, 4):
            for identifier in _children(data, user_object, 1):
                if protobuf.text(data, identifier).startswith("_tf_keras_"):
                    graph.has_keras_objects = True


_PARTS: Final = {
    1: _meta_info,
    2: _graph_def,
    3: _saver,
    4: _collection,
    5: _signature,
    6: _asset,
    7: _object_graph,
}
"""By field number of MetaGraphDef."""


def _children(data: Sliceable, parent: Field, number: int) -> Iterator[Field]:
    return (inner for inner in protobuf.message(data, parent) if inner.number == number)


def _map_entry(data: Sliceable, part: Field) -> tuple[str, Field | None]:
    key = ""
    value = None
    for inner in protobuf.message(data, part):
        if inner.number == 1:
            key = protobuf.text(data, inner)
        elif inner.number == 2:
            value = inner
    return key, value


def _tensor_info(data: Sliceable, part: Field) -> JsonValue:
    name = ""
    dtype = 0
    shape: tuple[int, ...] | None = None
    for inner in protobuf.message(data, part):
        if inner.number == 1:
            name = protobuf.text(data, inner)
        elif inner.number == 2:
            dtype = protobuf.integer(inner)
        elif inner.number == 3:
            shape = tensor_types.shape(data, inner)
    return {"name": name, "dtype": tensor_types.type_name(dtype), "shape": None if shape is None else list(shape)}
