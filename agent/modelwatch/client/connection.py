"""
Requests to one server: who asks, how long is waited, and what an answer that is no success means.

Proxies and certificates are those that `requests` finds in the environment. No redirect is followed: the key goes to the server that was
named, and to no other.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import requests
import urllib3.exceptions

from modelwatch import __version__
from modelwatch.client.address import server_address
from modelwatch.client.failures import BrokenError, no_server, refused, unreachable
from modelwatch.client.sockets import Sockets
from modelwatch.core.errors import ModelwatchError, NotFoundError, TransientError, UsageError
from modelwatch.core.json import JsonValue, dumps, finite, loads

API = "/api/v1"
PIECE_BYTES = 1 << 20
"""What is read and sent at a time."""

_LARGEST_ANSWER_BYTES = 256 << 20
_REPEATABLE = frozenset({"GET", "HEAD", "PUT"})


@dataclass(frozen=True, slots=True)
class Patience:
    """
    How long is waited, in seconds.

    Attributes:
        connect: For a connection.
        answer: For the next bytes of an answer, or for the server to take the next bytes of ours.
    """

    connect: float = 10.0
    answer: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What the server said.

    Attributes:
        status: The HTTP status.
        headers: In any case.
        value: The JSON value, None when there is none. What `error` is about may be anything.
        error: What a status from 300 on means to who does not understand it.
    """

    status: int
    headers: Mapping[str, str]
    value: JsonValue = None
    error: ModelwatchError | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """
    Bytes that the server sends.

    Attributes:
        status: 200, or 206 when they are a part.
        headers: In any case.
        pieces: The bytes; reading them may raise what `Connection` raises.
    """

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]


class _Bearer(requests.auth.AuthBase):
    """Sends the key, or nothing. Without it `requests` would send what ``~/.netrc`` has for the host, in place of the key as well."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Connection:
    """
    A server, as one key may use it. Any number of threads may use one at once; a context manager that closes it.

    Every method raises TransientError when the server cannot be reached or does not answer as one does, AccessError when it refuses the key,
    and NotFoundError, UsageError and PermanentError as the server does.

    Args:
        address: Where it is, as people write it.

        key: The API key, or None.

        patience: How long is waited.

    Attributes:
        url: The address in its one spelling.
    """

    def __init__(self, address: str, key: str | None = None, *, patience: Patience | None = None) -> None:
        self.url = server_address(address)
        if key and not (key.isascii() and key.isprintable()):
            raise UsageError("the API key holds characters that no key has")
        self._patience = patience or Patience()
        self._auth = _Bearer(key)
        self._sockets = Sockets(self._patience.answer)
        self._of_thread = threading.local()
        self._sessions: list[requests.Session] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Break off what other threads are doing, and let go of every connection; a second call does nothing."""
        self._sockets.break_off()
        while self._sessions:
            self._sessions.pop().close()

    def pause(self, seconds: float) -> None:
        """Wait before the next try. Raise TransientError when the connection is closed meanwhile."""
        if self._sockets.ended.wait(seconds):
            raise self._broken_off()

    def _broken_off(self) -> TransientError:
        return TransientError(f"the connection to {self.url} was broken off here")

    def path(self, *parts: str) -> str:
        """Return a path of the API whose parts may be any text. Raise NotFoundError for what no path can hold."""
        for part in parts:
            if part in {"", ".", ".."}:
                raise NotFoundError(f"there is nothing called {part!r}")
        return "/".join((API, *(quote(_bytes(part), safe="") for part in parts)))

    def request(  # noqa: PLR0913 - what an HTTP request is made of, by keyword
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: JsonValue = None,
        also: Collection[int] = (),
        patience: Patience | None = None,
    ) -> Answer:
        """
        Send a request that carries JSON, or nothing, and return the answer.

        Args:
            method: GET, HEAD, PUT, POST, PATCH or DELETE.

            path: As `path` makes it.

            query: Parameters.

            body: A JSON value; None for no body.

            also: Statuses from 300 on that the caller understands.

            patience: Another than the connection's.
        """
        data = None if body is None else dumps(finite(body)).encode("ascii")
        headers = {} if data is None else {"Content-Type": "application/json"}
        address = f"{path}?{urlencode(query, errors='surrogatepass')}" if query else path
        tries = 2 if method in _REPEATABLE else 1  # a server may close an idle connection just when a request is on its way
        while True:
            tries -= 1
            try:
                with self._open(method, address, data, headers, patience) as response:
                    return self._answer(response, also)
            except BrokenError:
                if not tries:
                    raise

    def send(
        self, method: str, path: str, body: Iterable[bytes], *, headers: Mapping[str, str], also: Collection[int] = ()
    ) -> Answer:
        """Send bytes, once, and return the answer. An iterable with a length is sent with that length; otherwise as `request`."""
        with self._open(method, path, body, headers, None) as response:
            return self._answer(response, also)

    @contextlib.contextmanager
    def receive(self, path: str, *, headers: Mapping[str, str]) -> Iterator[Incoming]:
        """Ask for bytes and give the answer, to be read in the block. As `request` otherwise, and never repeated."""
        with self._open("GET", path, None, {**headers, "Accept-Encoding": "identity"}, None) as response:
            if response.status_code >= 300:
                raise refused(self.url, response.status_code, response.headers, self._body(response))
            yield Incoming(response.status_code, response.headers, self._pieces(response))

    def _open(
        self,
        method: str,
        path: str,
        data: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str],
        patience: Patience | None,
    ) -> requests.Response:
        """Send a request and return the answer, whose body is still to be read."""
        wait = patience or self._patience
        with self._told():
            return self._session().request(
                method,
                f"{self.url}{path}",
                data=data,
                headers=headers,
                timeout=(wait.connect, wait.answer),
                allow_redirects=False,
                stream=True,
            )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell every failure of the network in our words."""
        if self._sockets.ended.is_set():
            raise self._broken_off()
        try:
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise (self._broken_off() if self._sockets.ended.is_set() else unreachable(self.url, error)) from error

    def _session(self) -> requests.Session:
        """Return this thread's session: `requests` does not promise that threads may share one."""
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = requests.Session()
            session.auth = self._auth
            session.headers["User-Agent"] = f"modelwatch/{__version__}"
            for scheme in ("http://", "https://"):
                session.mount(scheme, self._sockets.adapter())
            self._of_thread.session = session
            self._sessions.append(session)
        return session

    def _answer(self, response: requests.Response, also: Collection[int]) -> Answer:
        status, body = response.status_code, self._body(response)
        error = refused(self.url, status, response.headers, body) if status >= 300 else None
        if error is not None and status not in also:
            raise error
        try:
            value = loads(body) if body else None
        except ValueError as malformed:
            if error is None:
                raise no_server(self.url, "the answer is not JSON") from malformed
            value = None
        return Answer(status, response.headers, value, error)

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        for piece in self._pieces(response):
            body += piece
            if len(body) > _LARGEST_ANSWER_BYTES:
                raise no_server(self.url, f"the answer is longer than {_LARGEST_ANSWER_BYTES} bytes")
        return bytes(body)

    def _pieces(self, response: requests.Response) -> Iterator[bytes]:
        with self._told():
            yield from response.iter_content(PIECE_BYTES)


def _bytes(text: str) -> bytes:
    """Return the bytes of a text; those of a file name that is not UTF-8 are the ones that it had."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
