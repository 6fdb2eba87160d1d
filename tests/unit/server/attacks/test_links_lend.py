"""A link lends no more than its maker may at the moment, for one thing and one time; nobody makes or changes one."""

import base64
import json

import pytest
from served import OPERATOR, served

from modelwatch.server.access.links import LinkSigner
from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import Role
from modelwatch.testing.clock import FakeClock

PASSWORD = "long enough to be a good one"
ORIGIN = "http://127.0.0.1:9320"


@pytest.fixture
def red(tmp_path):
    """Give a server with a model of red and one of blue, keys of both, and a clock that a test moves."""
    clock = FakeClock()
    with served(tmp_path / "repository", clock=clock) as server:
        server.clock = clock
        for team in ("red", "blue"):
            server.headers[team, Scope.WRITE] = server.key(team)
            writer = server.headers[team, Scope.WRITE]
            assert server.register({"data": f"of {team}".encode(), "b": b"other"}, team=team, headers=writer).status_code == 200
        yield server


def _link(server, headers, *, team="red", **body):
    made = server.client.post(f"/api/v1/teams/{team}/models/digits/versions/1/links", json=body, headers=headers)
    assert made.status_code == 201, made.text
    return made.json()["url"].removeprefix(ORIGIN)


def _revoke(server, headers):
    server.services.accounts.revoke_key(headers["X-API-Key"], by=OPERATOR)


def test_a_link_ends_with_the_key_that_made_it(red):
    """Whoever has the link, and whatever time it had left."""
    maker = red.key("red", Scope.READ)
    link = _link(red, maker, path="data", lifetime=86_400)
    assert red.client.get(link).content == b"of red"
    _revoke(red, maker)
    refused = red.client.get(link)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "ended_link")


def test_a_link_ends_when_its_maker_leaves(red):
    """A member who made links and left takes nothing along."""
    accounts = red.services.accounts
    accounts.make_user("anna", PASSWORD, by=OPERATOR)
    accounts.join("red", "anna", Role.VIEWER, by=OPERATOR)
    signed_in = accounts.login("anna", PASSWORD, "127.0.0.1")
    headers = {"Cookie": f"modelwatch_session={signed_in.token}", "X-CSRF-Token": signed_in.session.csrf_token}
    link = _link(red, headers)
    assert red.client.get(link).status_code == 200
    accounts.leave("red", "anna", by=OPERATOR)
    assert red.client.get(link).status_code == 404
    accounts.remove_user("anna", by=OPERATOR)
    assert red.client.get(link).status_code == 403


def test_a_link_of_a_server_without_accounts_ends_with_the_first_key(tmp_path):
    """What everybody might was never anybody's."""
    with served(tmp_path / "repository") as server:
        server.register({"data": b"one"})
        link = _link(server, {}, team="default", path="data")
        assert server.client.get(link).content == b"one"
        server.key("default")
        assert server.client.get(link).status_code == 403


def test_a_link_expires_and_no_link_lives_longer_than_a_week(red):
    """Over HTTP as in the signer."""
    headers = red.headers["red", Scope.WRITE]
    short, longest = _link(red, headers, lifetime=60), _link(red, headers, lifetime=1e300)
    red.clock.advance(61)
    assert red.client.get(short).json()["error"]["code"] == "expired_link"
    assert red.client.get(longest).status_code == 200
    red.clock.advance(7 * 86_400)
    assert red.client.get(longest).json()["error"]["code"] == "expired_link"


def test_a_link_to_what_was_deleted_leads_nowhere(red):
    """Nor does it lead to what comes after it under the same name."""
    headers = red.headers["red", Scope.WRITE]
    link = _link(red, headers, path="data")
    red.client.delete("/api/v1/teams/red/models/digits", headers=headers)
    assert red.client.get(link).status_code == 404
    assert red.register({"data": b"another model"}, team="red", headers=headers, step=11).json()["version"] == "2"
    assert red.client.get(link).status_code == 404


def _forged(link, **fields):
    """Return a link whose payload says something else, under the signature that it had."""
    address, _, token = link.rpartition("/")
    payload, _, signature = token.partition(".")
    value = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    value["fields"].update(fields)
    changed = base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{address}/{changed}.{signature}"


