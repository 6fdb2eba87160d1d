"""
A member of a team, with every right that it can give them, asks for the things of another team below their own team's paths.

Route by route from the server's table: every id, name, digest and key that another team has is tried where one's own is expected.
"""

import re

import pytest
from two_teams import ENDPOINTS, OF_A_TEAM, kept_of, plain, route, send, sign_in, things_of_nobody

from modelwatch.server.accounts.entities import Scope

_SECRETS = ("secret of red", "thrown away by red", "red-host", "red-run", "red-admin", "red-alias")


@pytest.fixture(scope="module")
def blues_admin(teams):
    """Give the headers of an admin of blue who has signed in: the pages want a session for some things."""
    return sign_in(teams, "blue-admin")


@pytest.fixture(scope="module")
def reds_things(reds):
    """Give red's things as somebody of blue names them, below the paths of blue."""
    return type(reds)({**reds.names, "team": "blue"}, reds.files)


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.needs in OF_A_TEAM], ids=route)
def test_anothers_things_are_as_if_they_did_not_exist(teams, reds_things, blues_admin, endpoint):
    """The answer is the one to questions about things that nobody has, says nothing of the other team, and leaves everything of it as it was."""
    nobodys = things_of_nobody("blue")
    before = kept_of(teams, "red")
    # Gradient's requests name no team, and people are of several: a key is of one.
    shown = [teams.headers["blue", Scope.ADMIN], *([blues_admin] if "{team}" in endpoint.path else [])]
    for headers in shown:
        asked, body = send(teams, endpoint, reds_things, headers)
        nowhere, other = send(teams, endpoint, nobodys, headers)
        assert asked.status_code == nowhere.status_code, (body, other)
        if endpoint.name not in _TELLS_WHAT_WAS_DONE:
            assert _comparable(plain(body, reds_things)) == _comparable(plain(other, nobodys))
        for named in (
            reds_things.names["run"],
            reds_things.names["alias"],
            reds_things.names["user"],
            reds_things.names["experiment"],
        ):
            body = body.replace(named, "")  # what was asked about may be repeated
        assert not [secret for secret in _SECRETS if secret in body]
    assert kept_of(teams, "red") == before


_TELLS_WHAT_WAS_DONE = {"form_make_key", "page_keys", "page_audit", "gradient_create", "gradient_create_slash"}
"""What differs between two of the same: new keys, entries of the audit, ids of uploads."""


def _comparable(text):
    """Leave out what a page tells of itself: its own address, a signed message, when it was made, and how long ago things were then."""
    text = re.sub(r"/events\?since=[0-9a-f]{80}", "", text)
    text = re.sub(r">(now|\d+ (s|min|h|d|y) ago)<", "><", text)
    return "\n".join(line for line in text.splitlines() if "toast" not in line and "next=" not in line)


def test_what_another_team_deleted_stays_deleted(teams):
    """Neither their model nor their version comes back for somebody else, by its id, its name or its number."""
    red, blue = teams.headers["red", Scope.WRITE], teams.headers["blue", Scope.ADMIN]
    gone = teams.client.get("/api/v1/teams/red/models/gone", headers=red).json()["id"]
    assert teams.client.delete("/api/v1/teams/red/models/gone", headers=red).status_code == 200
    for team in ("red", "blue"):
        for path in (f"models/{gone}/restore", f"models/{gone}/versions/1/restore"):
            assert teams.client.post(f"/api/v1/teams/{team}/{path}", headers=blue).status_code == 404
    assert teams.client.get(f"/api/v1/teams/red/models/{gone}", headers=red).status_code == 404
    assert teams.client.post(f"/api/v1/teams/red/models/{gone}/restore", headers=red).json()["name"] == "gone"


@pytest.mark.parametrize(
    "team", ["%72ed", "RED", "red%2F", "red%00", "%2e%2e%2Fred", "blue%2F..%2Fred", "blue/../red", "red%20", "r%65d", "%FFred"]
)
def test_a_team_has_one_name(teams, team):
    """However a path writes it: decoded once, never folded, never walked."""
    blue = teams.headers["blue", Scope.ADMIN]
    for path in ("models", "models/zebra", "models/zebra/versions/1/files/data", "experiments"):
        for address in (f"/api/v1/teams/{team}/{path}", f"//api/v1/teams/{team}/{path}", f"/{team}/models"):
            answer = teams.client.get(address, headers=blue, follow_redirects=False)
            assert not [secret for secret in _SECRETS if secret in answer.text]
            if answer.status_code == 200:  # red itself, written otherwise: what it has published is for everybody
                assert [model["name"] for model in answer.json().get("models", [])] in ([], ["published"])
