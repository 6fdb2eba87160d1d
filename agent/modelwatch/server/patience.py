"""
Connections: how long one may take to say what it wants and to take what it gets, and what it may say first.

uvicorn itself waits for both for ever, and takes a head of any length. Besides, the bytes of large bodies are handed over without copies.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 20.0
STALLED_SECONDS = 300.0
"""How long nothing need be taken of an answer. Of a long one a mebibyte is given at a time, so this asks for 3.5 kB a second."""
LARGEST_HEAD_BYTES = 64 << 10


class PatientProtocol(HttpToolsProtocol):
    """
    A connection that is closed when a request's head does not arrive in time, or does not end, or when nobody takes the answer.

    Bodies are timed by `modelwatch.server.access.guard`, and connections that wait for their next request by uvicorn.
    """

    _waiting: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _head_bytes: int | None = None
    """What has come of a head since it began, but for the read that it began in; None while none is coming."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)  # type: ignore[arg-type] # uvicorn declares the narrower class that it is given
        self._expect_a_head()

    def data_received(self, data: bytes) -> None:
        """Take what arrived, and see whether a request has begun."""
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes is not None and self._head_bytes > LARGEST_HEAD_BYTES:
            self.send_400_response("The head of the request is too long.")
        elif self.cycle is None or self.cycle.response_complete:
            self._expect_a_head()
        else:
            self._stop_waiting()

    def on_message_begin(self) -> None:
        """Count what comes of the head that begins."""
        super().on_message_begin()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Count no more. What is asked for is a path: in a whole address there could be another host than the one that is checked."""
        self._head_bytes = None
        if not self.url.startswith(b"/"):
            raise ValueError("the address of a request is not a path")  # which the parser tells as a request that is none
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand over what one read of the socket has brought as it is; uvicorn itself copies it into an array, and back into bytes."""
        cycle = self.cycle
        if cycle.response_complete:
            return
        if cycle.body:
            cycle.body += body
        else:
            cycle.body = body  # type: ignore[assignment] # read with `bytes`, which does not copy these
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        self._goes_on()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the other side to take what it was given; what is left cannot be sent any more when it does not."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on giving."""
        self._goes_on()
        super().resume_writing()

    def _goes_on(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _expect_a_head(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
