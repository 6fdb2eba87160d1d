"""What formats make of files: a candidate, a verdict on it, and the checkpoint that it is."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from modelwatch.core.entities.model_type import ModelType
from modelwatch.core.json import JsonValue
from modelwatch.core.tree import FileStat


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    Files that may be a checkpoint.

    Attributes:
        format: The name of the format that claims them.
        root: What identifies the checkpoint in its tree: a file, a directory or a TensorFlow prefix.
        members: The files seen so far, sorted by path. Never empty.
        gathered:
            Whether, by their names, all files that it cannot be without are among them, and its format's writers put each in place by rename:
            it is worth holding before it is looked at, for it may live no longer than the look.
    """

    format: str
    root: str
    members: tuple[FileStat, ...]
    gathered: bool = False

    @property
    def paths(self) -> frozenset[str]:
        """The members' paths."""
        return frozenset(member.path for member in self.members)

    def get(self, path: str) -> FileStat | None:
        """Return the member at `path`, or None."""
        return next((member for member in self.members if member.path == path), None)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    A checkpoint or exported model that is complete.

    Attributes:
        format: The name of its format.
        model_type: Gradient's type of it.
        root: As in `Candidate`.
        members: Paths of exactly the files that make it up, sorted; all of them members of the candidate.
        step: The training step that its content (before its name) tells, or None. Not negative.
        epoch: The epoch that its name or content tells, counted as its writer counts, or None. Not negative.
        metadata: What the content tells about itself: signatures, framework version, parameter count, … JSON values only.
        awaited: Paths that writers of this kind usually add right after; worth waiting for one settle time, never required.
    """

    format: str
    model_type: ModelType
    root: str
    members: tuple[str, ...]
    step: int | None = None
    epoch: int | None = None
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    awaited: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse negative steps and epochs and an empty member list, with ValueError."""
        if not self.members:
            raise ValueError("a checkpoint has at least one file")
        if (self.step is not None and self.step < 0) or (self.epoch is not None and self.epoch < 0):
            raise ValueError(f"negative step or epoch: {self.step}, {self.epoch}")


class VerdictKind(enum.Enum):
    """What a format says about a candidate."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    CORRUPT = "corrupt"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    A format's judgement of a candidate. A value, not an exception.

    INCOMPLETE may become complete (it is being written); CORRUPT holds bytes that no writer of the format produces, yet is judged
    again when its files change; FOREIGN is not this format at all.

    Attributes:
        kind: The judgement.
        reason: Why, for people; empty when complete.
        checkpoint: Present when complete, and when `only_order`.
        only_order:
            INCOMPLETE only because modification times are in an order that no writer leaves (a file newer than the one that is written
            after it). Being overwritten looks like that, and so does a copy: after a long quiet time the caller may accept it.
    """

    kind: VerdictKind
    reason: str = ""
    checkpoint: Checkpoint | None = None
    only_order: bool = False

    @classmethod
    def complete(cls, checkpoint: Checkpoint) -> Verdict:
        """Return the verdict COMPLETE."""
        return cls(VerdictKind.COMPLETE, "", checkpoint)

    @classmethod
    def incomplete(cls, reason: str) -> Verdict:
        """Return the verdict INCOMPLETE."""
        return cls(VerdictKind.INCOMPLETE, reason)

    @classmethod
    def out_of_order(cls, reason: str, checkpoint: Checkpoint) -> Verdict:
        """Return the verdict INCOMPLETE for files that are whole but for the order of their modification times."""
        return cls(VerdictKind.INCOMPLETE, reason, checkpoint, only_order=True)

    @classmethod
    def corrupt(cls, reason: str) -> Verdict:
        """Return the verdict CORRUPT."""
        return cls(VerdictKind.CORRUPT, reason)

    @classmethod
    def foreign(cls, reason: str) -> Verdict:
        """Return the verdict FOREIGN."""
        return cls(VerdictKind.FOREIGN, reason)
