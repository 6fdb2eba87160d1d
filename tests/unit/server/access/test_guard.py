"""What no request may do, whoever sends it."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from modelwatch.core.identifiers import is_ulid
from modelwatch.server.access.guard import ANY_NUMERIC, Guard, Limits
from modelwatch.server.access.hosts import host_name


async def _echo(request):
    return PlainTextResponse((await request.body()) or b"hello")


def _client(limits=None, host="127.0.0.1:9320"):
    app = Guard(Starlette(routes=[Route("/", _echo, methods=["GET", "POST"])]), limits or Limits())
    return TestClient(app, base_url=f"http://{host}", raise_server_exceptions=True)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "127.0.0.1:9320", "127.1.2.3", "[::1]:9320", "LOCALHOST", "a.localhost"]
)
def test_names_of_this_machine_are_answered(host):
    """Whatever else is allowed, one's own machine is."""
    assert _client().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.5", "localhost@evil"]
)
def test_other_names_are_refused(host):
    """A name that somebody's DNS points here reaches nothing."""
    assert _client().get("/", headers={"Host": host}).status_code in {400, 421}


def test_names_can_be_allowed():
    """By name, or all numeric addresses."""
    assert _client(Limits(frozenset({"models.example"}))).get("/", headers={"Host": "Models.Example:80"}).status_code == 200
    numeric = _client(Limits(frozenset({ANY_NUMERIC})))
    assert numeric.get("/", headers={"Host": "192.168.1.5:9320"}).status_code == 200
    assert numeric.get("/", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("text", ["", " ", "a b", "a/b", "a:b", "a:1:2", "[::1", "é"])
def test_what_is_no_host_has_no_name(text):
    """Only what RFC 3986 calls a host is one."""
    assert host_name(text) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://127.0.0.1:9320"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "http://127.0.0.1:9320", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_pages_of_other_sites_change_nothing(headers, status):
    """A browser says where a request comes from; a program says nothing."""
    assert _client().post("/", headers=headers).status_code == status


def test_pages_of_other_sites_may_be_links_here():
    """What changes nothing is not refused: people follow links."""
    assert _client().get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_every_answer_protects_the_browser():
    """No answer can be framed, sniffed or kept by a cache, unless it says so; refusals too."""
    for response in (_client().get("/"), _client().get("/", headers={"Host": "evil.example"})):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert is_ulid(response.headers["X-Request-Id"])


def test_a_request_keeps_its_id():
    """Who sends an id finds it in the answer; what is none is not repeated."""
    ours = "01KAS0G7Q3Z5M8V9X1B2C3D4E5"
    assert _client().get("/", headers={"X-Request-Id": ours}).headers["X-Request-Id"] == ours
    assert _client().get("/", headers={"X-Request-Id": "<b>"}).headers["X-Request-Id"] != "<b>"


def test_a_body_that_does_not_come_is_not_waited_for():
    """The next part of a body has a time."""

    async def reads_its_body(_scope, receive, _send):
        await receive()

    app = Guard(reads_its_body, Limits(chunk_seconds=0.01))
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [(b"host", b"localhost")]}

    async def never():
        await asyncio.Event().wait()

    async def send(_message):
        raise AssertionError("an answer")

    with pytest.raises(TimeoutError):
        asyncio.run(app(scope, never, send))


def test_an_answer_may_take_longer_than_a_body():
    """Who waits for changes, or downloads for an hour, has sent all that was to come."""
    gone = asyncio.Event()

    async def waits_for_the_end(_scope, receive, send):
        await receive()
        asyncio.get_running_loop().call_later(0.05, gone.set)
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.start", "status": 200, "headers": []})

    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive():
        for message in messages:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    sent = []

    async def send(message):
        sent.append(message["type"])

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"localhost")]}
    asyncio.run(Guard(waits_for_the_end, Limits(chunk_seconds=0.01))(scope, receive, send))
    assert sent == ["http.response.start"]
