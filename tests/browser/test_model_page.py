"""One model's page."""

import re
import time

import pytest
from playwright.sync_api import expect
from trained_models import bring, train

from modelwatch.core.entities.run_report import RunState
from modelwatch.repository.repository import Repository

pytestmark = pytest.mark.browser

FIRST_CHART = ".chart-canvas >> nth=0"


@pytest.fixture
def uploaded(page, site, new_name, tmp_path):
    """Open the page of a model of the test's own, of one version without metrics."""
    repository = Repository.open(site.repository)
    bring(repository, tmp_path, new_name, notes="First.")
    site.wait_for(new_name)
    page.goto(f"/default/models/{new_name}")
    return new_name


def test_versions_show_how_good_they_are_and_which_is_best(page):
    """Every version has step, epoch, loss and accuracy of evaluation and training, size and age; best, latest and aliases are marked."""
    page.goto("/default/models/digits")
    best = page.locator("#v8")
    expect(best.locator(".chip.best")).to_have_text("best")
    expect(best.locator("[data-label=Step]")).to_have_text("4,000epoch 7")
    expect(best.locator("[data-label=Loss]")).to_have_text(re.compile(r"^0\.\d{4}train 0\.\d{4}$"))
    expect(page.locator("#v12 .chip.latest")).to_have_text("latest")
    expect(page.locator("#v5")).to_contain_text("production")
    expect(page.locator("#v5")).to_contain_text("candidate")
    expect(page.locator(".figures")).to_contain_text("in version 8")
    page.get_by_role("link", name="Loss").click()
    assert page.locator("tbody[data-rows] > tr").first.get_attribute("id") == "v8"


def test_a_press_on_the_name_renames(page, uploaded, new_name):
    """The name is edited where it stands, the address stays, and Escape gives it up."""
    address = page.url
    page.get_by_role("heading", level=1).click()
    field = page.get_by_role("textbox", name="Name", exact=True)
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text(uploaded)
    page.get_by_role("heading", level=1).click()
    field.fill(f"{new_name} renamed")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{new_name} renamed")
    assert page.url == address
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{new_name} renamed")


def test_a_name_that_is_taken_is_refused_with_the_reason(page, uploaded, visit):
    """The page stays and says why, and the name is what it was."""
    visit.expect("status of 4")
    page.get_by_role("heading", level=1).click()
    page.get_by_role("textbox", name="Name", exact=True).fill("digits")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("digits")
    expect(page.get_by_role("heading", level=1)).to_have_text(uploaded)


def test_tags_come_and_go(page, uploaded):
    """A tag is written and set, and a press takes it away; neither loads the page anew."""
    page.evaluate("window.same = true")
    page.get_by_label("Add a tag to the model").fill("for review")
    page.keyboard.press("Enter")
    remove = page.get_by_role("button", name="Remove the tag for review")
    expect(remove).to_be_visible()
    expect(page.get_by_label("Add a tag to the model")).to_have_value("")
    remove.click()
    expect(remove).to_have_count(0)
    assert page.evaluate("window.same") is True


def test_notes_are_written_in_place(page, uploaded):
    """Notes keep their lines."""
    expect(page.locator(".prose")).to_have_text("First.")
    page.locator("#notes summary").click()
    page.get_by_role("textbox", name="Notes").fill("Second.\n  indented")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".prose")).to_have_text("Second.\n  indented", use_inner_text=True)


def test_publishing_asks_and_shows_it_to_everyone(page, uploaded, visit, site):
    """A published model is in the public list, and is not any more when it is unpublished."""
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Publish").click()
    expect(page.locator(".toast")).to_contain_text(f"{uploaded} is public now")
    public = visit(site.url)
    public.goto("/public/models")
    expect(public.get_by_role("link", name=uploaded, exact=True)).to_be_visible()
    page.get_by_role("button", name="Unpublish").click()
    expect(page.get_by_role("button", name="Publish", exact=True)).to_be_visible()
    public.reload()
    expect(public.get_by_role("link", name=uploaded, exact=True)).to_have_count(0)


def test_a_deleted_version_comes_back(page, site, new_name, tmp_path):
    """Deleting needs no question because it can be undone."""
    train(Repository.open(site.repository), tmp_path, new_name, versions=3, points=30)
    site.wait_for(new_name, 3)
    page.goto(f"/default/models/{new_name}")
    page.get_by_role("button", name="Delete version 2").click()
    expect(page.locator("#v2")).to_have_count(0)
    expect(page.locator(".toast")).to_contain_text("Version 2")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#v2")).to_be_visible()
    expect(page.locator("tbody[data-rows] > tr")).to_have_count(3)
    assert "toast" not in page.url


