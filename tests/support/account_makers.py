"""Accounts and people in them, with passwords that cost nothing to check."""

from __future__ import annotations

from pathlib import Path

from modelwatch.core.clock import Clock
from modelwatch.server.accounts.accounts import Accounts
from modelwatch.server.accounts.database import accounts_path
from modelwatch.server.accounts.passwords import Cost
from modelwatch.server.accounts.principal import operator

CHEAP = Cost(log_n=2, r=1, p=1)
PASSWORD = "correct horse battery"
OPERATOR = operator("ops")
HERE = "192.0.2.1"


def open_accounts(folder: Path, clock: Clock | None = None) -> Accounts:
    """Open the accounts of the repository in a folder, making them."""
    return Accounts.open(accounts_path(folder), create=True, clock=clock, cost=CHEAP)


def add_user(accounts: Accounts, name: str, *, site_admin: bool = False) -> str:
    """Make a user with the usual password, and return the token of a session of theirs."""
    accounts.make_user(name, PASSWORD, site_admin=site_admin, by=OPERATOR)
    return accounts.login(name, PASSWORD, HERE).token
