"""One version's page."""

import re
import time
import zipfile

import pytest
from playwright.sync_api import expect
from trained_models import train

from modelwatch.core.entities.run_report import RunState
from modelwatch.repository.repository import Repository

pytestmark = pytest.mark.browser


@pytest.fixture
def version(page, site):
    """Open the page of a version that a training made, and return what the repository knows of it."""
    page.goto("/default/models/digits/versions/8")
    return Repository.open(site.repository).version("digits", "8", team="default")


def panel(page, name):
    """Return a part of the page."""
    return page.get_by_role("region", name=name, exact=True)


def test_each_metric_tells_how_it_was_joined(page, version):
    """Key, split, value, step, the way it was joined, and the tag that it was logged as."""
    rows = panel(page, "Metrics").locator("tbody tr")
    expect(rows).to_have_count(len(version.registration.metrics))
    expect(rows.first).to_contain_text(re.compile(r"loss\s*train\s*0\.\d{4}\s*4,000\s*step\s*epoch_loss"))


def test_the_curves_grow_while_the_training_goes_on(page, site, new_name, tmp_path):
    """Those of an earlier version too: what came of it is seen where it is looked at."""
    repository = Repository.open(site.repository)
    now = time.time()
    train(repository, tmp_path / "one", new_name, versions=2, points=40, started=now - 100, state=RunState.TRAINING)
    site.wait_for(new_name, 2)
    page.goto(f"/default/models/{new_name}/versions/1")
    page.evaluate("window.same = true")
    chart = page.locator(".chart-canvas").first
    expect(chart).to_have_attribute("aria-label", re.compile("^loss: "))
    label = chart.get_attribute("aria-label")
    train(repository, tmp_path / "two", new_name, versions=4, points=80, started=now - 200, state=RunState.TRAINING)
    expect(chart).not_to_have_attribute("aria-label", label)
    assert page.evaluate("window.same") is True


def test_files_are_listed_with_their_sizes_and_each_can_be_downloaded(page, version, tmp_path):
    """What comes down is byte for byte what was registered, under its own name."""
    rows = panel(page, "Files").locator("tbody tr")
    expect(rows).to_have_count(3)
    with page.expect_download() as waiting:
        rows.filter(has_text=".index").get_by_role("link", name="Download model.ckpt-4000.index").click()
    waiting.value.save_as(tmp_path / "file")
    assert waiting.value.suggested_filename == "model.ckpt-4000.index"
    assert (tmp_path / "file").read_bytes() == b"digits 1 4000"


def test_all_files_come_as_one_archive(page, version, tmp_path):
    """The archive holds every file of the version."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download all").click()
    waiting.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    assert sizes == {entry.path: entry.size for entry in version.registration.manifest.entries}


def test_commands_to_download_can_be_copied(visit, site):
    """A press copies the command whole, with this server's address."""
    page = visit(site.url, permissions=["clipboard-read", "clipboard-write"])
    page.goto("/default/models/digits/versions/8")
    line = panel(page, "Download").locator(".code-line").first
    line.get_by_role("button", name="Copy").click()
    expect(page.locator("[data-announce]")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"modelwatch models download digits --version 8 --repository {site.url}"


def test_where_it_comes_from_is_told(page, version):
    """Commit, command, image, host, framework and hyperparameters; the experiment leads to what else came from it."""
    lineage = panel(page, "Lineage")
    for text in (
        "python train.py --learning-rate 0.001",
        "registry.example.org/train:2.18",
        "2.18.0",
        "BATCH_SIZE",
        "refs/heads/main",
    ):
        expect(lineage).to_contain_text(text)
    expect(panel(page, "Provenance")).to_contain_text("node-1")
    expect(panel(page, "Metadata")).to_contain_text('"shape": [-1, 28, 28, 1]')
    panel(page, "Provenance").get_by_role("link", name="ex1k1kvbwza").click()
    expect(page.locator("tbody[data-rows] > tr")).to_have_count(1)


def test_tags_notes_and_aliases_of_a_version(page, version):
    """Each is set in place, and an alias shows at once and names the version from then on."""
    page.get_by_label("Add a tag to this version").fill("kept")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove the tag kept")).to_be_visible()
    page.locator("#notes summary").click()
    page.get_by_role("textbox", name="Notes").fill("The one that was shipped.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".prose")).to_have_text("The one that was shipped.")
    page.get_by_label("An alias for this version").fill("shipped")
    page.get_by_role("button", name="Set").click()
    expect(page.locator(".head .chip", has_text="shipped")).to_be_visible()
    page.goto("/default/models/digits/versions/shipped")
    expect(page.get_by_role("heading", level=1)).to_have_text("digits v8")
    page.get_by_role("button", name="Remove the alias shipped").click()
    expect(page.locator(".head .chip", has_text="shipped")).to_have_count(0)


def test_an_alias_that_could_be_a_number_is_refused(page, version, visit):
    """The page says what an alias is."""
    visit.expect("status of 400")
    page.get_by_label("An alias for this version").fill("7")
    page.get_by_role("button", name="Set").click()
    expect(page.get_by_role("alert")).to_contain_text("Not an alias: '7'.")


def test_its_curves_are_those_of_its_training(page, version):
    """The training that made it is drawn whole, with this checkpoint among the others of it and none of another training."""
    expect(page.locator(".chart-canvas").first).to_have_attribute("aria-label", re.compile("^loss: 800 points, 8 checkpoints"))


def test_it_is_compared_with_its_neighbour_by_one_press(page, version):
    """The version before it is what the best one is compared with."""
    page.get_by_role("link", name="Compare with version 7").click()
    expect(page.locator(".comparison").first.get_by_role("columnheader")).to_have_count(2)
