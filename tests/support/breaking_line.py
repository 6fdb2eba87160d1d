"""A line to a server that breaks: a relay on loopback that can be told to cut every connection once so many bytes have gone up."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

_PIECE = 1 << 16


class BreakingLine:
    """
    Relays to a server.

    Attributes:
        url: Where to reach the server through it.
        cuts: How many connections it has cut.
    """

    def __init__(self, target: str) -> None:
        address = urlsplit(target)
        self._target = (address.hostname, address.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0
        self._room: int | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def cut_after(self, count: int) -> None:
        """Cut the connection that brings the total of what goes up from now on above `count` bytes; once."""
        with self._lock:
            self._room = count

    def run(self) -> None:
        """Relay until the listener is closed."""
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._sockets += [client, server]
            for source, sink, breaks in ((client, server, self._breaks), (server, client, _never)):
                source.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )  # closing is cutting: the peer is reset
                thread = threading.Thread(target=self._relay, args=(source, sink, breaks))
                thread.start()
                self._threads.append(thread)

    def _relay(self, source: socket.socket, sink: socket.socket, breaks: Callable[[int], bool]) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if breaks(len(piece)):
                    source.close()
                    break
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _breaks(self, count: int) -> bool:
        with self._lock:
            if self._room is None:
                return False
            self._room -= count
            if self._room >= 0:
                return False
            self._room = None
            self.cuts += 1
            return True

    def close(self) -> None:
        """Cut everything and wait for the threads."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._sockets:
            end.close()


def _never(count: int) -> bool:
    del count
    return False


@contextlib.contextmanager
def breaking_line(target: str) -> Iterator[BreakingLine]:
    """Give a line to a server."""
    line = BreakingLine(target)
    thread = threading.Thread(target=line.run)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join()