def test_a_deleted_model_comes_back(page, uploaded):
    """The list offers to undo it; the model is there again with its page, its id and its notes."""
    address = page.url
    page.get_by_role("button", name="Delete the model").click()
    expect(page).to_have_url(re.compile("/default/models$"))
    expect(page.get_by_role("link", name=uploaded, exact=True)).to_have_count(0)
    expect(page.locator(".toast")).to_contain_text(f"{uploaded} was deleted")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(uploaded)
    expect(page.locator(".prose")).to_have_text("First.")
    assert page.url.rpartition("/")[2].startswith("mo"), address


def test_curves_have_the_checkpoints_on_them_and_lead_to_their_versions(page):
    """The pointer on a checkpoint tells which version it is; a press opens it."""
    page.goto("/default/models/digits")
    expect(page.locator(".chart figcaption")).to_have_text(["loss", "accuracy"])
    chart = page.locator(FIRST_CHART)
    chart.scroll_into_view_if_needed()
    tip = _find_mark(page, chart)
    expect(tip).to_contain_text(re.compile(r"version \d+.*loss 0\.\d{4} at step [\d,]+"))
    number = re.search(r"version (\d+)", tip.inner_text())[1]
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile(f"/versions/{number}$"))


def _find_mark(page, chart):
    """Move the pointer along the last curve's end until it is on a checkpoint, and return what is told there."""
    area = chart.locator(".u-over").bounding_box()
    tip = chart.locator(".chart-tip")
    for x in range(int(area["width"]), 0, -6):
        for y in range(0, int(area["height"]), 8):
            page.mouse.move(area["x"] + x - 1, area["y"] + y)
            if tip.is_visible():
                return tip
    pytest.fail("there is no checkpoint on the curve")


def test_the_legend_of_every_chart_follows_the_pointer(page):
    """The values of all charts are those at the step that the pointer is on in one of them; a press on an entry hides its line."""
    page.goto("/default/models/digits")
    legends = page.locator(".chart-legend")
    expect(legends).to_have_count(2)
    before = legends.nth(1).inner_text()
    chart = page.locator(FIRST_CHART)
    chart.scroll_into_view_if_needed()
    area = chart.locator(".u-over").bounding_box()
    page.mouse.move(area["x"] + 40, area["y"] + 40)
    expect(legends.nth(1)).not_to_have_text(before)
    entry = legends.nth(0).get_by_role("button").first
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "false")


def test_curves_obey_their_controls_and_remember_them(page):
    """Smoothing, the logarithmic scale and the axis are kept for the next page."""
    page.goto("/default/models/digits")
    chart = page.locator(FIRST_CHART)
    expect(chart.locator("canvas")).to_be_visible()
    plain = chart.locator("canvas").evaluate("canvas => canvas.toDataURL()")
    page.get_by_role("slider", name="Smoothing").fill("0.9")
    expect(page.locator("output")).to_have_text("0.90")
    smooth = _changed(chart, plain)
    page.get_by_label("Logarithmic").check()
    logarithmic = _changed(chart, smooth)
    page.get_by_label("X axis", exact=True).select_option("elapsed")
    _changed(chart, logarithmic)
    page.reload()
    expect(page.get_by_role("slider", name="Smoothing")).to_have_value("0.9")
    expect(page.get_by_label("Logarithmic")).to_be_checked()
    expect(page.get_by_label("X axis", exact=True)).to_have_value("elapsed")


def _changed(chart, before):
    """Wait until a chart looks otherwise, and return how."""
    for _ in range(100):
        now = chart.locator("canvas").evaluate(
            "canvas => new Promise(next => requestAnimationFrame(() => next(canvas.toDataURL())))"
        )
        if now != before:
            return now
    pytest.fail("the chart looks as before")


