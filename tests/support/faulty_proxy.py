"""A TCP proxy before a server that breaks connections as it is told, and counts what passes."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

_BUFFER_BYTES = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends RST, as a crashed machine or a proxy's timeout does


class FaultyProxy:
    """
    Passes connections on to a server. A context manager.

    Args:
        port: Where the server listens on 127.0.0.1.

    Attributes:
        url: Where clients connect.
        sent: Bytes that clients sent and that were passed on.
        cuts: Numbers of bytes: one connection after the other is reset when so much of it was sent; used up from the front.
        losing: Parts of requests, for example ``PUT /api``: the answer to the first request that begins with one is not passed on,
            and its connection is reset. Each is used once.
        delay_seconds: Before each part of an answer.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent = 0
        self.cuts: list[int] = []
        self.losing: list[bytes] = []
        self.lost = 0
        self.delay_seconds = 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="faulty-proxy")

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._accepting.join()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        self._listener.settimeout(0.05)
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                client = self._listener.accept()[0]
                thread = threading.Thread(target=self._serve, args=(client,), name="faulty-proxy")
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)) as server:
            self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Pass bytes on both ways until one side ends or a fault is due."""
        client.settimeout(None)
        with self._lock:
            cut = self.cuts.pop(0) if self.cuts else None
        passed, losing = 0, False
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            while not self._over.is_set():
                for key, _ in selector.select(0.05):
                    data = key.fileobj.recv(_BUFFER_BYTES)  # type: ignore[union-attr] # they are sockets
                    if not data:
                        return None
                    if key.fileobj is server:
                        if losing:
                            self.lost += 1
                            return _reset(client)
                        if self.delay_seconds:
                            time.sleep(self.delay_seconds)
                        client.sendall(data)
                        continue
                    losing = losing or self._is_to_be_lost(data)
                    if cut is not None and passed + len(data) >= cut:
                        data = data[: cut - passed]
                    server.sendall(data)
                    passed += len(data)
                    with self._lock:
                        self.sent += len(data)
                    if passed == cut:
                        return _reset(client)
        return None

    def _is_to_be_lost(self, data: bytes) -> bool:
        with self._lock:
            for beginning in self.losing:
                if data.startswith(beginning):
                    self.losing.remove(beginning)
                    return True
        return False


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
