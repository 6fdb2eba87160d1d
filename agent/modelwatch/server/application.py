"""The server, whole: its parts in the order in which their routes are tried."""

from __future__ import annotations

from modelwatch.server.access.guard import Limits
from modelwatch.server.api.part import API
from modelwatch.server.app import Part, build_app
from modelwatch.server.gradient.part import GRADIENT
from modelwatch.server.metering import Metered
from modelwatch.server.pages.part import PAGES
from modelwatch.server.services import Services

PARTS: tuple[Part, ...] = (API, GRADIENT, PAGES)


def application(services: Services, limits: Limits) -> Metered:
    """Return the application that serves what `services` opened."""
    return build_app(services, PARTS, limits)
