"""How long the audit is kept: nothing new goes, nothing old stays, and what went is written down."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from account_makers import OPERATOR, open_accounts

from modelwatch.config.options import OPTIONS
from modelwatch.core.errors import UsageError
from modelwatch.server.accounts import accounts as accounts_module
from modelwatch.server.accounts import trail
from modelwatch.server.accounts.database import ACCOUNTS, accounts_path
from modelwatch.server.follower import Follower
from modelwatch.testing.clock import FakeClock

DAY = 86_400.0


@pytest.fixture
def clock():
    """A clock that a test moves."""
    return FakeClock()


@pytest.fixture
def accounts(tmp_path, clock):
    """Accounts without anybody in them."""
    with open_accounts(tmp_path, clock) as opened:
        yield opened


def _aged(accounts, clock, *days):
    """Write an entry on each of some days, counted back from now."""
    now = clock.now()
    for day in sorted(days, reverse=True):
        clock._now = now - day * DAY
        accounts.audit(OPERATOR, "done", subject=f"{day} days ago")
    clock._now = now


def _subjects(accounts):
    return [entry.subject for entry in accounts.audited(limit=1000) if entry.what == "done"]


def test_the_audit_is_kept_for_some_days(accounts, clock):
    """What is older goes; that it went, how much and by whom is written down, once."""
    _aged(accounts, clock, 1000, 401, 399, 31, 0)
    assert accounts.forget_audit(400, by=OPERATOR) == 2
    assert _subjects(accounts) == ["0 days ago", "31 days ago", "399 days ago"]
    [entry] = [entry for entry in accounts.audited() if entry.what == "audit-shortened"]
    assert (entry.who, entry.detail.partition(" from ")[0]) == (str(OPERATOR), "2 entries")
    assert accounts.forget_audit(400, by=OPERATOR) == 0
    assert [entry.what for entry in accounts.audited()].count("audit-shortened") == 1


def test_a_long_audit_is_shortened_piece_by_piece(accounts, clock, monkeypatch):
    """Nobody waits for all of it."""
    monkeypatch.setattr("modelwatch.server.accounts.trail._AT_ONCE", 2)
    _aged(accounts, clock, 500, 501, 502, 503, 504)
    assert accounts.forget_audit(400, by=OPERATOR) == 5
    assert _subjects(accounts) == []


@pytest.mark.parametrize("days", [29, 0, -1])
def test_what_is_new_is_never_forgotten(accounts, clock, days):
    """Whoever does something wrong cannot have it forgotten at once, here or past this program with SQL."""
    _aged(accounts, clock, 29, 31)
    with pytest.raises(UsageError, match="at least 30 days"):
        accounts.forget_audit(days, by=OPERATOR)
    with accounts._database.reading() as connection:
        for statement in (
            "DELETE FROM audit",
            "UPDATE audit SET who = 'somebody else'",
            "UPDATE audit_kept SET since = 1e12",
            "UPDATE audit_kept SET since = -1",
            "DELETE FROM audit_kept",
            "INSERT INTO audit_kept (only, since) VALUES (2, 1e12)",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
    assert _subjects(accounts) == ["29 days ago", "31 days ago"]


def test_what_was_kept_once_is_not_forgotten_by_a_longer_time_later(accounts, clock):
    """How long it is kept may be said anew at any time: the past stays as it is."""
    _aged(accounts, clock, 100, 50)
    assert accounts.forget_audit(90, by=OPERATOR) == 1
    assert accounts.forget_audit(400, by=OPERATOR) == 0
    assert accounts.forget_audit(40, by=OPERATOR) == 1


def test_accounts_of_the_first_version_become_those_of_this_one(tmp_path):
    """With everything that is in them, and their audit can be shortened from then on."""
    path = accounts_path(tmp_path)
    path.parent.mkdir(parents=True)
    first = Path(accounts_module.__file__).parent / "migrations" / "0001.sql"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(first.read_text())
        connection.execute("INSERT INTO teams (name, folded, made) VALUES ('vision', 'vision', 1.0)")
        connection.execute(
            "INSERT INTO audit (time, who, what, team, subject, detail, address, outcome) VALUES (1, 'x', 'done', '', 'old', '', '', 'ok')"
        )
        connection.execute(f"PRAGMA application_id = {ACCOUNTS.application_id}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    with open_accounts(tmp_path) as accounts:
        assert [team.name for team in accounts.teams()] == ["vision"]
        assert _subjects(accounts) == ["old"]
        assert accounts.forget_audit(400, by=OPERATOR) == 1


def test_the_option_says_what_the_command_does():
    """Both keep it for as long unless somebody says otherwise."""
    [option] = [option for option in OPTIONS if option.name == "auditDays"]
    assert option.parse("400") == trail.KEPT_DAYS
    assert option.default_help == str(trail.KEPT_DAYS)
    assert option.parse(str(trail.LEAST_DAYS)) == trail.LEAST_DAYS
    with pytest.raises(ValueError, match="30 or more"):
        option.parse(str(trail.LEAST_DAYS - 1))


@pytest.mark.parametrize(("days", "left"), [(400, 1), (None, 2)])
def test_a_server_shortens_its_audit_when_it_starts(server, days, left):
    """Unless it is told to keep it for ever."""
    accounts = server.services.accounts
    with accounts._database.writing() as connection:
        for age in (500, 1):
            trail.write(connection, trail.Deed(OPERATOR, "done"), server.services.clock.now() - age * DAY)
    follower = Follower(server.services, days)
    follower.start()
    follower.stop()
    assert [entry.what for entry in accounts.audited()].count("done") == left
