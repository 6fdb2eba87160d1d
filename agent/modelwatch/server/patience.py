"""How long a connection may take to say what it wants and to take what it gets: uvicorn itself waits for both for ever."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 20.0
STALLED_SECONDS = 300.0
"""How long nothing need be taken of an answer. Of a long one a mebibyte is given at a time, so this asks for 3.5 kB a second."""


class PatientProtocol(H11Protocol):
    """
    A connection that is closed when a request's head does not arrive in time, or when nobody takes the answer.

    Bodies are timed by `modelwatch.server.access.guard`, and connections that wait for their next request by uvicorn.
    """

    _waiting: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)  # type: ignore[arg-type] # uvicorn declares the narrower class that it is given
        self._expect_a_head()

    def data_received(self, data: bytes) -> None:
        """Take what arrived, and see whether a request has begun."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect_a_head()
        else:
            self._stop_waiting()

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
