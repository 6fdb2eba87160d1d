"""Where threads take their memory from."""

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import re, sys, threading
from modelwatch.daemon.memory import use_one_arena

if sys.argv[1] == "one":
    assert use_one_arena()
kept = []
thread = threading.Thread(target=lambda: kept.extend(bytes(4096) for _ in range(4096)))
thread.start()
thread.join()
heap = re.search(r"\\[heap\\]\\nSize:.*?\\nRss: +([0-9]+) kB", open("/proc/self/smaps").read(), re.DOTALL)
print(int(heap[1]) // 1024)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library has arenas")
def test_threads_share_what_there_is():
    """What a thread keeps is in the heap of the process; else it would be in one of its own."""
    mib = {}
    for arenas in ("many", "one"):
        mib[arenas] = int(subprocess.run([sys.executable, "-c", _PROGRAM, arenas], capture_output=True, check=True).stdout)
    assert mib["one"] - mib["many"] >= 15
