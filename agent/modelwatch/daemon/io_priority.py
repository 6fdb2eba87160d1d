"""Letting the training's reads and writes go first. A courtesy: without it nothing breaks."""

from __future__ import annotations

import os
import sys

_SYSTEM_CALLS = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "ppc64le": 273, "s390x": 282, "loongarch64": 30}
"""Number of ioprio_set(2), which the C library does not wrap, by machine; of 64-bit programs."""

_WHO_PROCESS = 1
_BEST_EFFORT_LOWEST = 2 << 13 | 7
"""IOPRIO_CLASS_BE, level 7 of 0 to 7 (linux/ioprio.h). The idle class may wait for ever beside a busy training, and then checkpoints are lost."""


def let_others_go_first() -> bool:
    """
    Give this thread, and those that it starts from now on, the lowest priority of the best-effort class for reading and writing.

    Returns:
        Whether the kernel agreed. Only some of its schedulers (BFQ) look at it.
    """
    if sys.platform != "linux" or sys.maxsize < 2**32 or (number := _SYSTEM_CALLS.get(os.uname().machine)) is None:
        return False
    try:
        import ctypes  # noqa: PLC0415 -- some small Python builds lack it

        return ctypes.CDLL(None, use_errno=True).syscall(number, _WHO_PROCESS, 0, _BEST_EFFORT_LOWEST) == 0  # type: ignore[no-any-return] # a C long
    except (ImportError, OSError, AttributeError):
        return False
