"""
What the program tells people while it runs: one line an event, on standard error, never on standard output.

`log.info("registered", model=…, version=…)` writes ``modelwatch: registered model=digits version=3``, or one JSON object a line.
Levels are logging's own; the standard library's `logging` does the work, so that a host program can route it.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any, TextIO

from modelwatch.core.json import dumps, finite

_LOGGER = logging.getLogger("modelwatch")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


def printable(text: str) -> str:
    """Return `text` with everything escaped that could break a line or is not a character (surrogate escapes)."""
    return text if text.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _value(value: object) -> str:
    text = printable(str(value))
    return f'"{text}"' if " " in text or not text else text


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        told = (f"{key}={_value(value)}" for key, value in fields.items() if value != "")
        return " ".join([f"modelwatch: {level}{record.getMessage()}", *told])


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        text = {key: value if isinstance(value, (int, float, bool, type(None))) else str(value) for key, value in fields.items()}
        return dumps(finite({"time": stamp, "level": record.levelname.lower(), "message": record.getMessage(), **text}))


def configure(*, level: str = "info", as_json: bool = False, stream: TextIO | None = None) -> None:
    """
    Start writing log lines.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.

        as_json: One JSON object a line instead of text.

        stream: Where to; standard error when None.
    """
    for handler in list(_LOGGER.handlers):
        _LOGGER.removeHandler(handler)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter() if as_json else _TextFormatter())
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(level.upper())


def debug(message: str, **fields: object) -> None:
    """Log what only a developer asks for."""
    _LOGGER.debug(message, extra={"fields": fields})


def info(message: str, **fields: object) -> None:
    """Log something that went as it should and that the user wants to know."""
    _LOGGER.info(message, extra={"fields": fields})


def warning(message: str, **fields: object) -> None:
    """Log something that the user may have to act on; work goes on."""
    _LOGGER.warning(message, extra={"fields": fields})


def error(message: str, **fields: object) -> None:
    """Log something that the user has to act on."""
    _LOGGER.error(message, extra={"fields": fields})
