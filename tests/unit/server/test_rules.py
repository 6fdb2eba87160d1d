"""
Who may call what, route by route.

The routes are taken from the server's own table: a new route is tested here from its first day, and one whose path or body needs
something that tests/support/two_teams.py does not know how to name fails.
"""

import json
from dataclasses import replace

import pytest
from served import served
from two_teams import ENDPOINTS, OF_A_TEAM, plain, route, send

from modelwatch.server.accounts.entities import Scope
from modelwatch.server.endpoint import Needs


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.needs in OF_A_TEAM and "{team}" in e.path], ids=route)
def test_a_stranger_cannot_tell_a_team_from_none(teams, reds, endpoint):
    """Whatever a member of another team asks of a team, the answer is the one to questions about a team that does not exist."""
    for scope in (Scope.READ, Scope.ADMIN):
        headers = teams.headers["blue", scope]
        asked, body = send(teams, endpoint, reds, headers)
        elsewhere = replace(reds, names={**reds.names, "team": "nosuch"})
        nowhere, other = send(teams, endpoint, elsewhere, headers)
        assert asked.status_code == nowhere.status_code
        if endpoint.name == "list_models":  # what is published is for everybody
            assert [model["name"] for model in json.loads(body)["models"]] == ["published"]
        else:
            assert plain(body, reds) == plain(other, elsewhere)
        assert "secret of red" not in body


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.needs in OF_A_TEAM], ids=route)
def test_nobody_is_told_anything(teams, reds, endpoint):
    """Who shows no key, or a wrong one, is asked for one, whether or not there is what they ask for."""
    for headers in ({}, {"X-API-Key": ""}, {"X-API-Key": "mw_00000000_wrong"}, {"Authorization": "Bearer wrong"}):
        response, body = send(teams, endpoint, reds, headers)
        if not headers.get("X-API-Key") and not headers.get("Authorization") and endpoint.name in _FOR_EVERYBODY:
            assert response.status_code == 200
        else:
            assert response.status_code in _SENT_AWAY, body
        assert "secret of red" not in body
        assert reds.names["model"] not in body.replace(endpoint.path, "")


_SENT_AWAY = {401, 303, 429}
"""A program is told that it needs a key; a person is sent to where one signs in; who has tried many wrong keys waits."""

_FOR_EVERYBODY = {"list_models", "list_experiments", "events"}
"""Lists, which show what is published and nothing else."""


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.needs in {Needs.WRITE, Needs.ADMIN}], ids=route)
def test_a_role_that_is_too_low_is_refused(teams, reds, endpoint):
    """Viewers change nothing, writers administer nothing; they are told why."""
    scopes = [Scope.READ] if endpoint.needs is Needs.WRITE else [Scope.READ, Scope.WRITE]
    for scope in scopes:
        response, body = send(teams, endpoint, reds, teams.headers["red", scope])
        assert response.status_code == 403, body
        assert endpoint.method == "HEAD" or "role" in body


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.needs is Needs.OPERATOR], ids=route)
def test_how_the_server_does_is_no_teams_business(teams, reds, endpoint):
    """The figures of all teams together would tell one how busy the others are."""
    assert send(teams, endpoint, reds, {})[0].status_code == 401
    for scope in Scope:
        assert send(teams, endpoint, reds, teams.headers["red", scope])[0].status_code == 403


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.needs is Needs.LINK], ids=route)
def test_a_link_is_needed(teams, reds, endpoint):
    """A key does not stand for one."""
    for headers in ({}, teams.headers["red", Scope.ADMIN]):
        assert send(teams, endpoint, reds, headers)[0].status_code == 403


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.needs is Needs.NOTHING], ids=route)
def test_what_is_for_everybody_says_nothing_of_teams(teams, reds, endpoint):
    """No name, no id and no content of a team is in an answer that needs nothing, but what the team has published."""
    _, body = send(teams, endpoint, reds, {})
    assert "zebra" not in body
    assert "secret of" not in body
    assert "blue" not in body


