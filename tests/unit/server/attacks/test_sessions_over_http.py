"""Signing in, over HTTP: cookies, sessions that somebody else chose, places that it leads to, and guesses."""

import pytest
from served import OPERATOR, served

from modelwatch.server.access.identify import SESSION_COOKIE
from modelwatch.server.accounts import passwords
from modelwatch.server.accounts.entities import Scope
from modelwatch.testing.clock import FakeClock

PASSWORD = "long enough to be a good one"


@pytest.fixture
def server(tmp_path):
    """Give a server with a user and a key, and a clock that a test moves."""
    clock = FakeClock()
    with served(tmp_path / "repository", clock=clock) as found:
        found.clock = clock
        found.services.accounts.make_user("anna", PASSWORD, by=OPERATOR)
        found.headers["default", Scope.READ] = found.key("default", Scope.READ)
        yield found


def _login(server, name="anna", password=PASSWORD, headers=None, **form):
    server.client.cookies.clear()
    return server.client.post(
        "/login", data={"name": name, "password": password, **form}, headers=headers or {}, follow_redirects=False
    )


def test_the_cookie_is_for_this_server_and_its_pages_only(server):
    """No script reads it, no other site's form carries it, and over TLS it is sent over TLS alone."""
    cookie = _login(server).headers["Set-Cookie"]
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "path=/", "samesite=lax"}
    with served(server.root.parent / "other", clock=server.clock) as secure:
        secure.services.accounts.make_user("anna", PASSWORD, by=OPERATOR)
        secure.client.base_url = "https://127.0.0.1:9320"
        assert "secure" in _login(secure).headers["Set-Cookie"].lower()


def test_nobody_chooses_somebody_elses_session(server):
    """A cookie that was planted before is not the one that is signed in with, and is nobody's afterwards."""
    planted = "planted-by-somebody-else"
    answer = _login(server, headers={"Cookie": f"{SESSION_COOKIE}={planted}"})
    given = answer.cookies[SESSION_COOKIE]
    assert planted not in given
    assert server.services.accounts.session(planted) is None
    again = _login(server).cookies[SESSION_COOKIE]
    assert again != given


def test_signing_in_ends_nobody_elses_session_and_signing_out_ends_ones_own(server):
    """The cookie that was is of no use to who kept it."""
    first, second = (_login(server).cookies[SESSION_COOKIE] for _ in range(2))
    token = server.services.accounts.session(first).csrf_token
    headers = {"Cookie": f"{SESSION_COOKIE}={first}", "X-CSRF-Token": token}
    assert server.client.post("/logout", data={"x": ""}, headers=headers, follow_redirects=False).status_code == 303
    assert server.services.accounts.session(first) is None
    assert server.services.accounts.session(second) is not None


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "evil.example",
        "@evil.example",
        "/.\\evil.example",
        "http:evil.example",
    ],
)
def test_signing_in_leads_to_this_server(server, wanted):
    """A link to sign in that wants to go on elsewhere goes on here, when it is shown, signed in by, and followed by who is signed in."""
    shown = server.client.get("/login", params={"next": wanted})
    assert "evil" not in shown.text.replace("/.\\evil.example", "")
    answer = _login(server, next=wanted)
    assert _stays(answer.headers["Location"])
    headers = {"Cookie": f"{SESSION_COOKIE}={answer.cookies[SESSION_COOKIE]}"}
    assert _stays(server.client.get("/login", params={"next": wanted}, headers=headers, follow_redirects=False).headers["Location"])


def _stays(location):
    """Return whether a browser stays on this server: what it takes for a slash, it takes for one here."""
    return location.startswith("/") and location.replace("\\", "/")[1:2] != "/"


@pytest.mark.parametrize("path", ["//evil.example/models", "/\\evil.example", "//evil.example%2F..", "/%2F%2Fevil.example/models"])
def test_being_sent_to_sign_in_leads_back_to_this_server(server, path):
    """What was asked for is gone back to only when it is of this server."""
    server.client.cookies.clear()
    answer = server.client.request("GET", server.client.base_url.copy_with(raw_path=path.encode()), follow_redirects=False)
    if answer.status_code == 303:
        assert answer.headers["Location"].startswith("/login?next=")
        shown = server.client.get(answer.headers["Location"])
        assert 'value="//' not in shown.text
        assert 'value="/\\' not in shown.text


def test_guessing_at_a_password_is_slowed_down(server, monkeypatch):
    """At one name, and from one address at many names; waiting helps, and the right one is not told from a wrong one meanwhile."""
    monkeypatch.setattr(passwords, "matches", lambda password, _sealed: password == PASSWORD)  # the real one takes its time
    for number in range(5):
        assert _login(server, password=f"wrong password {number}").status_code == 403
    refused = _login(server)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert SESSION_COOKIE not in refused.cookies
    server.clock.advance(2)
    assert _login(server).status_code == 303
    statuses = [_login(server, name=f"nobody{number}", password="wrong password").status_code for number in range(25)]
    assert statuses == [403] * 15 + [429] * 10  # five failed before


def test_guessing_keys_is_slowed_down_and_good_keys_are_not(server):
    """Whichever header carries them, and whatever is asked for."""
    statuses = []
    for number in range(30):
        headers = (
            {"X-API-Key": f"mw_abcdefgh_{number:043d}"} if number % 2 else {"Authorization": f"Bearer mw_abcdefgj_{number:043d}"}
        )
        statuses.append(server.client.get("/api/v1/teams/default/models", headers=headers).status_code)
    assert set(statuses) == {401, 429}
    assert statuses[-1] == 429
    assert server.client.get("/api/v1/teams/default/models", headers=server.headers["default", Scope.READ]).status_code == 200


def test_a_wrong_key_counts_once(server):
    """An error page looks nobody up again: the audit has one entry for one request."""
    server.client.get("/default/models", headers={"X-API-Key": "wrong"}, follow_redirects=False)
    assert [entry.what for entry in server.services.accounts.audited()].count("key-refused") == 1


def test_who_is_known_is_not_told_from_who_is_not(server):
    """A wrong password and a wrong name get the same page, byte for byte but for the name that was typed and the request."""
    pages = [_login(server, name=name, password="wrong password").text.replace(name, "NAME") for name in ("anna", "otto")]
    assert pages[0] == pages[1]


def test_a_wrong_name_costs_as_much_as_a_wrong_password(server, monkeypatch):
    """The same hash is worked out for both: nobody can tell by the time which of the two was wrong."""
    costs = []
    hash_once = passwords._hash

    def counted(password, salt, cost):
        costs.append(cost)
        return hash_once(password, salt, cost)

    monkeypatch.setattr(passwords, "_hash", counted)
    for name in ("anna", "otto", "", "../../x", "a" * 5000):
        _login(server, name=name, password="wrong password")
    assert len(costs) == 5
    assert len(set(costs)) == 1


@pytest.mark.parametrize(
    "key", ["", "mw_", "x" * 60_000, "mw_abcdefgh_" + "é" * 43, "' OR 1=1 --", "mw_abcdefgh_%", "null", "Bearer", "\x00", "mw_*"]
)
def test_what_is_no_key_is_none(server, key):
    """Whatever it is made of, it lets nobody in and breaks nothing."""
    for header in (
        {"X-API-Key": key.encode("utf-8")},
        {"Authorization": b"Bearer " + key.encode("utf-8")},
        {"Cookie": f"{SESSION_COOKIE}=".encode() + key.encode()},
    ):
        if b"\x00" in next(iter(header.values())):
            continue
        assert server.client.get("/api/v1/teams/default/models/m", headers=header).status_code in {401, 429}
