"""The list of models."""

import re
import shutil
import time

import pytest
from playwright.sync_api import expect
from samples import metric
from serving import serving
from trained_models import bring, train

from modelwatch.core.entities.run_report import RunState
from modelwatch.repository.repository import Repository

pytestmark = pytest.mark.browser

ROWS = "tbody[data-rows] > tr"


def names(page):
    """Return the names of the models that are shown, in order."""
    return [text.strip() for text in page.locator(f"{ROWS} .name").all_inner_texts()]


def row(page, name):
    """Return the row of a model."""
    return page.locator(ROWS).filter(has=page.get_by_role("link", name=name, exact=True))


def test_the_front_page_leads_to_the_models_with_their_numbers(page):
    """Each model has its loss and accuracy with four decimals, of evaluation with those of training beside them, tags, size and age."""
    page.goto("/")
    expect(page).to_have_url(re.compile("/default/models$"))
    assert set(names(page)) == {"digits", "fashion-mnist", "speech-commands", "squeezenet"}
    digits = row(page, "digits")
    expect(digits.locator("[data-label=Loss]")).to_have_text(re.compile(r"^0\.\d{4}train 0\.\d{4}$"))
    expect(digits.locator("[data-label=Accuracy]")).to_have_text(re.compile(r"^0\.\d{4}train 0\.\d{4}$"))
    expect(digits.locator("[data-label=Versions]")).to_have_text("12")
    expect(digits.locator("[data-label=Experiment]")).to_contain_text("ex2k1kvbwza")
    assert digits.locator("a.chip").all_inner_texts() == ["mnist", "released"]
    expect(row(page, "squeezenet").locator("[data-label=Loss]")).to_have_text("0.0680")
    expect(row(page, "speech-commands").locator("[data-label=Loss]")).to_contain_text("NaN")
    expect(page.locator(".head .sub")).to_contain_text("4 models, 21 versions")


def test_the_list_follows_what_is_typed(page):
    """Searching needs no press of a key at the end and no new page, and its address can be passed on."""
    page.goto("/default/models")
    page.evaluate("window.same = true")
    page.get_by_role("searchbox").press_sequentially("fash")
    expect(page.locator(ROWS)).to_have_count(1)
    assert names(page) == ["fashion-mnist"]
    expect(page).to_have_url(re.compile("[?&]q=fash"))
    assert page.evaluate("window.same") is True
    page.reload()
    assert names(page) == ["fashion-mnist"]
    page.get_by_role("searchbox").fill("nothing is called so")
    expect(page.get_by_role("heading", name="No model fits")).to_be_visible()
    page.get_by_role("link", name="Show all models").click()
    expect(page.locator(ROWS)).to_have_count(4)


def test_tags_and_types_narrow_the_list(page):
    """A press on a tag shows those that have it, further tags narrow it further, and a press takes each off again."""
    page.goto("/default/models")
    page.get_by_role("link", name="released 2").click()
    assert set(names(page)) == {"digits", "squeezenet"}
    page.get_by_label("Type", exact=True).select_option("ONNX")
    expect(page.locator(ROWS)).to_have_count(1)
    assert names(page) == ["squeezenet"]
    page.goto(page.url)
    page.locator(".toolbar .chip[aria-current]", has_text="released").click()
    assert names(page) == ["squeezenet"]
    expect(page).to_have_url(re.compile(r"\?type=ONNX$"))


def test_any_metric_sorts_and_is_then_shown(visit, empty_site, tmp_path):
    """What models have besides loss and accuracy is offered, the better end first, and has a column while it sorts."""
    repository = Repository.open(empty_site.repository)
    for name, value in (("fair", 0.5), ("good", 0.75), ("unknown", None)):
        bring(repository, tmp_path, name, metrics=() if value is None else (metric("f1", value, split="validation"),))
        empty_site.wait_for(name)
    page = visit(empty_site.url)
    page.goto("/default/models")
    expect(page.get_by_role("columnheader", name="val_f1")).to_have_count(0)
    page.get_by_label("Sorted by").select_option("val_f1, highest")
    expect(page.locator("th[aria-sort=descending]")).to_have_text("val_f1")
    assert names(page) == ["good", "fair", "unknown"]
    expect(row(page, "good").locator("[data-label=val_f1]")).to_have_text("0.7500")
    page.get_by_role("link", name="val_f1").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("val_f1")
    assert names(page) == ["fair", "good", "unknown"]


def test_every_column_sorts(page):
    """A press on a column's head sorts by it, a second one the other way round; what has no such value, or NaN, comes last."""
    page.goto("/default/models")
    page.get_by_role("link", name="Loss").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Loss")
    assert names(page) == ["squeezenet", "digits", "fashion-mnist", "speech-commands"]
    page.get_by_role("link", name="Loss").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Loss")
    assert names(page) == ["fashion-mnist", "digits", "squeezenet", "speech-commands"]
    page.get_by_role("link", name="Name").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Name")
    assert names(page) == sorted(names(page))
    page.get_by_label("Sorted by").select_option("Most versions")
    expect(page).to_have_url(re.compile("sort=-versions"))
    assert names(page)[0] == "digits"


