"""The small HTTP server, with real sockets: what clients do wrong harms themselves only."""

import os
import re
import socket
import threading
import urllib.error
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.clock import SystemClock
from modelwatch.daemon import http_responder
from modelwatch.daemon.http_responder import Answer, Responder

LIMIT_SECONDS = 30.0
LARGE = "x" * 5_000_000


class Served:
    """A responder in a thread of its own until the test ends."""

    def __init__(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        self.stopping = False
        self.reader, self.writer = os.pipe()
        self.responder = Responder(listener, self.answer, SystemClock())
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def answer(self, path):
        """Answer two paths."""
        return {"/hello": Answer("hello\n"), "/large": Answer(LARGE), "/sad": Answer("sad\n", 503)}.get(path)

    def run(self):
        """Answer until the test ends."""
        while not self.stopping:
            self.responder.turn(self.reader, 0.05)

    def close(self):
        """End the thread and close everything."""
        self.stopping = True
        os.write(self.writer, b"!")
        self.thread.join()
        self.responder.close()
        os.close(self.reader)
        os.close(self.writer)

    def connect(self):
        """Return a connection."""
        return socket.create_connection(self.address, timeout=LIMIT_SECONDS)

    def ask(self, request):
        """Send bytes and return everything that comes back."""
        with self.connect() as connection:
            connection.sendall(request)
            return received(connection)

    def get(self, path, **more):
        """Ask as an ordinary client does."""
        return urllib.request.urlopen(
            urllib.request.Request(f"http://{self.address[0]}:{self.address[1]}{path}", **more), timeout=LIMIT_SECONDS
        )


def received(connection):
    """Return everything up to the end of a connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture
def served():
    """Give a running responder."""
    served = Served()
    yield served
    served.close()


@pytest.fixture(scope="module")
def lasting():
    """Give one responder to all the examples of a property."""
    served = Served()
    yield served
    served.close()


def test_a_path_is_answered_with_and_without_a_query(served):
    """What it is, how long it is, and that it must not be kept."""
    for path in ("/hello", "/hello?verbose=1"):
        with served.get(path) as response:
            assert (response.status, response.read()) == (200, b"hello\n")
            assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert response.headers["Content-Length"] == "6"
            assert response.headers["Cache-Control"] == "no-store"


def test_head_is_answered_like_get_without_the_body(served):
    """The length is that of the body that GET would bring."""
    with served.get("/hello", method="HEAD") as response:
        assert (response.status, response.read(), response.headers["Content-Length"]) == (200, b"", "6")


def test_a_large_answer_arrives_whole(served):
    """More than a socket takes at once."""
    with served.get("/large") as response:
        assert response.read() == LARGE.encode()


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/", 404), ("/hello/", 404), ("/sad", 503)])
def test_what_is_not_there_or_not_well_says_so(served, path, status):
    """By the status, as probes read it."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        served.get(path)
    assert caught.value.code == status
    caught.value.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
def test_only_reading_is_allowed(served, method):
    """Whatever else is asked changes nothing, and a body of it is passed over."""
    answer = served.ask(f"{method} /hello HTTP/1.1\r\nContent-Length: 100000\r\n\r\n".encode() + b"y" * 100_000)
    assert answer.startswith(b"HTTP/1.0 405 Method Not Allowed\r\n")
    assert b"\r\nAllow: GET, HEAD\r\n" in answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /hello HTTP/1.1\n\n", 200),
        (b"GET /hello\r\n\r\n", 400),
        (b"GET /hello HTTP/2\r\n\r\n", 400),
        (b"GET  /hello HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400),
        (b"GET /h\xc3\xa4llo HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n\r\n", 400),
        (b"GET /hello HTTP/1.1\r\n" + b"X: y\r\n" * 3000, 431),
        (b"\0" * 100_000, 431),
    ],
    ids=["bare line ends", "HTTP/0.9", "HTTP/2", "two spaces", "TLS", "not ASCII", "long path", "many headers", "zeros"],
)
def test_each_request_has_its_status(served, request_, status):
    """The answer comes through even when the client sends more than is read."""
    assert served.ask(request_).startswith(f"HTTP/1.0 {status} ".encode())


@given(st.binary(max_size=300), st.booleans())
def test_whatever_comes_the_next_one_is_answered(lasting, garbage, end):
    """Any bytes get an answer or the end of the connection, and the server goes on."""
    answer = lasting.ask(garbage + (b"\r\n\r\n" if end else b"")) if end else b""
    if not end:
        with lasting.connect() as connection:
            connection.sendall(garbage)
    assert not answer or re.match(rb"HTTP/1\.0 [2-5]\d\d ", answer)
    with lasting.get("/hello") as response:
        assert response.read() == b"hello\n"


def test_a_request_may_come_byte_by_byte(served):
    """However it is cut, it counts when it is whole."""
    with served.connect() as connection:
        for byte in b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert received(connection).endswith(b"\r\n\r\nhello\n")


def test_slow_clients_keep_nobody_waiting(served):
    """Others are answered meanwhile; of too many, the oldest are closed."""
    slow = [served.connect() for _ in range(40)]
    for connection in slow:
        connection.sendall(b"GET /hello HT")
    with served.get("/hello") as response:
        assert response.status == 200
    ended = 0
    for connection in slow[:20]:
        try:
            ended += connection.recv(1) == b""
        except ConnectionResetError:
            ended += 1
    assert ended == 20
    for connection in slow:
        connection.close()


def test_a_client_that_says_nothing_is_closed(served, monkeypatch):
    """Every connection has a deadline, whether it sends nothing or half a request."""
    monkeypatch.setattr(http_responder, "_CONNECTION_SECONDS", 0.2)
    for request in (b"", b"GET /he"):
        with served.connect() as connection:
            connection.sendall(request)
            assert received(connection) == b""
    with served.get("/hello") as response:
        assert response.status == 200


def test_a_client_that_goes_away_in_the_middle_is_forgotten(served):
    """With and without a reset."""
    for _ in range(20):
        connection = served.connect()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(b"GET /large HTTP/1.1\r\n\r\n")
        connection.close()
    with served.get("/hello") as response:
        assert response.status == 200
