"""Signing in, keys, members and the audit, on a server that has accounts."""

import re
import shutil
import subprocess
import sys

import pytest
import requests
from account_makers import CHEAP, OPERATOR, PASSWORD
from page_checks import PHONE, await_curves, barriers, width
from playwright.sync_api import expect
from serving import serving
from trained_models import bring

from modelwatch.repository.repository import Repository
from modelwatch.server.accounts.accounts import Accounts
from modelwatch.server.accounts.database import accounts_path
from modelwatch.server.accounts.principal import Role

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(filled, tmp_path_factory):
    """Serve a filled repository of two teams to an admin, a writer and a viewer of the one, who is a writer of the other."""
    folder = tmp_path_factory.mktemp("teams")
    shutil.copytree(filled, folder / "repository")
    bring(Repository.open(folder / "repository"), folder, "the other team's", team="vision")
    with Accounts.open(accounts_path(folder / "repository"), create=True, cost=CHEAP) as accounts:
        accounts.make_team("vision", by=OPERATOR)
        for name, team, role in (
            ("anna", "default", Role.ADMIN),
            ("wim", "default", Role.WRITER),
            ("vera", "default", Role.VIEWER),
            ("vera", "vision", Role.WRITER),
        ):
            if name not in {user.name for user in accounts.users()}:
                accounts.make_user(name, PASSWORD, by=OPERATOR)
            accounts.join(team, name, role, by=OPERATOR)
    with serving(folder / "repository", folder / "log") as served:
        yield served


@pytest.fixture
def sign_in(visit, site):
    """Return what signs somebody in, in a window of their own."""

    def sign_in(name, **options):
        page = visit(site.url, **options)
        page.goto("/login")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Models")
        return page

    return sign_in


def test_who_is_unknown_is_asked_to_sign_in_and_led_back(visit, site):
    """A page of a team leads to the form, a wrong password is told, and a right one leads to the page that was wanted."""
    visit.expect("status of 403")
    page = visit(site.url)
    page.goto("/default/models?sort=name")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Name and password do not fit.")
    expect(page.get_by_label("Name")).to_have_value("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/default/models\?sort=name$"))


def test_the_session_cookie_is_out_of_reach_of_scripts(sign_in):
    """It is HttpOnly and goes to no other site with what changes something."""
    page = sign_in("anna")
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "modelwatch_session")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert page.evaluate("document.cookie") == ""


def test_signing_out_ends_the_session(sign_in, site):
    """The cookie of before is worth nothing afterwards."""
    page = sign_in("anna")
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "modelwatch_session")
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/public/models$"))
    answer = requests.get(
        f"{site.url}/default/models", cookies={cookie["name"]: cookie["value"]}, allow_redirects=False, timeout=30
    )
    assert answer.headers["location"].startswith("/login")


def test_a_form_without_the_sessions_token_changes_nothing(sign_in, site):
    """What another site makes a browser send lacks the token, and is refused."""
    page = sign_in("wim")
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    answer = requests.post(f"{site.url}/default/models/squeezenet/name", data={"name": "stolen"}, cookies=cookies, timeout=30)
    assert answer.status_code == 403
    assert Repository.open(site.repository).model("squeezenet", team="default").name == "squeezenet"


def test_a_viewer_sees_everything_and_can_change_nothing(sign_in, visit):
    """No form that would be refused is offered, and an address that is typed says so."""
    visit.expect("status of 403")
    page = sign_in("vera")
    page.goto("/default/models/digits")
    expect(page.locator("tbody[data-rows] > tr")).to_have_count(12)
    for name in ("Publish", "Delete the model", "Rename", "Delete version 3"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_role("link", name="Upload")).to_have_count(0)
    expect(page.get_by_role("link", name="Audit")).to_have_count(0)
    page.goto("/default/upload")
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")


def test_somebody_of_two_teams_switches_between_them(sign_in):
    """The menu has their teams and no other, and each shows its own models."""
    page = sign_in("vera")
    page.locator("details.menu summary").click()
    page.get_by_role("link", name="vision").click()
    expect(page.locator("tbody[data-rows] > tr")).to_have_count(1)
    expect(page.get_by_role("link", name="the other team's")).to_be_visible()


def test_another_teams_pages_do_not_exist(sign_in, visit):
    """A team that one is no member of looks like one that is not there: list, model, keys, members."""
    visit.expect("status of 404")
    page = sign_in("wim")
    for path in ("/vision/models/the other team's", "/vision/keys", "/vision/members", "/vision/audit", "/vision/upload"):
        assert page.goto(path).status == 404, path
    page.goto("/vision/models")
    expect(page.get_by_text("the other team's")).to_have_count(0)


