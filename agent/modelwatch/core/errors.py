"""
Every error that leaves a module on purpose.

    ModelwatchError          exit code 70, EX_SOFTWARE
    ├── UsageError           64, EX_USAGE: the command line cannot be understood
    ├── ConfigError          78, EX_CONFIG: options that are wrong, all of them at once
    ├── NotFoundError        66, EX_NOINPUT: the named model, version or file does not exist
    ├── AccessError          77, EX_NOPERM: a server refuses the one who asks
    ├── StateError           74, EX_IOERR: our own files cannot be read or written, or belong to something else
    │   ├── DiskFullError    74: there is no room for them now
    │   └── DamagedError     74: their content is damaged
    ├── TransientError       75, EX_TEMPFAIL: may succeed later; callers retry with backoff
    └── PermanentError       65, EX_DATAERR: will never succeed as it is; callers keep it and show it

The exit codes are those of sysexits.h. Message and exit code live on the class, so that the top of the command line needs one handler.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

_SHOWN_CHARACTERS = 200
"""Of a value that is wrong; what is longer is no value but a file that went astray."""


class ModelwatchError(Exception):
    """
    An error that the user can be told about in one line.

    Args:
        message: What was wrong and where it came from.

        hint: What the reader should do about it, or an empty string.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(ModelwatchError):
    """The command line cannot be understood."""

    exit_code = 64


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """
    One option that is wrong.

    Attributes:
        field: The option's name as the user would write it, for example ``modelType``.
        value: What was given, as text; never the value of a secret.
        origin: Where it came from, for example ``environment MODELWATCH_MODEL_TYPE``.
        problem: What is wrong with it, and the nearest right value or name.
    """

    field: str
    value: str
    origin: str
    problem: str

    def __str__(self) -> str:
        return f"{_beginning(self.field)} = {_beginning(self.value)!r} (from {self.origin}): {self.problem}"


def _beginning(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


class ConfigError(ModelwatchError):
    """One or more options are wrong; all of them are reported together."""

    exit_code = 78

    def __init__(self, problems: tuple[ConfigProblem, ...], *, hint: str = "") -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = problems


class NotFoundError(ModelwatchError):
    """The named model, version or file does not exist."""

    exit_code = 66


class AccessError(ModelwatchError):
    """A server refuses the one who asks: the key is missing, wrong, or may not do this."""

    exit_code = 77


class StateError(ModelwatchError):
    """Our own files cannot be read or written, or a folder belongs to something else."""

    exit_code = 74


class DiskFullError(StateError):
    """There is no room for our own files, or no quota left; there may be later."""


class DamagedError(StateError):
    """The content of one of our own files is damaged."""


class TransientError(ModelwatchError):
    """
    The operation may succeed later.

    Args:
        retry_after_seconds: The other side's own wish, or None to let the caller's backoff decide.
    """

    exit_code = 75

    def __init__(self, message: str, *, hint: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class PermanentError(ModelwatchError):
    """The operation can never succeed as it is. It is kept and shown, not retried."""

    exit_code = 65
