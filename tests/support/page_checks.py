"""What has to hold of any page, asked of one that is open in the browser."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

PHONE = {"width": 360, "height": 740}


def await_curves(page: Page) -> None:
    """Wait until the page's curves are drawn, or it says that there are none; a page without any is not waited for."""
    if page.locator("[data-curves]").count():
        expect(page.locator(".chart-canvas, .chart-nothing").first).to_be_visible()


def barriers(page: Page) -> list[str]:
    """Return what axe finds that keeps people out: controls without a name, text without contrast, a broken order of headings."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {rule['help']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


def width(page: Page) -> int:
    """Return how wide the page is, in CSS pixels; more than the window's width is what scrolls sideways."""
    return page.evaluate("document.documentElement.scrollWidth")
