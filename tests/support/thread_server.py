"""The team's server in a thread of this process, on a free port: for tests that look at the repository behind it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from modelwatch.config.address import Address
from modelwatch.server.access.guard import Limits
from modelwatch.server.application import application
from modelwatch.server.patience import PatientProtocol
from modelwatch.server.services import Services, opened


@dataclass(frozen=True, slots=True)
class ThreadServer:
    """
    A server that takes requests.

    Attributes:
        url: Where it is.
        port: Its port on 127.0.0.1.
        root: The repository's folder.
        services: The server's parts.
    """

    url: str
    port: int
    root: Path
    services: Services


@contextlib.contextmanager
def thread_server(root: Path) -> Iterator[ThreadServer]:
    """Give a server over a repository's folder, which is made when it is missing; it has ended afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with opened(root, Address("127.0.0.1", port)) as services:
            config = uvicorn.Config(
                application(services, Limits()),
                http=PatientProtocol,
                ws="none",
                log_config=None,
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="thread-server")
            thread.start()
            try:
                yield ThreadServer(f"http://127.0.0.1:{port}", port, root, services)
            finally:
                server.should_exit = True
                thread.join()
