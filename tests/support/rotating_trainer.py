"""
A training that saves checkpoints as fast as it is told and keeps only the latest.

    python rotating_trainer.py FOLDER SAVES BYTES MILLISECONDS

Waits for a line on standard input before the first save, and prints how many it saved.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from bundle_writer import save


def main(folder: Path, saves: int, size: int, seconds: float) -> None:
    """Save `saves` checkpoints of `size` bytes, `seconds` after one another."""
    weights = bytearray(os.urandom(size))
    sys.stdin.readline()
    due = time.monotonic()
    for step in range(1, saves + 1):
        weights[:8] = step.to_bytes(8, "little")
        save(folder, step, bytes(weights))
        due += seconds
        time.sleep(max(0.0, due - time.monotonic()))
    print(saves)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]) / 1000)
