"""What was deleted and can be restored."""

import pytest
from playwright.sync_api import expect
from trained_models import bring, train

from modelwatch.repository.repository import Repository

pytestmark = pytest.mark.browser

ROWS = "tbody[data-rows] > tr"


def test_what_was_deleted_can_be_found_and_restored(page, site, new_name, tmp_path):
    """A version and a model, long after the offer to undo is gone."""
    repository = Repository.open(site.repository)
    train(repository, tmp_path, new_name, versions=3, points=30)
    bring(repository, tmp_path, f"{new_name} whole")
    site.wait_for(new_name, 3)
    site.wait_for(f"{new_name} whole")
    page.goto(f"/default/models/{new_name}")
    page.get_by_role("button", name="Delete version 2").click()
    expect(page.locator("#v2")).to_have_count(0)
    page.goto(f"/default/models/{new_name} whole")
    page.get_by_role("button", name="Delete the model").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")
    page.get_by_role("link", name="Deleted models and versions").click()
    expect(page.locator(ROWS).first).to_contain_text(f"{new_name} whole")
    expect(page.locator(ROWS).first).to_contain_text("with 1 version")
    page.get_by_role("button", name=f"Restore {new_name} version 2").click()
    expect(page.locator(".toast")).to_contain_text("Version 2 is back.")
    expect(page.locator("#v2")).to_be_visible()
    page.goto("/default/deleted")
    page.get_by_role("button", name=f"Restore {new_name} whole").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{new_name} whole")
    page.goto("/default/deleted")
    expect(page.get_by_text(new_name)).to_have_count(0)


def test_where_nothing_was_deleted_it_says_what_would_be_here(visit, empty_site):
    """It is no empty table."""
    page = visit(empty_site.url)
    page.goto("/default/deleted")
    expect(page.get_by_role("heading", level=2)).to_have_text("Nothing can be restored")
    page.get_by_role("link", name="All models").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")
