"""Versions and models side by side."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ADDRESS = "/default/compare?v=digits:12&v=digits:8&v=digits:5"


def row(page, table, name):
    """Return a row of one of the two tables."""
    return page.locator(".comparison").nth(table).get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))


def test_the_best_value_of_each_metric_is_marked(page):
    """The lowest loss and the highest accuracy are marked, with a word for who cannot see it."""
    page.goto(ADDRESS)
    for name in ("val_loss", "val_accuracy"):
        marked = row(page, 0, re.compile(f"^{name}")).locator("td.best-value")
        expect(marked).to_have_count(1)
        expect(marked).to_contain_text("best")
    cells = row(page, 0, re.compile("^val_loss")).get_by_role("cell")
    values = [float(re.search(r"[\d.]+", text)[0]) for text in cells.all_inner_texts()]
    assert "best" in cells.nth(values.index(min(values))).inner_text()


def test_only_what_differs_can_be_shown(page):
    """What is the same in all goes away with one press and comes back with another."""
    page.goto(ADDRESS)
    same, differs = row(page, 1, "lineage.git.ref"), row(page, 1, "lineage.environment.LEARNING_RATE")
    expect(same).to_be_visible()
    page.get_by_label("Only what differs").check()
    expect(same).to_be_hidden()
    expect(differs).to_be_visible()
    page.get_by_label("Only what differs").uncheck()
    expect(same).to_be_visible()


def test_their_curves_are_drawn_over_one_another(page):
    """Each training is drawn once, however many of its versions are compared, and each version is marked."""
    page.goto(ADDRESS)
    expect(page.locator(".chart-canvas").first).to_have_attribute("aria-label", re.compile("^loss: 1,600 points, 3 checkpoints"))
    names = page.locator(".chart-legend").first.locator(".chart-line-name").all_inner_texts()
    assert names == ["digits v12 train", "digits v12 validation", "digits v8, v5 train", "digits v8, v5 validation"]


def test_models_are_compared_with_one_another(page):
    """The best version of another model is added and taken out again."""
    page.goto(ADDRESS)
    page.get_by_label("Add the best of another model").select_option("fashion-mnist v5")
    page.get_by_role("button", name="Add").click()
    head = page.locator(".comparison").first.get_by_role("columnheader")
    expect(head).to_have_count(4)
    page.get_by_role("link", name=re.compile("Take digits version 5 out")).click()
    expect(head).to_have_count(3)
    expect(page.locator(".comparison").first).not_to_contain_text("digits v5")


def test_what_is_gone_is_left_out(page):
    """An old address of a comparison shows what is left of it; without anything it says how to choose."""
    page.goto("/default/compare?v=digits:8&v=digits:99&v=nothing:1")
    expect(page.locator(".comparison").first.get_by_role("columnheader")).to_have_count(1)
    page.goto("/default/compare")
    expect(page.get_by_role("heading", name="Nothing is chosen")).to_be_visible()