def test_dragging_zooms_and_a_double_click_shows_everything(page):
    """What is dragged over fills every chart, and a double click goes back."""
    page.goto("/default/models/digits")
    second = page.locator(".chart-canvas").nth(1)
    expect(second.locator("canvas")).to_be_visible()
    whole = second.locator("canvas").evaluate("canvas => canvas.toDataURL()")
    chart = page.locator(FIRST_CHART)
    chart.scroll_into_view_if_needed()
    area = chart.locator(".u-over").bounding_box()
    page.mouse.move(area["x"] + area["width"] * 0.3, area["y"] + 20)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + 40, steps=4)
    page.mouse.up()
    zoomed = _changed(second, whole)
    page.mouse.dblclick(area["x"] + area["width"] * 0.5, area["y"] + 20)
    _changed(second, zoomed)


def test_the_keyboard_moves_along_a_curve_and_opens_its_checkpoint(page):
    """A chart that has the focus is read with arrows; Enter opens the checkpoint nearest to the cursor."""
    page.goto("/default/models/digits")
    chart = page.locator(FIRST_CHART)
    expect(chart).to_have_attribute("aria-label", re.compile("^loss: .* points, 12 checkpoints"))
    legend = page.locator(".chart-legend").first
    ends = legend.inner_text()
    chart.focus()
    page.keyboard.press("Home")
    expect(legend).not_to_have_text(ends)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    page.keyboard.press("0")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/versions/1$"))


def test_a_training_that_goes_on_is_seen_while_it_does(page, site, new_name, tmp_path):
    """Its state and each checkpoint's are there, and a new version appears in the table and on the curves by itself."""
    repository = Repository.open(site.repository)
    now = time.time()
    train(repository, tmp_path / "one", new_name, versions=2, points=40, started=now - 100, state=RunState.TRAINING)
    site.wait_for(new_name, 2)
    page.goto(f"/default/models/{new_name}")
    page.evaluate("window.same = true")
    expect(page.locator(".live-runs .run-head")).to_contain_text("training")
    states = page.locator(".states li")
    expect(states.filter(has_text="settling")).to_contain_text("waits until nothing changes any more")
    expect(states.filter(has_text="gone")).to_contain_text("rotated away before its snapshot ended")
    expect(states.filter(has_text="registered")).to_have_count(2)
    label = page.locator(FIRST_CHART).get_attribute("aria-label")
    train(repository, tmp_path / "two", new_name, versions=4, points=80, started=now - 200, state=RunState.TRAINING)
    expect(page.locator("tbody[data-rows] > tr")).to_have_count(4)
    expect(page.locator(FIRST_CHART)).not_to_have_attribute("aria-label", label)
    assert page.evaluate("window.same") is True


def test_what_comes_before_the_page_can_listen_is_seen(page, site, new_name, tmp_path):
    """On a slow line the stream of changes opens long after the page was made."""
    repository = Repository.open(site.repository)
    train(repository, tmp_path / "one", new_name, versions=2, points=20)
    site.wait_for(new_name, 2)
    held = []
    page.route("**/events?*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks the function, which a built-in does not bear
    with page.expect_request("**/events?*"):
        page.goto(f"/default/models/{new_name}")
    bring(repository, tmp_path, new_name)
    site.wait_for(new_name, 3)
    expect(page.locator("tbody[data-rows] > tr")).to_have_count(2)
    held[0].continue_()
    expect(page.locator("#v3")).to_be_visible()


def test_an_edit_that_is_going_on_is_left_alone_by_what_happens(page, site, new_name, tmp_path):
    """What somebody is typing, and what they have chosen, stays when a version arrives."""
    repository = Repository.open(site.repository)
    train(repository, tmp_path / "one", new_name, versions=2, points=20)
    site.wait_for(new_name, 2)
    page.goto(f"/default/models/{new_name}")
    page.get_by_label("Choose version 1").check()
    page.locator("#notes summary").click()
    page.get_by_role("textbox", name="Notes").fill("half a sen")
    bring(repository, tmp_path, new_name)
    expect(page.locator("#v3")).to_be_visible()
    expect(page.get_by_role("textbox", name="Notes")).to_have_value("half a sen")
    expect(page.get_by_label("Choose version 1")).to_be_checked()


def test_chosen_versions_are_compared(page):
    """The button counts what is chosen and leads there; with fewer than two it rests."""
    page.goto("/default/models/digits")
    button = page.get_by_role("button", name="Compare")
    expect(button).to_be_disabled()
    page.get_by_label("Choose version 8").check()
    page.get_by_label("Choose version 12").check()
    expect(button).to_have_text("Compare 2")
    button.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare")
    expect(page.get_by_role("columnheader", name=re.compile("digits v8"))).to_have_count(2)
