"""
Reading just enough of protocol buffers in text form, as TensorFlow 1 writes them with ``as_text=True``: ``saved_model.pbtxt``.

https://protobuf.dev/reference/protobuf/textformat-spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelwatch.formats.tensorflow.meta_graph import MetaGraph
from modelwatch.formats.wire import protobuf
from modelwatch.formats.wire.protobuf import Malformed

_TOKEN: Final = re.compile(
    r"""[\s,;]+|\#[^\n]*                               # nothing
      |(?P<close>[}>\]])
      |(?P<name>[A-Za-z_][\w.]*|\[[\w./-]+\])\s*:?\s*(?P<open>[{<\[])
      |(?P<field>[A-Za-z_]\w*)\s*:\s*(?P<value>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[-+\w.]+)
      |(?P<bare>[{<]|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[-+\w.]+)  # an element of a list, or a string that goes on""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_OPENINGS: Final = frozenset("{<")


_PACKED: Final = ("meta_graphs", "collection_def", "value", "any_list", "value")
"""Where collections hold messages as bytes, after the name of their type."""

_ASSET_TYPE: Final = "/tensorflow.AssetFileDef"


def read_saved_model(text: str) -> list[MetaGraph]:
    """
    Return what a SavedModel message in text form tells; of signatures, only their keys.

    Raises:
        Malformed: It is cut off, or not such a message.
    """
    graphs: list[MetaGraph] = []
    packed_type = ""
    for path, value in _scalars(text):
        if path == ("meta_graphs",):
            graphs.append(MetaGraph())
        elif path[0] != "meta_graphs":
            continue
        elif value is None:
            _begin(path[1:], graphs[-1])
        elif path == (*_PACKED, "type_url"):
            packed_type = _unquoted(value).decode("utf-8", "replace")
        elif path == (*_PACKED, "value") and packed_type.endswith(_ASSET_TYPE):
            asset = _unquoted(value)
            graphs[-1].assets.extend(protobuf.text(asset, field) for field in protobuf.fields(asset) if field.number == 2)
        else:
            _set(path[1:], _unquoted(value).decode("utf-8", "replace"), graphs[-1])
    if not graphs or not all(graph.has_graph for graph in graphs):
        raise Malformed("the SavedModel holds no graph")
    return graphs


def _begin(path: tuple[str, ...], graph: MetaGraph) -> None:
    match path:
        case ("graph_def",):
            graph.has_graph = True
        case ("graph_def", "node"):
            graph.nodes += 1
        case ("graph_def", "library", "function"):
            graph.functions += 1
        case ("saver_def",):
            graph.has_saver = True


def _set(path: tuple[str, ...], value: str, graph: MetaGraph) -> None:
    match path:
        case ("meta_info_def", "tags"):
            graph.tags.append(value)
        case ("meta_info_def", "tensorflow_version"):
            graph.tensorflow_version = value
        case ("signature_def", "key"):
            graph.signatures[value] = {}
        case ("asset_file_def", "filename") | (
            "collection_def",
            "value",
            "any_list",
            "value",
            "[type.googleapis.com/tensorflow.AssetFileDef]",
            "filename",
        ):
            graph.assets.append(value)


def _scalars(text: str) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Give the path and text of every scalar field, and the path and None where a message begins."""
    path: list[str] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise Malformed(f"not text of a protocol buffer at character {position}")
        position = token.end()
        if token["close"]:
            if not path:
                raise Malformed("a message ends that has not begun")
            path.pop()
        elif token["name"]:
            path.append(token["name"])
            yield tuple(path[:8]), None
        elif token["bare"] in _OPENINGS:
            path.append("")
        elif token["field"]:
            yield (*path[:8], token["field"]), token["value"]
    if path or not text.endswith("\n"):
        raise Malformed("the text is cut off")


def _unquoted(literal: str) -> bytes:
    """Return the bytes that a quoted literal stands for; of a bare one, something of no use."""
    return literal[1:-1].encode("utf-8").decode("unicode_escape", "replace").encode("latin-1", "replace")
