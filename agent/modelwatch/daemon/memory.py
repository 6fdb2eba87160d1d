"""Staying small beside a training. A courtesy: without it nothing breaks."""

from __future__ import annotations

_M_ARENA_MAX = -8
"""Of malloc.h of the GNU C library."""


def use_one_arena() -> bool:
    """
    Let all threads of this process take memory from one place. Call it before the first of them starts.

    Each would have an arena of its own, and what one has given back there is of no use to the others; Python lets one of them run at a time.

    Returns:
        Whether the C library agreed: only GNU's has arenas.
    """
    try:
        import ctypes  # noqa: PLC0415 -- some small Python builds lack it

        return ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1) == 1  # type: ignore[no-any-return] # a C int
    except (ImportError, OSError, AttributeError, TypeError):  # TypeError: Windows has no library of this process
        return False
