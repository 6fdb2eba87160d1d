"""What holds of every page: people with other eyes and hands can use it, it fits a phone, it works without scripts, and it runs nobody's code."""

import re
from urllib.parse import quote

import pytest
from page_checks import PHONE, await_curves, barriers, width
from playwright.sync_api import expect
from trained_models import bring, train

from modelwatch.repository.repository import Repository

pytestmark = pytest.mark.browser

PAGES = {
    "models": "/default/models",
    "cards": "/default/models?view=cards",
    "nothing found": "/default/models?q=nothing+is+called+so",
    "public": "/public/models",
    "model": "/default/models/digits",
    "upload's model": "/default/models/squeezenet",
    "version": "/default/models/digits/versions/8",
    "compare": "/default/compare?v=digits:8&v=digits:12&v=fashion-mnist:latest&v=squeezenet:latest",
    "deleted": "/default/deleted",
    "upload": "/default/upload",
    "keys": "/default/keys",
    "members": "/default/members",
    "audit": "/default/audit",
    "sign in": "/login",
    "not found": "/default/models/nothing",
    "no such page": "/default/nothing",
}

every_page = pytest.mark.parametrize("path", PAGES.values(), ids=PAGES.keys())


def open_page(visit, url, path, **options):
    """Open a page, in which an answer that is no success is what is looked at."""
    visit.expect("status of 404")
    page = visit(url, **options)
    page.goto(path, wait_until="load")
    return page


@every_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_out(visit, site, path, scheme):
    """Axe finds no control without a name, no text without contrast, no broken order of headings, in light and in dark."""
    page = open_page(visit, site.url, path, color_scheme=scheme)
    await_curves(page)
    problems = barriers(page)
    assert not problems, "\n".join(problems)


@every_page
def test_it_fits_a_phone(visit, site, path):
    """On 360 pixels nothing makes the page scroll sideways."""
    page = open_page(visit, site.url, path, viewport=PHONE)
    await_curves(page)
    assert width(page) <= PHONE["width"]


@every_page
def test_what_can_be_pressed_on_a_phone_is_large_enough(visit, site, path):
    """Every control is at least 24 by 24 pixels, or stands in a line of text (WCAG 2.2, 2.5.8)."""
    page = open_page(visit, site.url, path, viewport=PHONE, has_touch=True)
    small = page.locator("main :is(button, select, input:not([type=hidden], [type=checkbox], [type=file]), a.button)").evaluate_all(
        "all => all.filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 0)"
        ".filter((one) => one.getBoundingClientRect().height < 24 && !one.closest('.chip, [type=range], .chart-legend, label'))"
        ".map((one) => one.outerHTML.slice(0, 100))"
    )
    assert not small, small


@every_page
def test_it_can_be_read_without_scripts(visit, site, path):
    """Everything is in the page as it comes, and what needs scripts is not there to be pressed in vain."""
    with_scripts = open_page(visit, site.url, path)
    without = open_page(visit, site.url, path, java_script_enabled=False)
    heading = without.get_by_role("heading", level=1)
    expect(heading).to_have_text(with_scripts.get_by_role("heading", level=1).inner_text())
    assert without.locator("tbody tr").count() == with_scripts.locator("tbody tr").count()
    expect(without.get_by_role("button", name="Light or dark")).to_be_hidden()


def test_without_scripts_everything_can_still_be_done(visit, site, new_name, tmp_path):
    """Searching, sorting, renaming, tagging, noting, deleting and undoing are links and forms."""
    bring(Repository.open(site.repository), tmp_path, new_name)
    site.wait_for(new_name)
    page = visit(site.url, java_script_enabled=False)
    page.goto("/default/models")
    page.get_by_role("searchbox").fill(new_name)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=new_name, exact=True).click()
    page.locator("#rename summary").click()
    page.get_by_role("textbox", name="Name", exact=True).fill(f"{new_name} plain")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{new_name} plain")
    page.get_by_label("Add a tag to the model").fill("plain")
    page.get_by_role("button", name="Add the tag").click()
    expect(page.get_by_role("button", name="Remove the tag plain")).to_be_visible()
    page.get_by_role("button", name="Delete the model").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{new_name} plain")


def test_light_and_dark_follow_the_system_until_the_reader_chooses(visit, site):
    """The system's scheme is used, a press changes it, and the next page comes in it at once, without scripts too."""
    page = visit(site.url, color_scheme="dark")
    page.goto("/default/models")
    assert _is_dark(page)
    page.get_by_role("button", name="Light or dark").click()
    assert not _is_dark(page)
    page.goto("/default/upload")
    assert page.locator("html").get_attribute("data-theme") == "light"
    assert not _is_dark(page)


