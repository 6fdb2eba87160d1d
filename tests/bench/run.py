"""
Print one table of every measurement against its budget.

    python tests/bench/run.py [PART…]

PART names the scripts to run: ``scalars`` is bench_scalars.py; all of them by default. Each script gives its rows as it measures
them (``def rows() -> Iterable[Row]``), and each row is printed at once. The exit code is 1 when a budget is not kept.
"""

import importlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from row import Row

_FOLDER = Path(__file__).parent
sys.path.append(str(_FOLDER.parent / "support"))
_LINE = "{name:<58} {value:>10} {unit:<8} {budget:>8}  {mark:<5} {note}"


def parts() -> list[str]:
    """Return the names of the scripts, without ``bench_`` and ``.py``."""
    return sorted(path.stem.removeprefix("bench_") for path in _FOLDER.glob("bench_*.py"))


def measure(names: list[str]) -> Iterator[Row]:
    """Give the rows of the named scripts, one after the other: they share a machine."""
    for name in names:
        yield from importlib.import_module(f"bench_{name}").rows()


def text(row: Row) -> str:
    """Return the row as a line of the table."""
    value = f"{row.value:,.0f}" if row.value >= 1000 or row.value == int(row.value) else f"{row.value:.3g}"
    mark = {True: "ok", False: "OVER", None: ""}[row.ok]
    return _LINE.format(name=row.name, value=value, unit=row.unit, budget=row.budget, mark=mark, note=row.note).rstrip()


def main(arguments: list[str]) -> int:
    """Run the named scripts, or all. Return 0, 1 when a budget was not kept, or 64 for a name that is none."""
    known = parts()
    unknown = [name for name in arguments if name not in known]
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 64
    print(f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print(_LINE.format(name="what", value="measured", unit="", budget="budget", mark="", note="how, and beside what").rstrip())
    kept = True
    for row in measure(arguments or known):
        print(text(row), flush=True)
        kept = kept and row.ok is not False
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
