"""
What every format answers.

Formats know bytes, not time: they find candidates in a `FileTree` and judge one candidate's files. When to ask, how long to wait
and what to do with the answer is the pipeline's business. docs/formats/ says how each rule was established.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Protocol

from modelwatch.core.entities import Candidate, ModelType, Verdict
from modelwatch.core.tree import FileTree


class Evidence(enum.Enum):
    """What a deep COMPLETE verdict on our own copy of the files is worth."""

    PROOF = "proof"
    """Every byte is covered by a checksum or by a marker that the writer sets last: nothing to wait for."""

    QUIET = "quiet"
    """The structure is right, but a writer could still be at work: the files must also be unchanged for one settle time."""

    SILENCE = "silence"
    """Nothing in the bytes tells completeness: the files must be unchanged for the longer quiet time of unknown files."""


class Format(Protocol):
    """
    One checkpoint or model format. Stateless; one instance serves all threads.

    Attributes:
        name: Stable, lower case with hyphens: it is part of registration keys.
        title: For people.
        model_type: Gradient's type of its models.
        evidence: What its deep verdict is worth.
    """

    name: str
    title: str
    model_type: ModelType
    evidence: Evidence

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every candidate of this format in `tree`, complete or not. Reads nothing from disk."""

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:
        """
        Judge the candidate's files as they are below `folder` now: the model path itself, or our own copy of the files.

        Args:
            folder: Absolute path that the members' paths are relative to.

            candidate: As `find` gave it; sizes and times are those of the walk.

            deep: Check every checksum there is (reads everything), not only headers.

        Returns:
            COMPLETE with the checkpoint, or why not. A missing or unreadable file is INCOMPLETE, never an exception.
        """

    def hardlink_safe(self, path: str) -> bool:
        """Return whether writers replace the member at `path` by rename only, so that a hard link to it keeps its bytes."""
