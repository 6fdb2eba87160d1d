"""Administering over HTTP: nobody locks a team out, gives themselves more than they have, or learns of other teams by it."""

import re

import pytest
from served import OPERATOR
from two_teams import PASSWORD, sign_in, two_teams

from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import Role


@pytest.fixture
def teams(tmp_path):
    """Give a server with two teams of the test's own."""
    with two_teams(tmp_path / "repository") as server:
        yield server


def _roles(server, team):
    return {member.user: member.role for member in server.services.accounts.members(team)}


def _add(server, name, role, team="red"):
    server.services.accounts.make_user(name, PASSWORD, by=OPERATOR)
    server.services.accounts.join(team, name, role, by=OPERATOR)
    return sign_in(server, name)


def test_the_last_admin_of_a_team_stays_one(teams):
    """Neither they themselves nor a key of the team takes it from them; with another admin it is possible, and for whoever runs the server."""
    admin = sign_in(teams, "red-admin")
    for headers in (admin, teams.headers["red", Scope.ADMIN]):
        for path, form in (("members/remove", {"user": "red-admin"}), ("members", {"user": "red-admin", "role": "viewer"})):
            answer = teams.client.post(f"/red/{path}", data=form, headers=headers, follow_redirects=False)
            assert answer.status_code == 422
            assert "only admin of red" in answer.text
    _add(teams, "anna", Role.ADMIN)
    assert (
        teams.client.post("/red/members/remove", data={"user": "red-admin"}, headers=admin, follow_redirects=False).status_code
        == 303
    )
    assert _roles(teams, "red") == {"anna": Role.ADMIN}
    teams.services.accounts.leave("red", "anna", by=OPERATOR)
    assert _roles(teams, "red") == {}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.WRITER])
def test_nobody_makes_themselves_more(teams, role):
    """A member with a lower role changes no role, and makes no key that may more, or that is the team's."""
    member = _add(teams, "anna", role)
    for form in ({"user": "anna", "role": "admin"}, {"user": "blue-admin", "role": "viewer"}):
        assert teams.client.post("/red/members", data=form, headers=member).status_code == 403
    assert teams.client.post("/red/members/remove", data={"user": "red-admin"}, headers=member).status_code == 403
    for scope in ("admin", "write", "site", ""):
        if scope == role.value.removesuffix("r"):
            continue
        answer = teams.client.post("/red/keys", data={"name": "more", "scope": scope, "shared": "yes"}, headers=member)
        assert answer.status_code in ({200} if (scope, role) == ("write", Role.WRITER) else {400, 422})
    made = [key for key in teams.services.accounts.keys(team="red") if key.name == "more"]
    assert all(key.owner == "anna" and key.scope is Scope.WRITE for key in made)
    for path in ("audit", "members"):
        assert teams.client.get(f"/red/{path}", headers=member).status_code == (403 if path == "audit" else 200)


def test_a_key_makes_no_key(teams):
    """A key that leaked, of admin's scope even, does not outlive its revocation."""
    answer = teams.client.post("/red/keys", data={"name": "again", "scope": "read"}, headers=teams.headers["red", Scope.ADMIN])
    assert answer.status_code == 403
    assert "again" not in [key.name for key in teams.services.accounts.keys(team="red")]


def test_a_one_time_password_opens_nothing_but_the_choice_of_another(teams):
    """No model, no team, no key and no form, until a password of one's own was chosen."""
    accounts = teams.services.accounts
    one_time = accounts.make_user("anna", by=OPERATOR)
    accounts.join("red", "anna", Role.ADMIN, by=OPERATOR)
    signed_in = accounts.login("anna", one_time, "127.0.0.1")
    headers = {"Cookie": f"modelwatch_session={signed_in.token}", "X-CSRF-Token": signed_in.session.csrf_token}
    for path in ("/red/models", "/api/v1/teams/red/models/zebra", "/red/keys", "/red/members", "/red/audit"):
        assert teams.client.get(path, headers=headers, follow_redirects=False).status_code == 404, path
    assert teams.client.post("/red/keys", data={"name": "k", "scope": "read"}, headers=headers).status_code == 404


def test_people_of_other_teams_are_not_told_from_nobody_when_they_are_taken_out(teams):
    """A team's admin who tries names learns of none whether it is somebody's elsewhere."""
    admin = sign_in(teams, "red-admin")
    pages = []
    for name in ("blue-admin", "otto"):
        answer = teams.client.post("/red/members/remove", data={"user": name}, headers=admin)
        pages.append((answer.status_code, re.sub(name, "NAME", answer.text)))
    assert pages[0] == pages[1]


def test_the_audit_of_a_team_says_nothing_of_others(teams):
    """Neither what happened there nor how much: its pages are counted in its own entries."""
    admin = sign_in(teams, "red-admin")
    for number in range(120):
        teams.services.accounts.audit(OPERATOR, "done", team="red", subject=f"own {number}")
        teams.services.accounts.audit(OPERATOR, "done", team="blue", subject=f"secret {number}")
    first = teams.client.get("/red/audit", headers=admin)
    assert first.text.count("own ") == 100
    [older] = re.findall(r'href="/red/audit\?([^"]+)"', first.text)
    assert older == "skip=100"
    second = teams.client.get(f"/red/audit?{older}", headers=admin)
    assert second.text.count("own ") == 20
    assert "secret" not in first.text + second.text
    for odd in ("-1", "x", "9" * 30, "1e9", "%00"):
        assert teams.client.get(f"/red/audit?skip={odd}", headers=admin).status_code == 200
