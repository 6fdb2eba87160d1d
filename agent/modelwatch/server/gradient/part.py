"""Gradient's protocol as a part of the server."""

from __future__ import annotations

from modelwatch.server.app import Part
from modelwatch.server.gradient import elsewhere, files, models, tags
from modelwatch.server.gradient.answers import tell

GRADIENT = Part(
    name="gradient",
    endpoints=(*models.ENDPOINTS, *files.ENDPOINTS, *tags.ENDPOINTS, *elsewhere.ENDPOINTS),
    tell=tell,
)
