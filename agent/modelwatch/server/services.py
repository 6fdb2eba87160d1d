"""What handlers use: the repository and its index, accounts, links, uploads, and who waits for changes. Opened and closed together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from modelwatch.config.address import Address
from modelwatch.core.clock import Clock, SystemClock
from modelwatch.core.durable import create_file, make_directory
from modelwatch.core.errors import StateError, UsageError
from modelwatch.core.mounts import is_local, mount_of
from modelwatch.repository.index.answers import IndexedModel, Page
from modelwatch.repository.index.index import Index
from modelwatch.repository.index.queries import ModelQuery
from modelwatch.repository.repository import Repository
from modelwatch.server.access.hosts import host_name, is_loopback
from modelwatch.server.access.links import LinkSigner
from modelwatch.server.access.moments import Moments
from modelwatch.server.accounts.accounts import Accounts
from modelwatch.server.accounts.database import accounts_path
from modelwatch.server.accounts.names import team_name
from modelwatch.server.accounts.principal import DEFAULT_TEAM, Principal, PrincipalKind, Role
from modelwatch.server.feed import Feed
from modelwatch.server.gradient.handles import Handles
from modelwatch.server.gradient.tag_reads import TagReads
from modelwatch.server.library import Stores, TeamLibrary
from modelwatch.server.metering import Meter
from modelwatch.server.transfers import Transfers

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Services:
    """
    The server's parts.

    Attributes:
        stores: The models.
        accounts: Who may do what.
        links: Signs links.
        moments: Seals moments, for those who listen for changes.
        handles: What Gradient's client is uploading.
        tag_reads: What Gradient's clients were told of tags.
        clock: The time.
        address: Where the server listens.
        external_url: Where people reach it, or None when that is what requests say.
        meter: Counts requests.
    """

    stores: Stores
    accounts: Accounts
    links: LinkSigner
    moments: Moments
    handles: Handles
    tag_reads: TagReads
    clock: Clock
    address: Address
    external_url: str | None = None
    meter: Meter = field(default_factory=Meter)

    def is_open(self) -> bool:
        """
        Return whether everyone who reaches the server may do everything: it has no accounts, and only this machine reaches it.

        One that people reach at another address reaches them through a proxy, whatever it listens at.
        """
        return self.address.is_loopback and self._is_reached_here() and self.accounts.is_open()

    def _is_reached_here(self) -> bool:
        if self.external_url is None:
            return True
        name = host_name(urlsplit(self.external_url).netloc)
        return name is not None and is_loopback(name)

    def local_principal(self, team: str | None) -> Principal:
        """Return who uses an open server: admin of every team that has models, of the one that is asked about, and of options' default."""
        teams = {DEFAULT_TEAM, *self.stores.index.teams()}
        if team:
            with contextlib.suppress(UsageError):  # what can be no team's name is nobody's team
                teams.add(team_name(team))
        return Principal(PrincipalKind.LOCAL, roles=MappingProxyType(dict.fromkeys(sorted(teams), Role.ADMIN)))

    def library(self, team: str, *, sees_all: bool) -> TeamLibrary:
        """Return what may be done with a team's models: with all of them, or with those that it published."""
        return TeamLibrary(self.stores, team, sees_all=sees_all)

    def public_models(self, query: ModelQuery) -> Page[IndexedModel]:
        """Return a page of what all teams have published."""
        return self.stores.index.public_models(query)


@contextlib.contextmanager
def opened(
    root: Path | str, address: Address, *, external_url: str | None = None, clock: Clock | None = None
) -> Iterator[Services]:
    """
    Open the parts of a server for the repository in a directory, which is made when it is missing or empty.

    Raises:
        StateError: The directory is something else, or the server's own files cannot be used.

        TransientError: It cannot be written.
    """
    clock = clock or SystemClock()
    repository = Repository.open(root, create=True)
    folder = accounts_path(repository.root).parent
    with contextlib.ExitStack() as stack:
        accounts = stack.enter_context(Accounts.open(accounts_path(repository.root), create=True, clock=clock))
        secret = _secret(folder / "secret")
        index = Index.open(_index_path(repository), repository)
        stack.callback(index.close)
        transfers = Transfers(folder / "transfers.db", repository, clock)
        stack.callback(transfers.close)
        handles = Handles(folder / "gradient.db", clock)
        stack.callback(handles.close)
        stores = Stores(repository, index, transfers, Feed())
        yield Services(
            stores, accounts, LinkSigner(secret, clock), Moments(secret), handles, TagReads(clock), clock, address, external_url
        )


def _index_path(repository: Repository) -> Path:
    """
    Return where the index is: in the repository when that is on a local disk, else in the user's cache.

    SQLite's write-ahead log does not work over a network, and an index can be made again anywhere.
    """
    folder = accounts_path(repository.root).parent
    if not is_local(mount_of(repository.root)):
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(cache, "modelwatch", repository.id)
    return folder / "index.db"


def _secret(path: Path) -> bytes:
    """Return the server's secret, which is made when there is none: readable by its owner alone."""
    try:
        make_directory(path.parent)
        create_file(path, os.urandom(_SECRET_BYTES), mode=0o600)
        secret = path.read_bytes()
    except OSError as error:
        raise StateError(f"the server's secret {path} cannot be used: {error.strerror}") from error
    if len(secret) < _SECRET_BYTES:
        raise StateError(f"the server's secret {path} is damaged", hint="remove it: links that were given out end, nothing else")
    return secret
