"""
Connections that another thread can break off.

`requests` waits for a socket and has no way to be interrupted. An agent that has to end cannot wait for a server that has stopped to
answer in the middle of an upload, so the sockets are known and can be shut down.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.poolmanager import PoolManager


class Sockets:
    """
    The sockets of one `Connection`, of all its threads.

    Attributes:
        ended: Set once they were broken off; whoever waits before trying again waits for it.
    """

    def __init__(self, idle_seconds: float) -> None:
        self.ended = threading.Event()
        self._open: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        self._lock = threading.Lock()
        sockets = self

        class _Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                sockets._add(self, idle_seconds)

        class _Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                sockets._add(self, idle_seconds)

        class _PlainPool(HTTPConnectionPool):
            ConnectionCls = _Plain

        class _SecurePool(HTTPSConnectionPool):
            ConnectionCls = _Secure

        self._pools = {"http": _PlainPool, "https": _SecurePool}

    def adapter(self) -> HTTPAdapter:
        """Return what a `requests.Session` is to connect with."""
        return _Adapter(self._pools)

    def _add(self, connection: HTTPConnection, idle_seconds: float) -> None:
        """Know a connection that has been made; from here on each wait for it, for sending too, ends after `idle_seconds`."""
        if connection.sock is not None:
            connection.sock.settimeout(idle_seconds)
        with self._lock:
            self._open.add(connection)
            if self.ended.is_set():
                _shut_down(connection)

    def break_off(self) -> None:
        """Fail what is being sent and received now, and all that comes. Any thread."""
        with self._lock:
            self.ended.set()
            for connection in self._open:
                _shut_down(connection)


def _shut_down(connection: HTTPConnection) -> None:
    found = connection.sock
    if found is not None:
        with contextlib.suppress(OSError):  # it is closed already
            socket.socket.shutdown(found, socket.SHUT_RDWR)  # not TLS's own: that changes what the other thread is working with


class _Adapter(HTTPAdapter):
    """Makes connections of the classes that it was given, through proxies too."""

    def __init__(self, pools: dict[str, Any]) -> None:
        self._pools = pools
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' own parameters, passed on as they are
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:  # noqa: ANN401 - as above
        manager: PoolManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def close(self) -> None:
        """Close what is idle now: urllib3 leaves it to the garbage collector, and whoever keeps an error keeps it open."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is no mapping that could be iterated
                with contextlib.suppress(KeyError):
                    manager.pools[key].close()
        super().close()