def test_a_key_is_of_one_team(teams):
    """Gradient's requests name no team: the key does."""
    for team, other in (("red", "blue"), ("blue", "red")):
        listed = teams.client.request("GET", "/mlModels/getModelList/", headers=teams.headers[team, Scope.READ]).json()
        theirs = teams.client.get(f"/api/v1/teams/{other}/models", headers=teams.headers[other, Scope.READ]).json()
        assert not {model["id"] for model in listed["modelList"]} & {model["id"] for model in theirs["models"]}
        for model in theirs["models"]:
            if model["public"]:
                continue
            where = {"filter": {"where": {"and": [{"id": model["id"]}]}}}
            found = teams.client.request("GET", "/mlModels/getModelList/", json=where, headers=teams.headers[team, Scope.READ])
            assert found.json()["modelList"] == []
            for path, method in (("/mlModels/listFiles/", "GET"), ("/mlModels/deleteModel/", "POST")):
                response = teams.client.request(method, path, json={"id": model["id"]}, headers=teams.headers[team, Scope.ADMIN])
                assert response.status_code == 404


def test_published_models_are_for_everybody_and_only_to_look_at(teams):
    """Anyone may list and download them; nobody but the team may change them."""
    client = teams.client
    listed = client.get("/api/v1/public/models").json()["models"]
    assert [(model["team"], model["name"]) for model in listed] == [("red", "published")]
    path = "/api/v1/teams/red/models/published"
    assert client.get(path).json()["name"] == "published"
    assert client.get(f"{path}/versions/1/files/data").content == b"for all by red"
    assert client.get(f"{path}/versions/1/files/data", headers=teams.headers["blue", Scope.READ]).content == b"for all by red"
    assert client.patch(path, json={"notes": "mine"}).status_code == 401
    assert client.patch(path, json={"notes": "mine"}, headers=teams.headers["blue", Scope.ADMIN]).status_code == 404
    writer = teams.headers["red", Scope.WRITE]
    client.patch(path, json={"public": False}, headers=writer)
    assert client.get(path).status_code == 401
    assert client.get("/api/v1/public/models").json()["models"] == []
    client.patch(path, json={"public": True}, headers=writer)


def test_a_team_does_not_learn_that_another_has_the_same_bytes(teams):
    """Content that only red has is missing for blue, and blue cannot register it without sending it."""
    content = b"secret of red, 1"
    red, blue = teams.headers["red", Scope.WRITE], teams.headers["blue", Scope.WRITE]
    digest = teams.upload(content, team="red", headers=red)
    asked = {"blobs": [{"digest": str(digest), "size": len(content)}]}
    assert teams.client.post("/api/v1/teams/red/blobs/missing", json=asked, headers=red).json()["missing"] == []
    assert teams.client.post("/api/v1/teams/blue/blobs/missing", json=asked, headers=blue).json()["missing"] == asked["blobs"]
    begun = teams.client.post("/api/v1/teams/blue/uploads", json=asked["blobs"][0], headers=blue)
    assert begun.status_code == 201
    model = teams.client.get("/api/v1/teams/red/models/zebra/versions/1", headers=red).json()
    stolen = {"model": "stolen", "files": model["files"]}
    refused = teams.client.put(f"/api/v1/teams/blue/registrations/{_key_of(stolen)}", json=_registration(stolen), headers=blue)
    assert refused.status_code == 409
    assert refused.json()["missing"] == [{"digest": file["digest"], "size": file["size"]} for file in model["files"]]


def _registration(stolen):
    from modelwatch.core.entities import Manifest
    from modelwatch.testing.sink_contract import make_registration

    registration = make_registration(Manifest.from_json(stolen["files"]), model=stolen["model"])
    return {**registration.to_json(), "team": "blue"}


def _key_of(stolen):
    from modelwatch.core.entities import Registration

    return Registration.from_json(_registration(stolen)).key


def test_an_open_server_is_open_to_this_machine_only(tmp_path):
    """Without accounts everybody on this machine may do everything; on any other address nobody may do anything."""
    from modelwatch.config.address import Address

    with served(tmp_path / "open") as server:
        assert server.register({"data": b"x"}).status_code == 200
        assert server.client.get("/api/v1/teams/default/models").json()["models"][0]["name"] == "digits"
        server.key("default")
        assert server.client.get("/api/v1/teams/default/models/digits").status_code == 401
    with served(tmp_path / "closed", address=Address("0.0.0.0", 9320)) as server:
        assert server.client.get("/api/v1/teams/default/models/zebra").status_code == 401
