"""
What people and programs read: tables, JSON, progress, questions.

Standard output carries results, standard error everything else. Colours and shapes appear on a terminal only, and never when NO_COLOR is
set (https://no-color.org). Text out of files is escaped: it may hold control characters or markup.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from modelwatch.core.errors import UsageError
from modelwatch.core.json import JsonValue, finite
from modelwatch.core.log import printable
from modelwatch.core.sizes import size_in_words

__all__ = ["ago", "coloured", "confirm", "note", "print_json", "printable", "progress", "size", "table"]

_MANY_COLUMNS = 8
_SHORT_CELL = 16
_LONG_CELL_LEAST = 12

_AGES = ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def size(count: int) -> str:
    """Return bytes for people."""
    return size_in_words(count)


def ago(seconds: float) -> str:
    """Return how long ago a time (seconds since the epoch) was, in its largest unit."""
    age = time.time() - seconds
    for unit_seconds, unit in _AGES:
        if age >= unit_seconds:
            return f"{int(age // unit_seconds)} {unit} ago"
    return "now"


def coloured(stream: TextIO) -> bool:
    """Return whether colours may be written to `stream`."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_json(value: JsonValue) -> None:
    """Print a value as JSON; NaN and infinities become strings as in `core.json`."""
    print(json.dumps(finite(value), indent=2, ensure_ascii=True))


def note(text: str) -> None:
    """Tell people something that is not the result."""
    print(f"modelwatch: {text}", file=sys.stderr)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "", spare: Sequence[str] = ()) -> None:
    """
    Print a table.

    On a terminal it fits the width, folding long cells; elsewhere each cell is whole.

    Args:
        columns: Headings.

        rows: Cells; None is shown as nothing.

        empty: Printed instead of a table without rows.

        spare: Headings of columns that a terminal too narrow for all goes without, the first of them first.
    """
    if not rows:
        if empty:
            print(empty)
        return
    cells = [[_cell(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _rich_table(columns, cells, spare)
        return
    widths = [max(len(heading), *(len(row[index]) for row in cells)) for index, heading in enumerate(columns)]
    for line in (list(columns), *cells):
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else printable(str(value))


def _rich_table(columns: Sequence[str], cells: Sequence[Sequence[str]], spare: Sequence[str]) -> None:
    from rich.console import Console  # noqa: PLC0415 - 60 ms that only a terminal's tables cost
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    console = Console(highlight=False)
    gap = 1 if len(columns) > _MANY_COLUMNS else 2
    # Short cells stay whole and headings wrap instead; what is long, such as a path or a reason, folds. Too narrow for that: all fold.
    while True:
        widest = [max(len(row[index]) for row in cells) for index in range(len(columns))]
        short = [width if width <= _SHORT_CELL else 0 for width in widest]
        least = [max(width or _LONG_CELL_LEAST, _longest_word(heading)) for width, heading in zip(short, columns, strict=True)]
        fits = sum(least) + gap * (len(columns) - 1) <= console.width
        droppable = [columns.index(heading) for heading in spare if heading in columns]
        if fits or not droppable:
            break
        columns, *cells = [[*row[: droppable[0]], *row[droppable[0] + 1 :]] for row in (columns, *cells)]
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, gap, 0, 0))
    for heading, width in zip(columns, short, strict=True):
        shown.add_column(heading, overflow="fold", min_width=width if width and fits else None)
    for row in cells:
        shown.add_row(*(Text(text) for text in row))
    console.print(shown)


def _longest_word(heading: str) -> int:
    return max(len(word) for word in heading.split()) if heading else 0


@contextlib.contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """
    Show the progress of work on bytes, on standard error when that is a terminal.

    Args:
        label: What is being done.

        total: Bytes in all.

    Yields:
        A function to call with each number of bytes done.
    """
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    from rich.console import Console  # noqa: PLC0415 - as in _rich_table
    from rich.markup import escape  # noqa: PLC0415 - as above
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn  # noqa: PLC0415 - as above

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")) or None),
    )
    with bar:
        task = bar.add_task(escape(printable(label)), total=total)
        yield lambda count: bar.advance(task, count)


def confirm(question: str, *, yes: bool) -> bool:
    """
    Ask before something that cannot be undone.

    Args:
        question: Without a question mark's answer, for example ``delete digits for good?``.

        yes: It was answered on the command line already.

    Raises:
        UsageError: There is no terminal to ask on.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"not done without a terminal to ask on: {question}", hint="say --yes to go ahead")
    print(f"{printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
