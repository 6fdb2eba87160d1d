"""The few calls of the Linux kernel that Python does not wrap. Each is a courtesy: without it, less is done, nothing breaks."""

from __future__ import annotations

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
"""Numbers of prctl(2), from linux/prctl.h."""


def _prctl(option: int, value: int) -> bool:
    try:
        import ctypes  # noqa: PLC0415 -- some small Python builds lack it

        return ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0  # type: ignore[no-any-return] # a C int
    except (ImportError, OSError, AttributeError):
        return False


def adopt_orphans() -> bool:
    """Become the parent of every descendant that loses its own, as PID 1 is by nature. Return whether the kernel agreed."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_core_dump() -> bool:
    """Make sure that this process leaves no core file and is not reported as crashed. Return whether the kernel agreed."""
    return _prctl(_PR_SET_DUMPABLE, 0)
