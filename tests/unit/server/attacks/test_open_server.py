"""A server without accounts is everybody's who reaches it on its own machine, and nobody's who reaches it in any other way."""

import contextlib

import pytest
from served import HOST, served
from starlette.testclient import TestClient

from modelwatch.config.address import Address
from modelwatch.server.access.guard import Limits
from modelwatch.server.application import application
from modelwatch.server.services import opened

_HERE = Address("127.0.0.1", 9320)


@contextlib.contextmanager
def _asked(root, *, client="127.0.0.1", external_url=None, address=_HERE):
    """Give a client of a server without accounts, as a proxy at `client` or somebody there would ask it."""
    with opened(root, address, external_url=external_url) as services:
        app = application(services, Limits(allowed_hosts=frozenset({"models.example", "192.0.2.1"})))
        with TestClient(app, base_url=f"http://{HOST}", client=(client, 50_000)) as asking:
            yield asking


def _status(client, **headers):
    return client.get("/api/v1/teams/default/models/digits", headers=headers).status_code


def test_this_machine_is_let_in(tmp_path):
    """By any of its names."""
    with _asked(tmp_path / "repository") as client:
        for host in ("127.0.0.1:9320", "localhost", "[::1]:9320"):
            assert _status(client, Host=host) == 404  # there is no such model, and they may know that


def test_who_asks_under_another_name_is_not(tmp_path):
    """A proxy that hands the name on, and a name that somebody's DNS points at this machine."""
    with _asked(tmp_path / "repository") as client:
        for host in ("models.example", "192.0.2.1:9320"):
            assert _status(client, Host=host) == 401
        assert _status(client, Host="rebound.example") == 421


@pytest.mark.parametrize("client", ["203.0.113.9", "10.0.0.7", "2001:db8::1", "unknown"])
def test_who_asks_from_another_machine_is_not(tmp_path, client):
    """As a proxy on this machine tells it, which asks in its own name."""
    with _asked(tmp_path / "repository", client=client) as asking:
        assert _status(asking) == 401
        refused = asking.post("/api/v1/teams/default/uploads", json={"size": 1})
        assert refused.status_code == 401


def test_a_server_that_has_an_external_address_is_never_open(tmp_path):
    """It is behind a proxy, whatever that tells or does not tell of whom it asks for."""
    with _asked(tmp_path / "repository", external_url="https://models.example") as client:
        assert _status(client) == 401
    with _asked(tmp_path / "repository", external_url="http://localhost:8080") as client:
        assert _status(client) == 404


def test_nobody_becomes_anything_on_an_open_server(tmp_path):
    """They may do everything with models, and nothing with accounts: no first user is made through a page."""
    with served(tmp_path / "repository") as server:
        for path, form in (
            ("/default/keys", {"name": "mine", "scope": "admin", "shared": "yes"}),
            ("/default/members", {"user": "me", "role": "admin"}),
            ("/password", {"old": "", "new": "long enough to be good", "again": "long enough to be good"}),
        ):
            assert server.client.post(path, data=form, follow_redirects=False).status_code in {401, 403, 404}
        assert server.services.accounts.is_open()
