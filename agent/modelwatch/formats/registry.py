"""
Which formats there are, and which of them each file belongs to.

The order of formats is the order of precedence: what says most about itself comes first, so that the variables of a SavedModel are not a
checkpoint of their own, and the fallbacks get what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modelwatch.core.entities import Candidate, ModelType
from modelwatch.core.tree import FileTree
from modelwatch.formats.base import Format
from modelwatch.formats.custom import Custom
from modelwatch.formats.custom_committed import CustomCommitted
from modelwatch.formats.hdf5 import Hdf5
from modelwatch.formats.keras_archive import KerasArchive
from modelwatch.formats.keras_sharded import KerasSharded
from modelwatch.formats.model_files import ModelFiles
from modelwatch.formats.model_folders import ModelFolders
from modelwatch.formats.onnx import Onnx
from modelwatch.formats.saved_model import SavedModel
from modelwatch.formats.tensorflow_checkpoint import TensorFlowCheckpoint
from modelwatch.formats.tensorflow_checkpoint_v1 import TensorFlowCheckpointV1


def formats_for(model_type: ModelType | None, *, commit_markers: tuple[str, ...] = ()) -> tuple[Format, ...]:
    """
    Return the formats to look for, in order of precedence.

    Args:
        model_type: The type that the user gave; None looks for everything that can be told apart from other files.

        commit_markers: Names of files that make a folder complete, besides the usual ones.
    """
    if model_type is ModelType.CUSTOM:
        return (CustomCommitted(commit_markers), Custom(commit_markers))
    if model_type is ModelType.ONNX:
        return (Onnx(),)
    tensorflow: tuple[Format, ...] = (
        SavedModel(),
        TensorFlowCheckpoint(),
        TensorFlowCheckpointV1(),
        KerasArchive(),
        KerasSharded(),
    )
    if model_type is ModelType.TENSORFLOW:
        return (*tensorflow, Hdf5())
    declared: tuple[Format, ...] = (Custom(commit_markers, described_only=True),)
    if commit_markers:
        declared += (CustomCommitted(commit_markers, marked_only=True),)
    return (*declared, *tensorflow, ModelFolders(), Hdf5(), Onnx(), ModelFiles())


def claim(formats: Sequence[Format], tree: FileTree) -> tuple[Candidate, ...]:
    """
    Divide a tree's files among the formats.

    A candidate loses the files that an earlier format has; without its own root file, or without any file, it is none.
    Candidates of one format may share files: two ONNX models may have their weights in one file.

    Returns:
        The candidates, those of earlier formats first.
    """
    taken: set[str] = set()
    claimed: list[Candidate] = []
    for format_ in formats:
        mine: set[str] = set()
        for candidate in format_.find(tree):
            members = candidate.members
            if taken and not taken.isdisjoint(member.path for member in members):
                members = tuple(member for member in members if member.path not in taken)
                if not members or candidate.root in taken:
                    continue
                candidate = replace(candidate, members=members)  # noqa: PLW2901 - the same candidate with fewer files
            mine.update(member.path for member in members)
            claimed.append(candidate)
        taken |= mine
    return tuple(claimed)
