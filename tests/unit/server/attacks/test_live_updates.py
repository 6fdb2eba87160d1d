"""What the stream of changes tells, and does not: nothing late, nothing of other teams, and nothing to who may see no more."""

import contextlib
import http.client
import json
import re
from dataclasses import replace
from urllib.parse import quote

import pytest
import requests
from account_makers import OPERATOR
from thread_server import thread_server
from waiting import wait_until

from modelwatch.core.entities import Manifest, Storage
from modelwatch.core.errors import StateError
from modelwatch.server.access.identify import SESSION_COOKIE
from modelwatch.server.access.moments import Moments
from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import Role
from modelwatch.server.api import live
from modelwatch.server.follower import Follower
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
def _listening(server, team, key=None, *, query="", last=None):
    """Give what is told of a team, line by line, from its first line on."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_LIMIT_SECONDS)
    headers = {"X-API-Key": key, "Last-Event-ID": last}
    connection.request(
        "GET", f"/api/v1/teams/{team}/events{query}", headers={name: value for name, value in headers.items() if value}
    )
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.readline().startswith(b"retry:")
    assert answer.readline() == b"\n"
    try:
        yield answer
    finally:
        answer.close()
        connection.close()


def _told(stream):
    """Return the next event: its id and the ids of the models."""
    lines = [stream.readline().decode("ascii") for _ in range(4)]
    assert (lines[1], lines[3]) == ("event: models\n", "\n")
    return lines[0].removeprefix("id: ").strip(), json.loads(lines[2].removeprefix("data: "))["models"]


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
        assert _told(stream)[1] == [own]
        published = _change(started, "red", "published")
        started.services.library("red", sees_all=True).publish(published, public=True)
        assert _told(strangers)[1] == [published]


def test_what_changes_while_the_stream_is_looked_up_for_is_told_at_once(server, monkeypatch):
    """And not with the next change, or the next beat: neither comes while this test waits."""
    started, keys = server
    look, changed = live._look, []

    def look_and_change(call, seen):
        found = look(call, seen)
        if seen is not None and not changed:
            changed.append(_change(started, "blue", "during"))
        return found

    monkeypatch.setattr(live, "_BEAT_SECONDS", 3600)
    monkeypatch.setattr(live, "_look", look_and_change)
    with _listening(started, "blue", keys["blue"].text) as stream:
        before = _change(started, "blue", "before")
        assert [_told(stream)[1] for _ in range(2)] == [[before], changed]


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


def _since(html):
    """Return the query with which a page listens."""
    return re.search(r'data-events="[^"?]*(\?since=[0-9a-f]{80})"', html)[1]


def test_what_changes_between_a_page_and_its_stream_is_told(server):
    """The page brings along when it was made; strangers hear of nothing but what is published, however early they come."""
    started, keys = server
    library = started.services.library("red", sees_all=True)
    shown = _change(started, "red", "shown")
    library.publish(shown, public=True)
    page = f"http://127.0.0.1:{started.port}/red/models/{shown}"
    members = _since(requests.get(page, headers={"X-API-Key": keys["red"].text}).text)
    strangers = _since(requests.get(page).text)
    secret = _change(started, "red", "secret")
    library.set_alias(shown, "kept", "1")
    with _listening(started, "red", keys["red"].text, query=members) as stream:
        assert sorted(_told(stream)[1]) == sorted([secret, shown])
    with _listening(started, "red", query=strangers) as stream:
        assert _told(stream)[1] == [shown]


def test_a_broken_stream_goes_on_where_it_broke(server):
    """What was told already is not told again, and what happened meanwhile is."""
    started, keys = server
    with _listening(started, "red", keys["red"].text) as stream:
        first = _change(started, "red", "first")
        last, models = _told(stream)
        assert models == [first]
    second = _change(started, "red", "second")
    for _ in range(2):
        with _listening(started, "red", keys["red"].text, query="?since=" + "0" * 32, last=last) as stream:
            assert _told(stream)[1] == [second]


def test_very_many_changes_are_told_as_such(server, monkeypatch):
    """Their names would fill a page, and each would be looked at for a stranger."""
    monkeypatch.setattr("modelwatch.server.library._MOST_NAMED", 2)
    started, keys = server
    since = started.services.moments.sealed(0)
    for number in range(3):
        _change(started, "red", f"digits {number}")
    with _listening(started, "red", keys["red"].text, query=f"?since={since}") as stream:
        last, models = _told(stream)
        assert models is None
        changed = _change(started, "red", "last")
        assert _told(stream)[1] == [changed]
    with _listening(started, "red", keys["red"].text, last=last) as stream:
        assert _told(stream)[1] == [changed]


@pytest.mark.parametrize("moment", ["x", "0", "é", "0" * 31, "0" * 80, "of another server", "of another index"])
def test_a_moment_that_is_not_understood_is_answered_with_everything(server, monkeypatch, moment):
    """Something may have been missed: a secret or an index that was made anew, an old page of another release."""
    monkeypatch.setattr(live, "_BEAT_SECONDS", 3600)
    started, keys = server
    before = _change(started, "red", "before")
    given = {
        "of another server": Moments(b"another secret" * 3).sealed(0),
        "of another index": started.services.moments.sealed(started.services.stores.index.generation + 1),
    }.get(moment, quote(moment))
    with _listening(started, "red", keys["red"].text, query=f"?since={given}") as stream:
        assert _told(stream)[1] == [before]
        after = _change(started, "red", "after")
        assert _told(stream)[1] == [after]


def test_no_moment_is_now(server, monkeypatch):
    """Who names none, or an empty one, hears what comes."""
    monkeypatch.setattr(live, "_BEAT_SECONDS", 3600)
    started, keys = server
    _change(started, "red", "before")
    for query in ("", "?since="):
        with _listening(started, "red", keys["red"].text, query=query) as stream:
            after = _change(started, "red", f"after {query}")
            assert _told(stream)[1] == [after]


def test_a_page_counts_where_the_last_event_is_not_understood(server):
    """The page that a proxy's event reached is the same page."""
    started, keys = server
    since = started.services.moments.sealed(started.services.stores.index.generation)
    changed = _change(started, "red", "after")
    with _listening(started, "red", keys["red"].text, query=f"?since={since}", last="x") as stream:
        assert _told(stream)[1] == [changed]


def test_a_moment_tells_nothing(server):
    """Neither how much has changed between two pages nor whether anything has."""
    moments = server[0].services.moments
    texts = {moments.sealed(number // 2) for number in range(100)}
    assert {moments.opened(text) for text in texts} == set(range(50))
    for start in range(0, 80, 16):
        assert len({text[start : start + 16] for text in texts}) == 100


def test_nobody_changes_a_moment(server):
    """Not a single bit: from the answers to changed ones the number behind it could be read."""
    moments = server[0].services.moments
    sealed = bytes.fromhex(moments.sealed(1_800_000_000_000))
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        assert moments.opened(changed.hex()) is None
    assert moments.opened(sealed[:-1].hex()) is None
    assert moments.opened(sealed.hex() + "00") is None


def test_what_another_server_of_the_repository_changes_is_told(server, monkeypatch):
    """They share an index, and who finds in it what the other has put there still tells those who listen here."""
    monkeypatch.setattr(live, "_BEAT_SECONDS", 3600)
    started, keys = server
    follower = Follower(started.services, None)
    with thread_server(started.root) as other, _listening(started, "red", keys["red"].text) as stream:
        follower.start()
        try:
            for name in ("first", "second"):
                changed = _change(other, "red", name)
                assert _told(stream)[1] == [changed]
        finally:
            follower.stop()
