"""The ``.meta`` file that TensorFlow 1's Saver writes beside a checkpoint, after it: optional, and worth waiting for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelwatch.core.entities import Candidate
from modelwatch.core.files import RegularFile
from modelwatch.formats.tensorflow.meta_graph import MetaGraph, read_meta_graph
from modelwatch.formats.wire.protobuf import Window


@dataclass(frozen=True, slots=True)
class GraphFile:
    """
    What is known of a checkpoint's ``.meta`` file.

    Attributes:
        members: Its path, or nothing when the candidate has none.
        awaited: Its path when it is missing or older than the checkpoint: then it usually comes right after. Else nothing.
        graph: What it says, or None.
    """

    members: tuple[str, ...]
    awaited: tuple[str, ...]
    graph: MetaGraph | None


def read(folder: str, candidate: Candidate, *, checkpoint_mtime_ns: int) -> GraphFile:
    """
    Read the ``.meta`` file of `candidate`, if it has one.

    Raises:
        Malformed: It is cut off or damaged.

        OSError: It is gone or cannot be read.
    """
    path = graph_path(candidate.root)
    if candidate.get(path) is None:
        return GraphFile((), (path,), None)
    with RegularFile(Path(folder, path)) as file:
        graph = read_meta_graph(Window(file), 0, file.size)
        older = file.stat().st_mtime_ns < checkpoint_mtime_ns
    return GraphFile((path,), (path,) if older else (), graph)


def graph_path(prefix: str) -> str:
    """Return the path of the ``.meta`` file of the checkpoint `prefix`."""
    return f"{prefix}.meta"
