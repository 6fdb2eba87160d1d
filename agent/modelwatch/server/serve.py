"""Running the server: the socket, uvicorn, the thread that follows the repository, and the end."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import uvicorn

from modelwatch.config.address import Address
from modelwatch.core import log
from modelwatch.core.errors import StateError
from modelwatch.server.access.guard import ANY_NUMERIC, Limits
from modelwatch.server.access.hosts import host_name
from modelwatch.server.application import application
from modelwatch.server.follower import Follower
from modelwatch.server.patience import PatientProtocol
from modelwatch.server.services import Services, opened

_BACKLOG = 512
_KEEP_ALIVE_SECONDS = 15
_LAST_REQUESTS_SECONDS = 10


class _Server(uvicorn.Server):
    """
    Lets those go who wait for changes, so that the end of the server waits for work only.

    uvicorn would end the process by the signal once more when all is done; that is not an error, and its exit code should not look like one.
    """

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have signals end the server while the block runs."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, after the requests that are being answered; a second signal ends at once."""
        self._services.stores.feed.close()
        super().handle_exit(sig, frame)


def serve(  # noqa: PLR0913 - what the options say, by keyword
    root: Path | str,
    *,
    address: Address,
    external_url: str | None,
    allowed_hosts: tuple[str, ...],
    audit_days: int | None,
    ready: Callable[[str, Services], None],
) -> None:
    """
    Serve the repository in a directory, which is made when it is missing or empty, until a signal.

    Args:
        root: The directory.

        address: Where to listen; port 0 for any that is free.

        external_url: Where people reach it, or None when that is what requests say.

        allowed_hosts: Names that requests may give as its host.

        audit_days: How long the audit is kept, None for ever.

        ready: Called with the address to open once requests are taken.

    Raises:
        StateError: The address cannot be listened at, or the repository cannot be used.
    """
    with _listening(address) as listener:
        port = listener.getsockname()[1]
        bound = Address(address.host, port, asked_for=address.asked_for)
        with opened(root, bound, external_url=external_url) as services:
            app = application(services, Limits(allowed_hosts=_hosts(bound, external_url, allowed_hosts)))
            config = uvicorn.Config(
                app,
                http=PatientProtocol,
                ws="none",  # nothing here speaks it: an upgrade is a request like any other
                backlog=_BACKLOG,
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
                lifespan="off",
            )
            server = _Server(config, services)
            follower = Follower(services, audit_days)
            follower.start()
            try:
                ready(external_url or f"http://{_shown(bound)}", services)
                server.run(sockets=[listener])
            finally:
                follower.stop()
    log.info("stopped")


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
    except OSError as error:
        listener.close()
        raise StateError(
            f"cannot listen at {address}: {error.strerror}", hint="choose another address with --serverAddress HOST:PORT"
        ) from error
    return listener


def _hosts(address: Address, external_url: str | None, allowed: tuple[str, ...]) -> frozenset[str]:
    hosts = set(allowed)
    if external_url is not None:
        hosts.add(host_name(external_url.partition("://")[2].partition("/")[0]) or "")
    if not address.is_loopback:
        hosts |= _own_addresses(address)
    return frozenset(hosts)


def _own_addresses(address: Address) -> set[str]:
    """Return the numeric addresses that a server bound to one address answers at: no DNS name can be made to point at those."""
    if address.host not in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return {address.host}
    return {ANY_NUMERIC}


def _shown(address: Address) -> str:
    """Return what to open in a browser on this machine."""
    if address.host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return f"127.0.0.1:{address.port}"
    return str(address)
