"""Uploading in the browser."""

import random
import re

import pytest
from breaking_line import breaking_line
from playwright.sync_api import expect
from tensorflow_files import lay_out

from modelwatch.core.digest import Digest
from modelwatch.core.entities import ModelType
from modelwatch.repository.repository import Repository

pytestmark = pytest.mark.browser

DROP = {"dragOperationsMask": 1, "items": []}


def latest(site, name):
    """Return the latest version of a model as the repository has it."""
    return Repository.open(site.repository).version(name, team="default")


def files_of(version):
    """Return path → digest of a version's files."""
    return {entry.path: entry.digest for entry in version.registration.manifest.entries}


def drop(page, *paths):
    """Drop files and folders of the disk onto the page, as the system's file manager does."""
    session = page.context.new_cdp_session(page)
    zone = page.locator("[data-drop]").bounding_box()
    place = {"x": zone["x"] + zone["width"] / 2, "y": zone["y"] + zone["height"] / 2}
    data = {**DROP, "files": [str(path) for path in paths]}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def upload(page, name):
    """Give the model a name, press the button, and wait for the page of the version."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Upload").click()
    expect(page).to_have_url(re.compile(r"/versions/\d+$"), timeout=30_000)


def test_what_was_chosen_before_the_script_arrived_counts(page, tmp_path):
    """On a slow line somebody is faster than the script; the file is listed once it is there."""
    file = tmp_path / "early.onnx"
    file.write_bytes(b"x" * 1000)
    held = []

    def hold(route):
        held.append(route)

    page.route("**/js/upload/form.js", hold)
    with page.expect_request("**/js/upload/form.js"):
        page.goto("/default/upload", wait_until="commit")
    page.locator("#file").set_input_files(file)
    expect(page.get_by_label("Name", exact=True)).to_have_value("")
    held[0].continue_()
    expect(page.get_by_label("Name", exact=True)).to_have_value("early")
    expect(page.locator(".upload-files li")).to_have_count(1)


def test_a_chosen_file_becomes_a_version_with_all_that_was_said(page, site, new_name, tmp_path):
    """Type, summary, notes and tags arrive; loss and accuracy of the summary are shown as those of any version."""
    file = tmp_path / "net.onnx"
    file.write_bytes(random.Random(1).randbytes(300_000))
    page.goto("/default/models")
    page.get_by_role("link", name="Upload a model").click()
    page.locator("#file").set_input_files(file)
    expect(page.get_by_label("Name", exact=True)).to_have_value("net")
    expect(page.locator("[data-message]")).to_have_text("1 file, 300.0 kB")
    page.get_by_label("Type").select_option("ONNX")
    page.get_by_label("Summary").fill("accuracy=0.9795\nloss=0.068\ndata=the zoo")
    page.get_by_label("Notes").fill("From the zoo.\nOpset 13.")
    page.get_by_label("Tags").fill("released, mobile")
    upload(page, new_name)
    expect(page.locator(".figures")).to_contain_text("0.0680")
    expect(page.locator(".figures")).to_contain_text("0.9795")
    version = latest(site, new_name)
    assert files_of(version) == {"net.onnx": Digest.of_bytes(file.read_bytes())}
    assert version.registration.model_type is ModelType.ONNX
    assert version.registration.summary == {"accuracy": 0.9795, "loss": 0.068, "data": "the zoo"}
    assert version.notes == "From the zoo.\nOpset 13."
    assert Repository.open(site.repository).model(new_name, team="default").tags == ("mobile", "released")


def test_a_dropped_folder_becomes_a_version_with_its_paths(page, site, new_name, tmp_path):
    """A folder from the desktop is read to its depth, what belongs to a working copy is left out, and its type is recognised."""
    folder = lay_out("saved_model_2", tmp_path / "export")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("secret")
    (folder / "empty").write_bytes(b"")
    page.goto("/default/upload")
    drop(page, folder)
    expect(page.locator("[data-files] li")).to_have_count(6)
    expect(page.get_by_label("Name", exact=True)).to_have_value("export")
    upload(page, new_name)
    version = latest(site, new_name)
    wanted = {
        path.relative_to(folder).as_posix(): Digest.of_bytes(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    assert files_of(version) == wanted
    assert version.registration.model_type is ModelType.TENSORFLOW
    assert version.registration.root == "export"
    assert version.registration.metadata["parameters"] == 1


def test_files_dropped_together_keep_their_names(page, site, new_name, tmp_path):
    """Several files, and a folder among them, are side by side in the version as they were."""
    (tmp_path / "a.bin").write_bytes(b"a")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "b.bin").write_bytes(b"b")
    page.goto("/default/upload")
    drop(page, tmp_path / "a.bin", tmp_path / "weights")
    upload(page, new_name)
    assert files_of(latest(site, new_name)) == {"a.bin": Digest.of_bytes(b"a"), "weights/b.bin": Digest.of_bytes(b"b")}


def test_a_chosen_folder_is_as_good_as_a_dropped_one(page, site, new_name, tmp_path):
    """The paths below the chosen folder are those of the version."""
    folder = lay_out("saver", tmp_path / "run")
    page.goto("/default/upload")
    page.locator("#folder").set_input_files(folder)
    upload(page, new_name)
    version = latest(site, new_name)
    assert set(files_of(version)) == {path.name for path in folder.iterdir()}
    assert version.registration.step is not None


def test_an_upload_goes_on_where_the_line_broke(visit, site, new_name, tmp_path):
    """After the connection is cut in the middle of a large file only what is missing is sent, and the file arrives whole."""
    file = tmp_path / "large.bin"
    file.write_bytes(random.Random(2).randbytes(40_000_000))
    visit.expect("net::ERR_", "Failed to load resource")
    with breaking_line(site.url) as line:
        page = visit(line.url)
        page.goto("/default/upload")
        page.locator("#file").set_input_files(file)
        line.cut_after(21_000_000)
        offsets = []
        page.on(
            "request",
            lambda request: offsets.append(int(request.headers.get("upload-offset", -1))) if request.method == "PATCH" else None,
        )
        upload(page, new_name)
        assert line.cuts == 1
    assert offsets[0] == 0
    assert any(0 < offset < 21_000_000 for offset in offsets), offsets
    assert files_of(latest(site, new_name)) == {"large.bin": Digest.of_bytes(file.read_bytes())}


def test_an_upload_can_be_cancelled(visit, site, new_name, tmp_path):
    """Nothing of it becomes a version, and the form can be sent again."""
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(60_000_000))
    visit.expect("net::ERR_", "Failed to load resource")
    page = visit(site.url)
    page.route(
        "**/uploads/*", lambda route: None if route.request.method == "PATCH" else route.continue_()
    )  # it never gets anywhere
    page.goto("/default/upload")
    page.locator("#file").set_input_files(file)
    page.get_by_label("Name", exact=True).fill(new_name)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("[data-message]")).to_have_text("Cancelled; nothing was registered.")
    expect(page.get_by_role("button", name="Upload")).to_be_enabled()
    page.unroute_all()
    upload(page, new_name)
    assert latest(site, new_name).number == 1


def test_the_next_version_of_a_model_is_one_press_away(page, site, new_name, tmp_path):
    """From a model's page the name is filled in, and the version gets the next number."""
    for number in (1, 2):
        file = tmp_path / f"{number}.bin"
        file.write_bytes(bytes([number]))
        page.goto("/default/upload")
        if number == 2:
            page.goto(f"/default/models/{new_name}")
            page.get_by_role("link", name="Upload a version").click()
            expect(page.get_by_label("Name", exact=True)).to_have_value(new_name)
        page.locator("#file").set_input_files(file)
        upload(page, new_name)
    assert latest(site, new_name).number == 2


