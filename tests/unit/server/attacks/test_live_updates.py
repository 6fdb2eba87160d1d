"""What the stream of changes tells, and does not: nothing late, nothing of other teams, and nothing to who may see no more."""

import contextlib
import http.client
import json
from dataclasses import replace

import pytest
from account_makers import OPERATOR
from thread_server import thread_server
from waiting import wait_until

from modelwatch.core.entities import Manifest, Storage
from modelwatch.core.errors import StateError
from modelwatch.server.access.identify import SESSION_COOKIE
from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import Role
from modelwatch.server.api import live
from modelwatch.server.library import TeamLibrary
from modelwatch.testing.sink_contract import make_registration

_LIMIT_SECONDS = 30


@pytest.fixture
def server(tmp_path):
    """Give a server on a port, with a key of each of two teams."""
    with thread_server(tmp_path / "repository") as started:
        accounts = started.services.accounts
        keys = {}
        for team in ("red", "blue"):
            accounts.make_team(team, by=OPERATOR)
            keys[team] = accounts.make_key(team, "test", Scope.WRITE, by=OPERATOR)
        yield started, keys


@contextlib.contextmanager
def _listening(server, team, key=None):
    """Give what is told of a team, line by line, from its first line on."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_LIMIT_SECONDS)
    connection.request("GET", f"/api/v1/teams/{team}/events", headers={"X-API-Key": key} if key else {})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.readline().startswith(b"retry:")
    assert answer.readline() == b"\n"
    try:
        yield answer
    finally:
        answer.close()
        connection.close()


def _change(server, team, model):
    """Let a team have one more model."""
    library = server.services.library(team, sees_all=True)
    library.register(replace(make_registration(Manifest(()), model=model), team=team, storage=Storage.REFERENCE))
    return library.model(model).id


def test_the_stream_is_silent_about_other_teams(server, monkeypatch):
    """Not even a comment comes when another team's models change: the next that is heard is one's own change."""
    monkeypatch.setattr(live, "_BEAT_SECONDS", 3600)
    started, keys = server
    with _listening(started, "blue", keys["blue"].text) as stream, _listening(started, "red") as strangers:
        for number in range(3):
            _change(started, "red", f"secret {number}")
        own = _change(started, "blue", "own")
        assert stream.readline() == b"event: models\n"
        assert json.loads(stream.readline().removeprefix(b"data: ")) == {"models": [own]}
        published = _change(started, "red", "published")
        started.services.library("red", sees_all=True).publish(published, public=True)
        assert strangers.readline() == b"event: models\n"
        assert json.loads(strangers.readline().removeprefix(b"data: ")) == {"models": [published]}


def test_what_changes_while_the_stream_is_looked_up_for_is_told_at_once(server, monkeypatch):
    """And not with the next change, or the next beat: neither comes while this test waits."""
    started, keys = server
    look, changed = live._look, []

    def look_and_change(call, seen):
        found = look(call, seen)
        if not changed:
            changed.append(_change(started, "blue", "during"))
        return found

    monkeypatch.setattr(live, "_BEAT_SECONDS", 3600)
    monkeypatch.setattr(live, "_look", look_and_change)
    with _listening(started, "blue", keys["blue"].text) as stream:
        before = _change(started, "blue", "before")
        told = [stream.readline() for _ in range(6)]
        assert [json.loads(line.removeprefix(b"data: "))["models"] for line in told[1::3]] == [[before], changed]


def test_the_stream_ends_with_the_key(server):
    """Who listens with a key that is revoked hears nothing more: the stream ends before the next change is told."""
    started, keys = server
    with _listening(started, "blue", keys["blue"].text) as stream:
        started.services.accounts.revoke_key(keys["blue"].key.prefix, by=OPERATOR)
        _change(started, "blue", "secret")
        assert stream.read() == b""


def test_the_stream_ends_with_the_membership(server):
    """Nor does somebody who has left the team hear more, though they are still signed in."""
    started, _ = server
    accounts = started.services.accounts
    accounts.make_user("anna", "long enough to be good", by=OPERATOR)
    accounts.join("blue", "anna", Role.VIEWER, by=OPERATOR)
    token = accounts.login("anna", "long enough to be good", "127.0.0.1").token
    connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=_LIMIT_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", "/api/v1/teams/blue/events", headers={"Cookie": f"{SESSION_COOKIE}={token}"})
        with connection.getresponse() as stream:
            assert stream.readline().startswith(b"retry:")
            accounts.leave("blue", "anna", by=OPERATOR)
            _change(started, "blue", "secret")
            assert b"models" not in stream.read()


def test_strangers_keep_no_member_from_listening(server, monkeypatch):
    """There are only so many streams for those who see what is published, and as many again when they go."""
    monkeypatch.setitem(live._MOST_STREAMS, "strangers", 2)
    started, keys = server
    with _listening(started, "blue"):
        with _listening(started, "red"):
            connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=_LIMIT_SECONDS)
            with contextlib.closing(connection):
                connection.request("GET", "/api/v1/teams/blue/events")
                refused = connection.getresponse()
                assert (refused.status, refused.headers["Retry-After"]) == (503, "60")
            with _listening(started, "blue", keys["blue"].text):
                pass
        wait_until(lambda: started.services.stores.feed.listeners("strangers") < 2)
        with _listening(started, "red"):
            pass


def test_a_stream_ends_when_nothing_can_be_read(server, monkeypatch):
    """Whoever listens comes again; nothing else is broken off, and nobody's log fills."""
    started, keys = server

    def unreadable(*_):
        raise StateError("the index cannot be read")

    with _listening(started, "red", keys["red"].text) as told:
        monkeypatch.setattr(TeamLibrary, "changed_since", unreadable)
        _change(started, "red", "new")
        assert told.read() == b""
