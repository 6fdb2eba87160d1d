"""The browser of the tests: the distribution's Chromium, driven by Playwright."""

from __future__ import annotations

import importlib.util
import shutil

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Chromium asks nobody anything: the tests use no network."""

_LIBRARIES = ("playwright", "axe_playwright_python", "starlette", "jinja2")


def chromium() -> str | None:
    """Return where Chromium is, None when it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def missing() -> str:
    """Say what is missing for looking at pages here; empty when nothing is."""
    if chromium() is None:
        return "Chromium is not installed"
    absent = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    return f"there are no {', '.join(absent)}" if absent else ""
