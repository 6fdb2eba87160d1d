"""What the command line hands to the supervisor, as arguments: the two share a process, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Launch:
    """
    What to supervise.

    Attributes:
        model_path: Where the training saves its models; becomes the trainer's PS_MODEL_PATH when it has none.
        drain_seconds: How long the agent may take for its last work after the training's end.
        straggler_seconds: How long what the trainer left running in its group is waited for.
        signal_group: Whether the trainer's whole group gets the signals that we get; only the trainer itself if not.
        signal_mask: The signals that were blocked when modelwatch was started; the trainer gets them back.
        agent: The agent's command; ``--supervisor-fd N`` is added to it, the descriptor on which it hears of the training's end. Empty for none.
        command: The trainer's command; never empty.
    """

    model_path: str
    drain_seconds: float
    straggler_seconds: float
    signal_group: bool
    signal_mask: tuple[int, ...]
    agent: tuple[str, ...]
    command: tuple[str, ...]

    def arguments(self) -> list[str]:
        """Return this as command-line arguments, for `from_arguments` to read."""
        mask = ",".join(str(number) for number in self.signal_mask)
        target = "group" if self.signal_group else "process"
        head = [self.model_path, repr(self.drain_seconds), repr(self.straggler_seconds), target, mask, str(len(self.agent))]
        return [*head, *self.agent, *self.command]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Launch:
        """Return what `arguments` stand for. Raise ValueError when they are not from `arguments()`."""
        model_path, drain, straggler, target, mask, count, *rest = arguments
        agent, command = rest[: int(count)], rest[int(count) :]
        if len(agent) != int(count) or not command:
            raise ValueError("the trainer's command is missing")
        signals = tuple(int(number) for number in mask.split(",") if number)
        return cls(model_path, float(drain), float(straggler), target == "group", signals, tuple(agent), tuple(command))
