"""
Giving up long work between two of its pieces, because the program is to end (docs/adr/0015-abandoning-work.md).

Whoever starts a thread says when its work is to be given up; whoever reads, hashes, copies or sends a large file asks between two
pieces. Neither needs to know of the other: what lies between passes nothing on, and must only leave nothing half done behind.

    with abandoned_when(deadline.passed):
        …                                   # far below:
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            between_pieces()
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar


class Abandoned(BaseException):
    """The work was given up. It can be done again from the start; what was done so far need not be kept."""


def _never() -> bool:
    """Go on: nobody has said when to give up."""
    return False


_asked: ContextVar[Callable[[], bool]] = ContextVar("asked", default=_never)


@contextlib.contextmanager
def abandoned_when(asked: Callable[[], bool]) -> Iterator[None]:
    """
    Have the work of the ``with`` block, in this thread, raise `Abandoned` out of it soon after `asked` returns true.

    Args:
        asked: Called often; cheap, and true for ever once it is true.
    """
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)


def between_pieces() -> None:
    """Raise `Abandoned` when this thread's work is to be given up. Called where that leaves nothing half done."""
    if _asked.get()():
        raise Abandoned