def test_the_same_list_as_cards(page):
    """As cards each value says what it is, and the view stays while the list is sorted."""
    page.goto("/default/models")
    page.get_by_role("link", name="As cards").click()
    first = page.locator(ROWS).first
    assert first.evaluate("row => getComputedStyle(row).display") == "grid"
    label = first.locator("[data-label=Loss]").evaluate("cell => getComputedStyle(cell, '::before').content")
    assert label == '"Loss"'
    page.get_by_label("Sorted by").select_option("Name")
    expect(page).to_have_url(re.compile("view=cards"))


def test_an_empty_repository_says_how_to_begin(visit, empty_site):
    """Nothing is there: the commands that change it stand there with this server's own address, ready to be copied."""
    page = visit(empty_site.url)
    page.goto("/")
    expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
    commands = page.locator(".code-line code").all_inner_texts()
    assert commands[0] == f"modelwatch run --repository {empty_site.url} --modelPath ./checkpoints -- python train.py"
    assert all(empty_site.url in command for command in commands)
    expect(page.get_by_role("main").get_by_role("link", name="Upload a model").first).to_be_visible()


def test_the_keyboard_is_enough(page):
    """`/` searches, an arrow leads from there into the rows, j and k go on, Enter opens, and ? tells all of it."""
    page.goto("/default/models?sort=name")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="digits", exact=True)).to_be_focused()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="fashion-mnist", exact=True)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("digits")


def test_what_others_register_appears_by_itself(page, site, new_name, tmp_path):
    """A version that an agent writes into the directory beside the server is there without a reload, and nobody loses the focus."""
    page.goto("/default/models")
    page.evaluate("window.same = true")
    page.keyboard.press("j")
    focused = page.evaluate("document.activeElement.textContent")
    bring(Repository.open(site.repository), tmp_path, new_name)
    expect(page.get_by_role("link", name=new_name, exact=True)).to_be_visible()
    assert page.evaluate("window.same") is True
    assert page.evaluate("document.activeElement.textContent") == focused


def test_a_training_is_seen_before_its_first_version(visit, empty_site, tmp_path):
    """Who has started one sees that it is heard of, and why nothing is there yet; then its model takes its place, by itself."""
    repository = Repository.open(empty_site.repository)
    page = visit(empty_site.url)
    page.goto("/default/models")
    expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
    now = time.time()
    train(repository, tmp_path / "none", "digits", versions=0, points=40, started=now - 100, state=RunState.TRAINING)
    trainings = page.get_by_role("region", name="Trainings without a version yet")
    expect(trainings.locator(".run-head")).to_contain_text("digits")
    expect(trainings.locator(".states li").filter(has_text="settling")).to_contain_text("waits until nothing changes any more")
    expect(page.get_by_role("heading", name="No models yet")).to_have_count(0)
    train(repository, tmp_path / "some", "digits", versions=2, points=40, started=now - 100, state=RunState.TRAINING)
    expect(page.locator(ROWS)).to_have_count(1)
    expect(trainings).to_have_count(0)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """Serve a repository of 120 models with long names, tags and notes."""
    folder = tmp_path_factory.mktemp("crowded")
    repository = Repository.open(folder / "repository", create=True)
    for number in range(120):
        name = f"speech-recognition-experiment-{number:03d}"
        loss = 1_234_567 if number == 75 else number / 100  # wider than those of the rows before it
        bring(repository, folder / f"files-{number}", name, summary={"loss": loss, "accuracy": 1 - number / 200})
        repository.tag(name, ("released", f"week-{number % 9}", "reviewed by somebody"), team="default")
    shutil.rmtree(folder / "files-0")
    with serving(folder / "repository", folder / "log") as served:
        yield served


def test_pages_of_a_long_list_hold_every_model_once(visit, crowded):
    """Fifty rows a page, to the end, and every model is on one of them."""
    page = visit(crowded.url)
    page.goto("/default/models?sort=name")
    seen = names(page)
    while page.get_by_role("link", name="Next 50").count():
        page.get_by_role("link", name="Next 50").click()
        expect(page.get_by_role("link", name="First page")).to_be_visible()
        seen += names(page)
    assert seen == sorted(f"speech-recognition-experiment-{number:03d}" for number in range(120))


def test_fifty_rows_are_at_most_60_kilobytes(visit, crowded):
    """A page is small enough to come at once on a bad connection."""
    page = visit(crowded.url)
    answer = page.goto("/default/models")
    assert page.locator(ROWS).count() == 50
    assert len(answer.body()) <= 60_000


def test_nothing_moves_while_the_page_loads(visit, crowded):
    """What is seen first stays where it is (cumulative layout shift 0), on a connection on which the rows come one after the other too."""
    page = visit(crowded.url)
    connection = page.context.new_cdp_session(page)
    connection.send(
        "Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": 20_000, "uploadThroughput": -1}
    )
    page.add_init_script("""
        window.shifts = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shifts += entry.value)))
            .observe({type: "layout-shift", buffered: true});
    """)
    page.goto("/default/models", wait_until="networkidle")
    assert page.evaluate("window.shifts") == 0
