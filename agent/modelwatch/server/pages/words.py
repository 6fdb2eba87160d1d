"""Numbers and times as people read them, for the templates."""

from __future__ import annotations

import json
import math
import re
import shlex
import time
from datetime import UTC, datetime

from markupsafe import Markup

from modelwatch.core.json import JsonValue, finite

_AGES = ((86_400 * 365, "y"), (86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SMALLEST_IN_DECIMALS = 0.001
_LARGEST_IN_DECIMALS = 1_000_000
_RUN_LETTERS = 14
_LINE_LETTERS = 76


def age(seconds: float, now: float) -> str:
    """Return how long before `now` a time was, in its largest unit."""
    for unit_seconds, unit in _AGES:
        if now - seconds >= unit_seconds:
            return f"{int((now - seconds) // unit_seconds)} {unit} ago"
    return "now"


def moment(seconds: float) -> datetime | None:
    """Return seconds since the epoch as a time in UTC, None for what is no time of this calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def ago(seconds: float) -> Markup | str:
    """Return how long ago a time was as a `<time>` element, which tells the time itself too and which the page keeps up to date."""
    when = moment(seconds)
    if when is None:
        return "–"
    day, clock = f"{when:%Y-%m-%d %H:%M:%S}".split()
    return Markup(f'<time datetime="{day}T{clock}Z" title="{day} {clock} UTC">{age(seconds, time.time())}</time>')  # noqa: S704 - of digits and our own words


def date(seconds: float) -> str:
    """Return the day of a time, in UTC."""
    when = moment(seconds)
    return "–" if when is None else f"{when:%Y-%m-%d}"


def count(number: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{number:,.0f}"


def value(number: float) -> str:
    """Return a metric's value in few characters: with four decimals where those say something, else in powers of ten."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    size = abs(number)
    if size != 0 and not _SMALLEST_IN_DECIMALS <= size < _LARGEST_IN_DECIMALS:
        mantissa, _, exponent = f"{number:.3e}".partition("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    return f"{number:,.4f}".replace("-", "−")


def pretty(value_: JsonValue) -> str:
    """Return a JSON value in its own letters: what fits a line in one, the rest over several."""
    return _pretty(finite(value_), "")


def _pretty(value_: JsonValue, indent: str) -> str:
    line = json.dumps(value_, ensure_ascii=False)
    if not value_ or not isinstance(value_, dict | list) or len(indent) + len(line) <= _LINE_LETTERS:
        return line
    deeper = indent + "  "
    if isinstance(value_, dict):
        parts = [f"{deeper}{json.dumps(key, ensure_ascii=False)}: {_pretty(inner, deeper)}" for key, inner in value_.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{deeper}{_pretty(inner, deeper)}" for inner in value_) + f"\n{indent}]"


def sentence(text: str) -> str:
    """Return a message as a sentence: messages are written to stand behind a colon. It must not begin with somebody's name, whose case counts."""
    end = "" if text.endswith((".", "!", "?", ":")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}" if text else ""


def shell(text: str) -> str:
    """Return a text as one word of a shell's command."""
    return shlex.quote(text)


def breaks(text: str) -> Markup:
    """Return a long name that a line may be broken in, behind its dots, slashes and underscores."""
    return Markup("<wbr>").join(re.split(r"(?<=[./_])", text))


def short(text: str) -> str:
    """Return the start of a run's name, whole when it is short."""
    return text if len(text) <= _RUN_LETTERS else f"{text[:_RUN_LETTERS]}…"
