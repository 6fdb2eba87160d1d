"""What no client library would send: requests byte by byte to a server process of its own. Each is refused, and the server goes on."""

import contextlib
import re
import socket

import pytest
from live_server import live_server

from modelwatch.core.digest import Digest
from modelwatch.server.accounts.accounts import Accounts
from modelwatch.server.accounts.database import accounts_path
from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import operator

_LIMIT_SECONDS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Give a server process with a key, so that nobody is anybody without one."""
    with live_server(tmp_path_factory.mktemp("wire")) as started:
        with Accounts.open(accounts_path(started.repository)) as accounts:
            started.key = accounts.make_key("default", "test", Scope.WRITE, by=operator("tests")).text
        yield started


@pytest.fixture(autouse=True)
def goes_on(server):
    """Ask the server after every test whether it still answers."""
    yield
    assert server.get("/healthz") == (200, b"ok\n")
    assert server.process.poll() is None


def _talk(server, data):
    """Send bytes on a connection and return all that comes back until the server closes it."""
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=_LIMIT_SECONDS) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(1 << 16):
                received += chunk
        return received


def _statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", received)]


def _request(*lines, body=b""):
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


HOST = "Host: 127.0.0.1"


@pytest.mark.parametrize(
    "lines",
    [
        ["GET / HTTP/1.1"],
        ["GET / HTTP/1.1", "Host:"],
        ["GET / HTTP/1.1", HOST, "Host: evil.example"],
        ["GET / HTTP/1.1", "Host: evil.example"],
        ["GET / HTTP/1.1", "Host: 127.0.0.1.evil.example"],
        ["GET / HTTP/1.1", "Host: evil.example", "X-Forwarded-Host: 127.0.0.1"],
        ["GET / HTTP/1.1", "Host: evil.example@127.0.0.1"],
        ["GET / HTTP/1.1", "Host: 127.0.0.1, evil.example"],
        ["GET / HTTP/1.1", "Host: 127.0.0.1:80:80"],
        ["GET / HTTP/1.1", "Host: [::1"],
        ["GET / HTTP/1.1", "Host: 127.0.0.1/evil"],
        ["GET / HTTP/1.0"],
    ],
)
def test_a_host_that_is_not_this_one_is_refused(server, lines):
    """However it is written, and however often."""
    assert set(_statuses(_talk(server, _request(*lines, "Connection: close")))) <= {400, 421}


def test_another_host_in_the_address_counts_for_nothing(server):
    """The absolute form of a target leads nowhere, and links are made of the Host header that was checked."""
    for target in ("http://evil.example/healthz", "https://127.0.0.1/healthz", "//evil.example/healthz", "evil.example:443"):
        answer = _talk(server, _request(f"GET {target} HTTP/1.1", HOST, "Connection: close"))
        assert set(_statuses(answer)) <= {400, 404}
        assert b"Location: http" not in answer
        posted = _talk(server, _request(f"POST {target} HTTP/1.1", HOST, "Content-Length: 5", "Connection: close", body=b"hello"))
        assert set(_statuses(posted)) <= {400, 404, 405}
        assert b"Traceback" not in server.log.read_bytes()


def test_headers_of_a_proxy_change_no_address(server):
    """Only what is said of whom it asks for is taken from a proxy, never which host they asked for."""
    body = b'{"name":"m","modelType":"ONNX"}'
    headers = [
        HOST,
        f"X-API-Key: {server.key}",
        "X-Forwarded-Host: evil.example",
        "Forwarded: host=evil.example",
        "X-Forwarded-Proto: javascript",
    ]
    made = _talk(
        server,
        _request(
            "POST /mlModels/createModelV2/ HTTP/1.1", *headers, f"Content-Length: {len(body)}", "Connection: close", body=body
        ),
    )
    handle = re.search(rb'"id":"(\w+)"', made)[1].decode()
    target = f"/mlModels/getPresignedModelUrl/?modelHandle={handle}&fileName=x"
    answer = _talk(server, _request(f"GET {target} HTTP/1.1", *headers, "Connection: close"))
    assert b'"http://127.0.0.1/gradient/uploads/' in answer
    assert b"evil" not in answer


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: LENGTH", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: LENGTH"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5, 6"],
        ["Content-Length: +5"],
        ["Content-Length: 0x5"],
        ["Content-Length: -1"],
        ["Content-Length: 5 5"],
        ["Content-Length: 99999999999999999999999999"],
        ["Transfer-Encoding: chunked, chunked"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding:\x0bchunked"],
        ["Content-Length: 5\r\n folded"],
        ["X: a\x00b"],
        [": no name"],
        ["no colon"],
    ],
)
def test_no_second_request_is_smuggled_behind_a_first(server, headers):
    """Where a body ends is said in one way or not at all: what is behind it is never answered as a request of its own."""
    smuggled = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    headers = [header.replace("LENGTH", str(len(smuggled))) for header in headers]
    answer = _talk(server, _request("POST /api/v1/teams/default/uploads HTTP/1.1", HOST, *headers, body=smuggled))
    assert b"ok\n" not in answer
    assert set(_statuses(answer)) <= {400, 401, 413, 501}
    assert len(_statuses(answer)) <= 1


@pytest.mark.parametrize(
    "chunks",
    [b"5\r\nhello\r\nX\r\n", b"-1\r\n", b"5\r\nhelloXX0\r\n\r\n", b"5\nhello\n0\n\n"],
)
def test_chunks_that_are_none_end_the_connection(server, chunks):
    """Without an answer that could be taken for one to the next request."""
    headers = [HOST, f"X-API-Key: {server.key}", "Transfer-Encoding: chunked"]
    answer = _talk(
        server,
        _request("POST /api/v1/teams/default/uploads HTTP/1.1", *headers, body=chunks + _request("GET /healthz HTTP/1.1", HOST)),
    )
    assert b"ok\n" not in answer
    assert set(_statuses(answer)) <= {400, 408}


@pytest.mark.parametrize(
    "head",
    [
        _request("GET /" + "a" * 1_000_000 + " HTTP/1.1", HOST),
        _request("GET / HTTP/1.1", HOST, "X: " + "a" * 1_000_000),
        _request("GET / HTTP/1.1", HOST, *(f"X-{number}: y" for number in range(100_000))),
        _request("GET / HTTP/1.1", HOST, "Cookie: " + "modelwatch_session=x; " * 50_000),
        b"GET / HTTP/1.1\r\n" + b"A" * 1_000_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0" * 1000,
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
)
def test_heads_that_are_too_long_or_none_are_refused(server, head):
    """Before they are held in memory whole."""
    statuses = _statuses(_talk(server, head))
    assert set(statuses) <= {400, 431, 505}


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "PROPFIND", "get", "PATCH", "X" * 50])
def test_other_methods_do_nothing(server, method):
    """They are told which are possible; TRACE does not send back what came with a cookie."""
    answer = _talk(
        server, _request(f"{method} /api/v1/teams/default/models HTTP/1.1", HOST, "Cookie: secret=1", "Connection: close")
    )
    assert set(_statuses(answer)) <= {400, 405}
    assert b"secret" not in answer
    assert b"access-control-allow" not in answer.lower()


def test_an_upgrade_is_a_request_like_any_other(server):
    """There is no web socket that could be opened around the rules."""
    headers = [
        HOST,
        "Connection: Upgrade, close",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    for path in ("/healthz", "/api/v1/teams/default/models", "/api/v1/teams/default/models/m"):
        [status] = _statuses(_talk(server, _request(f"GET {path} HTTP/1.1", *headers)))
        assert status in {200, 401}


def test_a_body_that_is_announced_and_never_sent_keeps_nobody_waiting(server):
    """Who may not send it is told so before it comes."""
    closing = [HOST, "Connection: close"]
    for length in ("5", "9" * 18):
        answer = _talk(server, _request("POST /api/v1/teams/default/uploads HTTP/1.1", *closing, f"Content-Length: {length}"))
        assert _statuses(answer) == [401]
    headers = [*closing, f"X-API-Key: {server.key}", "Content-Length: 999999999999"]
    answer = _talk(server, _request("PATCH /api/v1/teams/default/models/m HTTP/1.1", *headers))
    assert _statuses(answer) == [413]


def test_many_ranges_cost_no_more_than_the_file(server):
    """Overlapping parts are not sent again and again."""
    content = bytes(range(256)) * 400
    headers = {"X-API-Key": server.key}
    upload = server.request("POST", "/api/v1/teams/default/uploads", {"size": len(content)}, headers)[1]["Location"]
    assert server.request("PATCH", upload, content, {**headers, "Upload-Offset": "0"})[0] == 200
    files = [{"path": "data", "size": len(content), "digest": str(Digest.of_bytes(content))}]
    assert server.request("POST", "/default/upload/finish", {"name": "ranges", "files": files}, headers)[0] == 201
    path = "/api/v1/teams/default/models/ranges/versions/1/files/data"
    for ranges in (
        ",".join(["0-"] * 90),
        ",".join(f"{number}-" for number in range(90)),
        ",".join(["0-0"] * 5000),
        "0-,-1," * 20,
        "-" * 1000,
        "9-1",
    ):
        status, _, body = server.request("GET", path, headers={**headers, "Range": f"bytes={ranges}"})
        assert status in {200, 206, 400, 416}
        assert len(body) <= 2 * len(content)