def _is_dark(page):
    red = re.search(r"\d+", page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor"))[0]
    return int(red) < 100


HOSTILE = "<img src=x onerror=alert(1)>\"'`</script><script>alert(2)</script>{{7*7}} javascript:alert(3)"


@pytest.fixture(scope="module")
def hostile(site, tmp_path_factory):
    """Register a model whose every name and note is an attempt to run something in the reader's browser."""
    repository, folder = Repository.open(site.repository), tmp_path_factory.mktemp("hostile")
    train(repository, folder, HOSTILE, seed=7, versions=2, points=20, experiment=HOSTILE)
    bring(repository, folder, HOSTILE, summary={HOSTILE: HOSTILE}, notes=HOSTILE, name="a'><svg onload=alert(4)>.onnx")
    repository.tag(HOSTILE, (HOSTILE,), team="default")
    repository.tag(HOSTILE, (HOSTILE,), team="default", version="1")
    repository.note(HOSTILE, HOSTILE, team="default")
    repository.set_alias(HOSTILE, "<b onclick=alert(5)>", "1", team="default")
    site.wait_for(quote(HOSTILE, safe=""), 3)
    return quote(HOSTILE, safe="")


@pytest.mark.parametrize(
    "path",
    [
        "/default/models",
        "/default/models?q={}&tag={}&experiment={}&sort={}&type={}&view={}&cursor={}",
        "/default/models/{}",
        "/default/models/{}/versions/1",
        "/default/models/{}/versions/3",
        "/default/compare?v={}:1&v={}:3&v={}",
        "/default/upload?name={}",
        "/login?next={}",
        "/default/audit?skip={}",
        "/{}",
        "/default/models/nothing-{}",
        "/default/models?toast={}",
    ],
)
def test_no_name_and_no_note_runs_in_the_page(visit, site, hostile, path):
    """What it would do is shown as the text that it is: nothing is made of it, no script runs, no dialog opens, the policy is not even asked."""
    visit.expect("status of 4")
    opened = []
    page = visit(site.url)
    page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    page.goto(
        path.replace("{}", hostile), wait_until="networkidle" if "events" not in path and path.startswith("/login") else "load"
    )
    await_curves(page)
    assert page.locator("main img, main script, main svg[onload], main b, main [onerror], main [onclick]").count() == 0
    assert page.locator("a[href^='javascript:' i], form[action^='javascript:' i]").count() == 0
    assert not opened


def test_a_hostile_name_is_shown_as_it_is(visit, site, hostile):
    """Its characters are all there to be read."""
    page = visit(site.url)
    page.goto(f"/default/models/{hostile}")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page.locator(".prose")).to_have_text(HOSTILE)
    assert page.title() == f"{HOSTILE} · modelwatch"


def test_every_answer_carries_the_policy(visit, site):
    """Nothing inline and nothing from elsewhere may run, whatever a page holds."""
    page = visit(site.url)
    policy = page.goto("/default/models").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    sources = page.locator("script[src], link[href], img[src], use").evaluate_all(
        "all => all.map((one) => one.src || one.href?.baseVal || one.href).filter((source) => source)"
    )
    assert sources
    assert all(source.startswith(("/", site.url)) for source in sources), sources
    assert (
        page.locator("script:not([src]), style, [style]").evaluate_all("all => all.filter((one) => !one.closest('.uplot')).length")
        == 0
    )


def test_an_error_of_the_server_says_what_to_tell_whoever_runs_it(visit, site):
    """A page that is not there says what to do, and its request can be found in the log."""
    visit.expect("status of 404")
    page = visit(site.url)
    answer = page.goto("/default/models/nothing")
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    expect(page.get_by_role("main")).to_contain_text(answer.headers["x-request-id"])
    page.get_by_role("link", name="All models").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")


def test_the_skip_link_leads_to_the_content(visit, site):
    """The first press of Tab offers to skip the bar."""
    page = visit(site.url)
    page.goto("/default/models")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_who_wants_less_motion_gets_none(visit, site):
    """Nothing pulses and nothing slides for people who said so."""
    page = visit(site.url, reduced_motion="reduce")
    page.goto("/default/models/digits")
    moving = page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length")
    assert moving == 0
