"""
SavedModel, TensorFlow's format for export and serving: a folder with ``saved_model.pb`` or ``saved_model.pbtxt``.

Written in this order, and that is how a finished one is known: ``variables/``, ``assets/``, ``saved_model.pb``, ``fingerprint.pb``
(TensorFlow 2.12 and later), ``keras_metadata.pb`` (Keras 2). docs/formats/tensorflow.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelwatch.core.entities import Candidate, ModelType, Verdict
from modelwatch.core.tree import FileStat, FileTree
from modelwatch.formats.base import Evidence
from modelwatch.formats.temporary import is_temporary
from modelwatch.formats.tensorflow import saved_model_check
from modelwatch.formats.wire.protobuf import Malformed

_GRAPHS: Final = frozenset({"saved_model.pb", "saved_model.pbtxt"})
_OWN_FILES: Final = _GRAPHS | {"fingerprint.pb", "keras_metadata.pb"}
_OWN_FOLDERS: Final = frozenset({"variables", "assets", "assets.extra", "debug"})
_VARIABLES: Final = re.compile(r"variables\.(?:index|data-\d{5}-of-\d{5})", re.ASCII)
_DATA_FILE: Final = re.compile(r".*/variables/variables\.data-\d{5}-of-\d{5}", re.ASCII | re.DOTALL)
_OTHER_USE: Final = re.compile(
    r"(?:.*\.)?tfevents\..*|checkpoint|graph\.pbtxt|saved_model\.pb(?:txt)?"
    r"|.*\.(?:index|meta|data-\d{5}-of-\d{5}|keras|h5|hdf5|onnx|ckpt|pt|pth|safetensors|log)",
    re.ASCII | re.DOTALL,
)
"""Names that show that a folder serves for more than one SavedModel: training writes into it too."""


class SavedModel:
    """The format. See `modelwatch.formats.base.Format`."""

    name = "saved-model"
    title = "TensorFlow SavedModel"
    model_type = ModelType.TENSORFLOW
    evidence = Evidence.QUIET

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every folder that holds a graph, or variables as only SavedModels lay them out."""
        roots = {directory for directory, listing in tree.directories.items() if not _GRAPHS.isdisjoint(listing.files)}
        for directory, listing in tree.directories.items():
            parent, _, name = directory.rpartition("/")
            if name == "variables" and any(_VARIABLES.fullmatch(file) for file in listing.files):
                roots.add(parent)
        for root in sorted(roots):
            if not is_temporary(root) and not _inside_another(root, roots):
                members = tuple(sorted(_members(tree, root)))
                if members:
                    yield Candidate(self.name, root, members)

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:
        """Judge: see `modelwatch.formats.tensorflow.saved_model_check` for the rule."""
        try:
            return saved_model_check.judge(self.name, self.model_type, folder, candidate, deep=deep)
        except Malformed as finding:
            return Verdict.incomplete(str(finding))
        except OSError as error:
            return Verdict.incomplete(f"cannot be read: {error}")

    def hardlink_safe(self, path: str) -> bool:
        """Return True for the data files of the variables, which are renamed into place; other files are written in place."""
        return _DATA_FILE.fullmatch(f"/{path}") is not None


def _members(tree: FileTree, root: str) -> Iterator[FileStat]:
    """
    Give the files of the SavedModel in `root`.

    Other files in its folder (labels, a tokenizer) belong to it unless the folder has other uses. Those of the watched path itself
    never do: it is where everything else lies.
    """
    start = len(root) + 1 if root else 0
    own: list[FileStat] = []
    others: list[FileStat] = []
    for file in tree.files_below(root):
        path = file.path[start:]
        if is_temporary(path):
            continue
        top, below, _ = path.partition("/")
        (own if (top in _OWN_FOLDERS if below else top in _OWN_FILES) else others).append(file)
    yield from own
    if root and not any(_OTHER_USE.fullmatch(file.name) for file in others):
        yield from others


def _inside_another(root: str, roots: set[str]) -> bool:
    """Return whether `root` lies in a folder that belongs to another SavedModel, as an asset does."""
    parts = root.split("/") if root else []
    return any("/".join(parts[:depth]) in roots and parts[depth] in _OWN_FOLDERS for depth in range(len(parts)))
