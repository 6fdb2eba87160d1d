"""
A small HTTP/1.0 server on one socket, for one thread: GET and HEAD, short requests, an answer and the end of the connection.

The standard library's `http.server` would cost 3.3 MiB of memory and a thread, or the others' patience, for each slow client
(docs/adr/0030-status-over-http.md). Every connection has one deadline, whatever it does, and there is a limit to how many there are.
"""

from __future__ import annotations

import errno
import re
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from modelwatch.core.clock import Clock

_CONNECTIONS = 16
_CONNECTION_SECONDS = 5.0
_REQUEST_BYTES = 8 << 10
_READ_BYTES = 4 << 10
_REQUEST_LINE = re.compile(rb"([A-Za-z]{1,20}) ([!-~]{1,2000}) HTTP/1\.[0-9]\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_TRANSIENT = frozenset({errno.EAGAIN, errno.ECONNABORTED, errno.EINTR, errno.EPROTO})

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a path answers.

    Attributes:
        body: Text.
        status: One of HTTP's that `_REASONS` knows.
        kind: Media type.
    """

    body: str
    status: int = 200
    kind: str = TEXT


@dataclass(slots=True)
class _Client:
    """
    One connection.

    Attributes:
        socket: Non-blocking.
        until: Monotonic seconds at which it is closed, whatever it does.
        request: What has come of it.
        unsent: What is left of the answer.
        answered: An answer was made. Once it is sent, what still comes is read and dropped: closing at once would take the answer back.
    """

    socket: socket.socket
    until: float
    request: bytearray = field(default_factory=bytearray)
    unsent: bytes = b""
    answered: bool = False


class Responder:
    """
    Answers on one listening socket, which it owns.

    Args:
        listener: A listening socket.

        answer: From a path without its query to the answer; None when there is nothing. Called in the thread of `turn`.

        clock: For the connections' deadlines.
    """

    def __init__(self, listener: socket.socket, answer: Callable[[str], Answer | None], clock: Clock) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._answer = answer
        self._clock = clock
        self._clients: dict[int, _Client] = {}
        self._exhausted = False

    def turn(self, wake: int, timeout_seconds: float) -> None:
        """Answer until `wake` is readable, or for `timeout_seconds`, whichever comes first; returns earlier when there was something to do."""
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if not self._exhausted:
            poll.register(self._listener, select.POLLIN)
        for descriptor, client in self._clients.items():
            poll.register(descriptor, select.POLLOUT if client.unsent else select.POLLIN)
        self._exhausted = False
        for descriptor, _ in poll.poll(timeout_seconds * 1000):
            if descriptor == self._listener.fileno():
                self._accept()
            elif descriptor in self._clients:
                self._serve(self._clients[descriptor])
        now = self._clock.monotonic()
        for client in [client for client in self._clients.values() if client.until <= now]:
            self._close(client)

    def close(self) -> None:
        """Close every connection and the socket; a second call does nothing."""
        for client in tuple(self._clients.values()):
            self._close(client)
        self._listener.close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            self._exhausted = error.errno not in _TRANSIENT  # no descriptors left: look again at the next turn but one
            return
        connection.setblocking(False)
        if len(self._clients) >= _CONNECTIONS:
            self._close(min(self._clients.values(), key=lambda client: client.until))
        self._clients[connection.fileno()] = _Client(connection, self._clock.monotonic() + _CONNECTION_SECONDS)

    def _close(self, client: _Client) -> None:
        self._clients.pop(client.socket.fileno())
        client.socket.close()

    def _serve(self, client: _Client) -> None:
        """Take one step with a connection that is ready."""
        try:
            if client.unsent:
                client.unsent = client.unsent[client.socket.send(client.unsent) :]
                if not client.unsent:
                    client.socket.shutdown(socket.SHUT_WR)
            elif not self._read(client):
                self._close(client)
        except BlockingIOError:
            return
        except OSError:
            self._close(client)  # the other side went away

    def _read(self, client: _Client) -> bool:
        """Read what is there; return False at the end of it."""
        data = client.socket.recv(_READ_BYTES)
        if client.answered or not data:
            return bool(data)
        client.request += data
        if _HEAD_END.search(client.request):
            client.unsent = self._respond(bytes(client.request))
        elif len(client.request) > _REQUEST_BYTES:
            client.unsent = _message(Answer("the request is too long\n", 431))
        client.answered = bool(client.unsent)
        return True

    def _respond(self, request: bytes) -> bytes:
        line = _REQUEST_LINE.match(request)
        if line is None:
            return _message(Answer("not a request of HTTP/1\n", 400))
        method, target = line[1], line[2].decode("ascii")
        if method not in {b"GET", b"HEAD"}:
            return _message(Answer("only GET and HEAD\n", 405), "Allow: GET, HEAD\r\n")
        answer = self._answer(target.partition("?")[0]) or Answer("there is nothing here\n", 404)
        return _message(answer, head_only=method == b"HEAD")


def _message(answer: Answer, more: str = "", *, head_only: bool = False) -> bytes:
    body = answer.body.encode("utf-8", "backslashreplace")
    head = (
        f"HTTP/1.0 {answer.status} {_REASONS[answer.status]}\r\nContent-Type: {answer.kind}\r\nContent-Length: {len(body)}\r\n"
        f"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + (b"" if head_only else body)