def test_what_cannot_be_a_summary_is_told_before_anything_is_registered(page, site, new_name, tmp_path, visit):
    """The message says what is wrong; what was written stays in the form."""
    visit.expect("status of 400")
    file = tmp_path / "a.bin"
    file.write_bytes(b"a")
    page.goto("/default/upload")
    page.locator("#file").set_input_files(file)
    page.get_by_label("Name", exact=True).fill(new_name)
    page.get_by_label("Summary").fill("{accuracy: 0.92")
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("[data-message]")).to_contain_text("the summary is not JSON")
    expect(page.get_by_label("Summary")).to_have_value("{accuracy: 0.92")


def test_nothing_is_sent_without_a_file(page):
    """The form asks for a file."""
    page.goto("/default/upload")
    page.get_by_label("Name", exact=True).fill("nothing")
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("[data-message]")).to_contain_text("Choose a file or a folder")


def test_it_works_without_javascript(visit, site, new_name, tmp_path):
    """A plain form sends a file and what is said about it, and a mistake shows the form again as it was filled in."""
    visit.expect("status of 400")
    file = tmp_path / "plain.onnx"
    file.write_bytes(b"plain")
    page = visit(site.url, java_script_enabled=False)
    page.goto("/default/upload")
    page.locator("#file").set_input_files(file)
    page.locator("#name").fill(new_name)
    page.locator("#summary").fill("not a pair")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("neither JSON nor lines")
    expect(page.locator("#name")).to_have_value(new_name)
    page.locator("#file").set_input_files(file)
    page.locator("#summary").fill("loss=0.5")
    page.get_by_role("button", name="Upload").click()
    expect(page).to_have_url(re.compile(r"/versions/1\b"))
    assert files_of(latest(site, new_name)) == {"plain.onnx": Digest.of_bytes(b"plain")}