def test_a_changed_link_leads_nowhere(red):
    """To another team, model, version or file, for ever, or by another maker."""
    link = _link(red, red.headers["blue", Scope.WRITE], team="blue", path="data")
    theirs = red.client.get("/api/v1/teams/red/models/digits", headers=red.headers["red", Scope.WRITE]).json()["id"]
    for fields in (
        {"team": "red"},
        {"team": "red", "model": theirs},
        {"path": "b"},
        {"version": 2},
        {"by": {"kind": "local", "name": ""}},
    ):
        assert red.client.get(_forged(link, **fields)).status_code == 403
    for token in ("", ".", "x.y", "e30.", "é.é", "%00", link.rpartition(".")[0].rpartition("/")[2], "a" * 8000):
        assert red.client.get(f"/api/v1/links/{token}").status_code in {403, 404}


def test_a_link_of_another_secret_leads_nowhere(red):
    """A signer that somebody runs for themselves signs for nobody else; nor is a toast or an upload a download."""
    fields = {"team": "red", "model": "digits", "version": 1, "by": {"kind": "local", "name": ""}}
    for signer, purpose in (
        (LinkSigner(bytes(32), red.clock), "file"),
        (red.services.links, "toast"),
        (red.services.links, "gradient-upload"),
    ):
        assert red.client.get(f"/api/v1/links/{signer.token(purpose, fields, 60)}").status_code == 403


def _upload_address(server, headers, name="uploaded", file="weights.onnx"):
    handle = server.client.post("/mlModels/createModelV2/", json={"name": name, "modelType": "ONNX"}, headers=headers).json()
    query = {"modelHandle": handle["id"], "fileName": file}
    address = server.client.request("GET", "/mlModels/getPresignedModelUrl/", params=query, headers=headers)
    return handle["id"], address.json().removeprefix(ORIGIN) if address.status_code == 200 else None


def test_an_upload_address_of_gradient_ends_with_its_key(red):
    """What is sent to it afterwards makes no version."""
    writer = red.key("red")
    _, address = _upload_address(red, writer)
    _revoke(red, writer)
    assert red.client.put(address, content=b"late").status_code == 403
    reader = red.headers["red", Scope.WRITE]
    assert red.client.get("/api/v1/teams/red/models/uploaded", headers=reader).status_code == 404


def test_an_upload_address_of_gradient_is_good_once(red):
    """Used again it overwrites nothing and makes nothing."""
    headers = red.headers["red", Scope.WRITE]
    _, address = _upload_address(red, headers)
    assert red.client.put(address, content=b"first").status_code == 200
    assert red.client.put(address, content=b"second").status_code == 403
    model = red.client.get("/api/v1/teams/red/models/uploaded", headers=headers).json()
    assert model["versions"] == 1
    assert red.client.get("/api/v1/teams/red/models/uploaded/versions/1/files/weights.onnx", headers=headers).content == b"first"


def test_nobody_gets_an_upload_address_for_anothers_handle(red):
    """The handle that red was given means nothing to blue, in any request that takes one."""
    handle, _ = _upload_address(red, red.headers["red", Scope.WRITE])
    blue = red.headers["blue", Scope.WRITE]
    query = {"modelHandle": handle, "fileName": "x"}
    assert red.client.request("GET", "/mlModels/getPresignedModelUrl/", params=query, headers=blue).status_code == 404
    assert red.client.post("/mlModels/deleteModel/", json={"id": handle}, headers=blue).status_code == 404
    assert red.services.handles.find("red", handle) is not None


def test_an_upload_address_of_gradient_is_good_once_even_at_once(red):
    """While one request sends the file another one is told that the link is used; when the first fails, it can be used again."""
    headers = red.headers["red", Scope.WRITE]
    handle, address = _upload_address(red, headers, file="model.zip")
    with red.services.handles.receiving(handle):
        assert red.client.put(address, content=b"at once").status_code == 403
    assert red.client.put(address, content=b"no archive").status_code == 422
    assert red.client.put(address, content=b"no archive").status_code == 422
