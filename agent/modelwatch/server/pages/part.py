"""The pages as a part of the server."""

from __future__ import annotations

from modelwatch.server.app import Part
from modelwatch.server.pages import (
    audit_page,
    compare_page,
    deleted_page,
    keys_page,
    members_page,
    model_changes,
    model_page,
    models_page,
    session_pages,
    static_files,
    upload_page,
    version_changes,
    version_page,
)
from modelwatch.server.pages.errors import tell

PAGES = Part(
    name="pages",
    endpoints=(
        *static_files.ENDPOINTS,
        *session_pages.ENDPOINTS,  # before the teams: nobody's team is called login
        *models_page.ENDPOINTS,
        *model_page.ENDPOINTS,
        *model_changes.ENDPOINTS,
        *version_page.ENDPOINTS,
        *version_changes.ENDPOINTS,
        *compare_page.ENDPOINTS,
        *deleted_page.ENDPOINTS,
        *upload_page.ENDPOINTS,
        *keys_page.ENDPOINTS,
        *members_page.ENDPOINTS,
        *audit_page.ENDPOINTS,
    ),
    tell=tell,
    media_type="text/html",
)
