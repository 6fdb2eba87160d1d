"""
What a page of another site could make the browser of somebody who has signed in do: nothing.

Route by route: every request that changes something is sent with the cookie alone, as a form of another page sends it, with each of the
encodings that a form can have and with what browsers tell of where it comes from.
"""

import json

import pytest
from two_teams import ENDPOINTS, OF_A_TEAM, kept_of, route, send, sign_in

from modelwatch.server.access.guard import SAFE_METHODS
from modelwatch.server.access.identify import TOKEN_HEADER
from modelwatch.server.endpoint import Takes

CHANGING = [endpoint for endpoint in ENDPOINTS if endpoint.method not in SAFE_METHODS]
OF_TEAMS = [endpoint for endpoint in CHANGING if endpoint.needs in OF_A_TEAM and "{team}" in endpoint.path]


@pytest.fixture(scope="module")
def admins(teams):
    """Give the headers of an admin of red who has signed in."""
    return sign_in(teams, "red-admin")


def _cookie(headers):
    return {"Cookie": headers["Cookie"]}


@pytest.mark.parametrize(
    "endpoint", [*OF_TEAMS, *(e for e in CHANGING if e.name in {"form_logout", "form_password", "form_login"})], ids=route
)
def test_a_cookie_alone_changes_nothing(teams, reds, admins, endpoint):
    """Without the form's token, or with a wrong one, everything stays as it was, and nobody is signed in or out."""
    before = kept_of(teams, "red")
    for token in (None, "", "wrong", admins[TOKEN_HEADER][:-1], admins[TOKEN_HEADER] + "x", "é"):
        headers = _cookie(admins) if token is None else {**_cookie(admins), TOKEN_HEADER: token.encode()}
        answer, body = send(teams, endpoint, reds, headers)
        assert answer.status_code == 403, body
        assert "set-cookie" not in answer.headers
    assert kept_of(teams, "red") == before
    assert teams.client.get("/red/members", headers=_cookie(admins)).status_code == 200


@pytest.mark.parametrize("endpoint", CHANGING, ids=route)
def test_a_page_of_another_site_is_refused_before_anybody_is_looked_up(teams, reds, admins, endpoint):
    """With the right token even, as if it had leaked: the browser says that it is another site's."""
    before = kept_of(teams, "red")
    for origin in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9321"},
        {"Origin": "http://127.0.0.1.evil.example:9320"},
        {"Origin": "http://evil.example/http://127.0.0.1:9320"},
        {"Origin": "file://"},
        {"Origin": ""},
    ):
        answer, body = send(teams, endpoint, reds, {**admins, **origin})
        assert answer.status_code == 403, body
        assert endpoint.method == "HEAD" or "another site" in body
    assert kept_of(teams, "red") == before


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_cannot_speak_for_the_api(teams, admins, kind):
    """What a form can send without asking first is no request of the API's, whatever it contains."""
    headers = {**_cookie(admins), "Content-Type": kind}
    body = json.dumps({"name": "overwritten", "x": "="})
    for path in ("/api/v1/teams/red/uploads", "/red/upload/finish", "/red/upload/check"):
        assert teams.client.post(path, content=body, headers=headers).status_code == 403
    assert teams.client.request("PUT", "/mlModels/createModelV2/", content=body, headers=headers).status_code == 405


def test_nothing_that_is_asked_for_by_a_link_changes_anything(teams, reds, admins):
    """Every GET of the table, as a link or an image of another page makes it: the team has afterwards what it had before."""
    before = kept_of(teams, "red")
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET" and endpoint.takes is Takes.NOTHING:
            answer, _ = send(teams, endpoint, reds, {**_cookie(admins), "Sec-Fetch-Site": "cross-site"})
            assert answer.status_code != 500
    assert kept_of(teams, "red") == before


def test_no_page_of_another_site_reads_an_answer(teams, admins):
    """No answer says that it may (CORS), and each says that it may not be embedded."""
    for path in ("/api/v1/teams/red/models", "/red/models", "/api/v1", "/login", "/healthz"):
        for method in ("GET", "OPTIONS"):
            headers = {**_cookie(admins), "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
            answer = teams.client.request(method, path, headers=headers)
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert answer.headers["X-Frame-Options"] == "DENY"
