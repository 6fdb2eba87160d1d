"""Where log lines go, as the options say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from modelwatch.config.settings import Settings
from modelwatch.core import log
from modelwatch.core.errors import StateError


@contextlib.contextmanager
def logging_to(settings: Settings) -> Iterator[None]:
    """
    Write log lines where the options say while the block runs.

    Raises:
        StateError: The log file cannot be written.
    """
    as_json = settings.log_format == "json"
    if settings.log_file is None:
        log.configure(level=settings.log_level, as_json=as_json)
        yield
        return
    try:
        stream = Path(settings.log_file).open("a", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115 - closed below
    except OSError as error:
        raise StateError(
            f"cannot write the log file {settings.log_file}: {error.strerror}", hint="choose another --logFile"
        ) from error
    with stream:
        log.configure(level=settings.log_level, as_json=as_json, stream=stream)
        yield