def test_a_key_is_shown_once_and_works_until_it_is_revoked(sign_in, site):
    """It can be copied, is nowhere to be seen later, does what it is for, and does nothing once it was revoked."""
    page = sign_in("wim")
    page.get_by_role("link", name="Keys").click()
    page.get_by_label("Name", exact=True).fill("cluster")
    page.get_by_label("Scope", exact=True).select_option("read")
    page.get_by_role("button", name="Make the key").click()
    key = page.get_by_role("region", name="The new key").locator("code").first.inner_text()
    assert _status(site, key) == 200
    page.goto("/default/keys")
    assert key not in page.content()
    row = page.locator("tbody tr").filter(has_text="cluster")
    expect(row).to_contain_text("wim")
    page.on("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    assert _status(site, key) == 401


def _status(site, key):
    return requests.get(f"{site.url}/api/v1/teams/default/models", headers={"X-API-Key": key}, timeout=30).status_code


def test_nobody_makes_a_key_that_may_more_than_they(sign_in):
    """A writer is offered reading and writing; an admin everything, and keys of the team itself."""
    page = sign_in("wim")
    page.goto("/default/keys")
    assert page.locator("#scope option").evaluate_all("options => options.map((option) => option.value)") == ["read", "write"]
    expect(page.get_by_label("Owned by the team")).to_have_count(0)
    page = sign_in("anna")
    page.goto("/default/keys")
    expect(page.locator("#scope option")).to_have_count(3)
    expect(page.get_by_label("Owned by the team")).to_have_count(1)


def test_admins_look_after_members(sign_in, visit):
    """A role is changed, somebody is added who is there, and somebody who is not is told so."""
    visit.expect("status of 404")
    page = sign_in("anna")
    page.get_by_role("link", name="Members").click()
    row = page.locator("tbody tr").filter(has_text="wim")
    row.get_by_label("Role of wim").select_option("admin")
    row.get_by_role("button", name="Change").click()
    expect(page.locator(".toast")).to_have_text(re.compile("wim is admin of default"))
    row.get_by_label("Role of wim").select_option("writer")
    row.get_by_role("button", name="Change").click()
    expect(page.locator(".toast")).to_have_text(re.compile("wim is writer of default"))
    page.get_by_role("form", name="Add a member").get_by_label("Name").fill("nobody")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("no user nobody")


def test_the_audit_tells_who_did_what(sign_in):
    """What was just done in a page stands there with who did it."""
    page = sign_in("anna")
    page.goto("/default/models/squeezenet")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("button", name="Unpublish")).to_be_visible()
    page.get_by_role("link", name="Audit").click()
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("user:anna")
    expect(first).to_contain_text("squeezenet")
    expect(first).to_contain_text("127.0.0.1")
    page.goto("/default/models/squeezenet")
    page.get_by_role("button", name="Unpublish").click()
    expect(page.get_by_role("button", name="Publish", exact=True)).to_be_visible()


def test_who_signs_in_with_a_one_time_password_chooses_their_own_first(visit, site):
    """Until then nothing else can be seen; afterwards the team's models are."""
    command = [
        sys.executable,
        "-m",
        "modelwatch",
        "users",
        "add",
        "otto",
        "--join",
        "default",
        "--repository",
        str(site.repository),
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    one_time = re.search(r"\b([a-z2-9]{4}(?:-[a-z2-9]{4}){3})\b", told)[1]
    page = visit(site.url)
    page.goto("/login")
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Password").fill(one_time)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose a password")
    page.get_by_label("One-time password").fill(one_time)
    page.get_by_label("New password").fill("a long one of my own")
    page.get_by_label("Once more").fill("a long one of my own")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")


def test_uploading_works_with_a_session(sign_in, new_name, tmp_path):
    """The script sends the session's token with every request."""
    (tmp_path / "a.bin").write_bytes(b"a")
    page = sign_in("wim")
    page.goto("/default/upload")
    page.locator("#file").set_input_files(tmp_path / "a.bin")
    page.get_by_label("Name", exact=True).fill(new_name)
    page.get_by_role("button", name="Upload").click()
    expect(page).to_have_url(re.compile(r"/versions/1$"))


def test_the_public_list_is_for_everyone(sign_in, visit, site):
    """Without an account a published model can be looked at and downloaded, and offers nothing else."""
    page = sign_in("wim")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/default/models/fashion-mnist")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("button", name="Unpublish")).to_be_visible()
    stranger = visit(site.url)
    stranger.goto("/")
    stranger.get_by_role("link", name="fashion-mnist").click()
    expect(stranger.locator("tbody[data-rows] > tr")).to_have_count(5)
    stranger.locator("tbody[data-rows] > tr a[data-open]").first.click()
    with stranger.expect_download() as waiting:
        stranger.get_by_role("link", name="Download all").click()
    assert waiting.value.failure() is None
    expect(stranger.get_by_role("button", name="Delete this version")).to_have_count(0)
    expect(stranger.get_by_role("link", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_people_with_accounts_keep_nobody_out(sign_in, visit, scheme):
    """Axe finds nothing on them either, with keys, members and entries in them; on a phone none scrolls sideways."""
    visit.expect("status of 4")
    page = sign_in("anna", color_scheme=scheme, viewport=PHONE)
    page.goto("/default/keys")
    page.get_by_label("Name", exact=True).fill(f"for the {scheme} page")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("region", name="The new key")).to_be_visible()
    found = {"a new key": barriers(page)}
    assert width(page) <= PHONE["width"]
    for path in ("keys", "members", "audit", "models/digits", "upload", "deleted", "nothing"):
        page.goto(f"/default/{path}")
        await_curves(page)
        found[path] = barriers(page)
        assert width(page) <= PHONE["width"], path
    page.goto("/password")
    found["password"] = barriers(page)
    assert width(page) <= PHONE["width"]
    assert {path: problems for path, problems in found.items() if problems} == {}
