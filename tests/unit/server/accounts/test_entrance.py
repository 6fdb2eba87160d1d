"""Signing in, sessions, and slowing down who guesses, in a real database with a clock that only the test moves."""

import contextlib
import threading

import pytest
from account_makers import CHEAP, HERE, OPERATOR, PASSWORD, add_user, open_accounts
from small_disks import tmpfs

from modelwatch.core.errors import DiskFullError, UsageError
from modelwatch.server.accounts import entrance, passwords
from modelwatch.server.accounts.accounts import ONE_TIME_SECONDS, Accounts
from modelwatch.server.accounts.database import accounts_path
from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import Principal, Role
from modelwatch.server.accounts.sessions import IDLE_SECONDS, LONGEST_SECONDS
from modelwatch.server.accounts.throttle import Refused
from modelwatch.testing.clock import FakeClock

ELSEWHERE = "198.51.100.7"


@pytest.fixture
def clock():
    """A clock that stands still unless a test moves it."""
    return FakeClock()


@pytest.fixture
def accounts(tmp_path, clock):
    """Accounts without anybody in them."""
    with open_accounts(tmp_path, clock) as opened:
        yield opened


def fill(path):
    """Write a file until the disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024))


def audit_without_end(accounts):
    """Write entries until that fails: the log has room left from before the disk was full."""
    while True:
        accounts.audit(OPERATOR, "counted", detail="x" * 500)


def refusals(accounts):
    """Return what was refused, as (what, subject, outcome), the oldest first."""
    return [(e.what, e.subject, e.outcome) for e in reversed(accounts.audited()) if e.outcome != "ok"]


# ----------------------------------------------------------------------------------------------------------------- passwords


def test_signing_in_needs_the_password_and_takes_the_name_in_any_case(accounts):
    """It begins a session of that user, which the audit has with the address."""
    accounts.make_user("Anna", PASSWORD, by=OPERATOR)
    signed_in = accounts.login("ANNA", PASSWORD, HERE)
    assert accounts.principal_of_session(signed_in.token).name == "Anna"
    assert accounts.session(signed_in.token) == signed_in.session
    assert (accounts.audited()[0].who, accounts.audited()[0].what, accounts.audited()[0].address) == ("user:Anna", "login", HERE)
    assert signed_in.token not in repr(signed_in)


def test_a_wrong_password_and_an_unknown_user_look_alike_and_cost_the_same(accounts, monkeypatch):
    """Nobody is let in, the same work is done, and only the audit tells which it was."""
    add_user(accounts, "anna")
    costs, matches = [], passwords.matches
    monkeypatch.setattr(
        passwords, "matches", lambda password, sealed: costs.append(passwords.cost_of(sealed)) or matches(password, sealed)
    )
    assert accounts.login("anna", "wrong horse battery", HERE) is None
    assert accounts.login("ben", PASSWORD, HERE) is None
    assert accounts.login("no such\nname\ud800", PASSWORD, HERE) is None
    assert costs == [CHEAP] * 3
    assert refusals(accounts) == [
        ("login", "anna", "wrong password"),
        ("login", "ben", "no such user"),
        ("login", "no such\\nname\\ud800", "no such user"),
    ]


def test_guessing_at_a_name_is_slowed_down_from_everywhere(accounts, clock):
    """After five wrong passwords even the right one waits, wherever it comes from; a minute is the longest."""
    add_user(accounts, "anna")
    for number in range(5):
        assert accounts.login("anna", f"wrong password {number}", f"203.0.113.{number}") is None
    assert accounts.login("anna", PASSWORD, ELSEWHERE) == Refused(1.0)
    clock.advance(1.0)
    assert accounts.login("Anna", "wrong again", ELSEWHERE) is None
    assert accounts.login("anna", PASSWORD, ELSEWHERE) == Refused(2.0)
    for _ in range(20):
        clock.advance(60.0)
        accounts.login("anna", "wrong again", ELSEWHERE)
    assert accounts.login("anna", PASSWORD, HERE) == Refused(60.0)
    clock.advance(60.0)
    assert accounts.login("anna", PASSWORD, HERE).session.principal.name == "anna"
    assert accounts.login("anna", "wrong again", HERE) is None


def test_guessing_at_many_names_is_slowed_down_by_address(accounts, clock):
    """One address has twenty wrong passwords, whichever names it tries; another is not held up."""
    add_user(accounts, "anna")
    for number in range(20):
        assert accounts.login(f"user{number}", PASSWORD, ELSEWHERE) is None
    assert accounts.login("anna", PASSWORD, ELSEWHERE) == Refused(1.0)
    assert accounts.login("anna", PASSWORD, HERE) is not None
    clock.advance(3600.0)
    assert accounts.login("anna", PASSWORD, ELSEWHERE) is not None


def test_an_address_is_not_charged_for_those_who_are_right(accounts):
    """A whole office signs in from one address."""
    add_user(accounts, "anna")
    for _ in range(30):
        assert accounts.login("anna", PASSWORD, HERE) is not None
    assert accounts.login("ben", PASSWORD, HERE) is None


def test_what_is_refused_for_being_early_is_not_written_down(accounts):
    """A thousand knocks cost no disk."""
    add_user(accounts, "anna")
    for _ in range(100):
        accounts.login("anna", "wrong password", HERE)
    assert len(refusals(accounts)) == 5


def test_only_so_many_passwords_are_checked_at_once(tmp_path, monkeypatch):
    """Each check takes memory: of many at the same time the rest are told to come again, and that counts against nobody."""
    started, go_on, matches = threading.Semaphore(0), threading.Event(), passwords.matches

    def slow(password, sealed):
        started.release()
        go_on.wait()
        return matches(password, sealed)

    with open_accounts(tmp_path) as accounts:
        add_user(accounts, "anna")
        monkeypatch.setattr(passwords, "matches", slow)
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(accounts.login("anna", PASSWORD, HERE)))
            for _ in range(entrance._PASSWORDS_AT_ONCE)
        ]
        for thread in threads:
            thread.start()
        for _ in threads:
            started.acquire()
        for number in range(30):
            assert accounts.login(f"user{number}", PASSWORD, HERE) == Refused(1.0)
        go_on.set()
        for thread in threads:
            thread.join()
        assert all(signed_in.session.principal.name == "anna" for signed_in in found)
        assert len(found) == len(threads)


def test_a_password_is_sealed_anew_when_the_cost_has_changed(tmp_path):
    """Signing in is when the password is known; the user notices nothing, and other sessions go on."""
    dearer = passwords.Cost(log_n=3, r=1, p=1)
    with open_accounts(tmp_path) as accounts:
        token = add_user(accounts, "anna")
    with Accounts.open(accounts_path(tmp_path), cost=dearer) as accounts:
        assert accounts.login("anna", PASSWORD, HERE) is not None
        assert accounts.session(token) is not None
        with accounts._database.reading() as connection:
            assert passwords.cost_of(connection.execute("SELECT password FROM users").fetchone()[0]) == dearer
        assert accounts.login("anna", PASSWORD, HERE) is not None


# -------------------------------------------------------------------------------------------------------- one-time passwords


def test_a_one_time_password_is_good_for_choosing_ones_own_and_for_nothing_else(accounts):
    """Its session has no role, whatever the user's are, until another password is chosen; that begins a whole one."""
    one_time = accounts.make_user("anna", site_admin=True, by=OPERATOR)
    accounts.join("default", "anna", Role.ADMIN, by=OPERATOR)
    first = accounts.login("anna", one_time, HERE)
    assert first.session.must_change_password
    assert not first.session.principal.may("default", Role.VIEWER)
    assert not first.session.principal.is_site_admin
    second = accounts.change_password(first.token, one_time, PASSWORD, HERE)
    assert not second.session.must_change_password
    assert second.session.principal.is_site_admin
    assert accounts.session(first.token) is None
    assert accounts.login("anna", one_time, HERE) is None
    assert [user.one_time_until for user in accounts.users()] == [None]


def test_a_one_time_password_expires(accounts, clock):
    """After a week it lets nobody in; another can be made, which ends the sessions that there are."""
    one_time = accounts.make_user("anna", by=OPERATOR)
    assert accounts.users()[0].one_time_until == clock.now() + ONE_TIME_SECONDS
    clock.advance(ONE_TIME_SECONDS)
    assert accounts.login("anna", one_time, HERE) is None
    assert refusals(accounts)[-1] == ("login", "anna", "the one-time password has expired")
    again = accounts.set_password("anna", by=OPERATOR)
    signed_in = accounts.login("anna", again, HERE)
    accounts.set_password("anna", PASSWORD, by=OPERATOR)
    assert accounts.session(signed_in.token) is None
    assert not accounts.login("anna", PASSWORD, HERE).session.must_change_password


def test_changing_a_password_needs_the_old_one_and_ends_every_session(accounts):
    """Whoever found a browser open cannot take the account over, and whoever knew the old password is out."""
    token, other = add_user(accounts, "anna"), accounts.login("anna", PASSWORD, ELSEWHERE).token
    assert accounts.change_password(token, "wrong password", "a new one altogether", HERE) is None
    assert accounts.session(other) is not None
    changed = accounts.change_password(token, PASSWORD, "a new one altogether", HERE)
    assert accounts.session(changed.token).principal.name == "anna"
    assert accounts.session(token) is accounts.session(other) is None
    assert accounts.login("anna", PASSWORD, HERE) is None
    assert refusals(accounts) == [("password-changed", "anna", "wrong password"), ("login", "anna", "wrong password")]


def test_a_password_is_not_changed_to_itself_or_to_a_bad_one(accounts):
    """Nor by a session that is over."""
    token = add_user(accounts, "anna")
    for new in (PASSWORD, "short"):
        with pytest.raises(UsageError):
            accounts.change_password(token, PASSWORD, new, HERE)
    assert accounts.change_password("no session", PASSWORD, "a new one altogether", HERE) is None
    assert accounts.session(token) is not None


def test_a_password_that_is_changed_while_it_is_checked_lets_nobody_in(accounts, monkeypatch):
    """The check takes long; what was right when it began may be wrong when it ends."""
    add_user(accounts, "anna")
    matches = passwords.matches

    def changed_meanwhile(password, sealed):
        accounts.set_password("anna", "a new one altogether", by=OPERATOR)
        return matches(password, sealed)

    monkeypatch.setattr(passwords, "matches", changed_meanwhile)
    assert accounts.login("anna", PASSWORD, HERE) is None
    assert refusals(accounts) == [("login", "anna", "the password was changed meanwhile")]


# ------------------------------------------------------------------------------------------------------------------ sessions


def test_a_session_ends_when_it_is_not_used_for_a_day_or_after_a_week(accounts, clock):
    """Using it keeps it going, but not for ever."""
    idle, used = add_user(accounts, "anna"), accounts.login("anna", PASSWORD, HERE)
    assert used.session.expires == clock.now() + LONGEST_SECONDS
    for _ in range(int(LONGEST_SECONDS / (IDLE_SECONDS / 2)) - 1):
        clock.advance(IDLE_SECONDS / 2)
        assert accounts.session(used.token) is not None
    assert accounts.session(idle) is None
    clock.advance(IDLE_SECONDS / 2)
    assert accounts.session(used.token) is None


def test_a_day_without_use_is_too_long_to_the_second(accounts, clock):
    """A second less is not."""
    first, second = add_user(accounts, "anna"), accounts.login("anna", PASSWORD, HERE).token
    clock.advance(IDLE_SECONDS - 1)
    assert accounts.session(first) is not None
    clock.advance(1)
    assert accounts.session(second) is None
    assert accounts.session(first) is not None


def test_signing_out_ends_the_session_and_no_other(accounts):
    """Twice is no error, and nor is a session that never was."""
    token, other = add_user(accounts, "anna"), accounts.login("anna", PASSWORD, HERE).token
    for _ in range(2):
        accounts.logout(token, HERE)
    accounts.logout("no session")
    assert accounts.session(token) is None
    assert accounts.session(other) is not None
    assert [entry.what for entry in accounts.audited()].count("logout") == 1


def test_sessions_that_are_over_are_forgotten(accounts, clock):
    """Whoever signs in sweeps up behind the others."""
    add_user(accounts, "anna")
    clock.advance(IDLE_SECONDS)
    accounts.login("anna", PASSWORD, HERE)
    with accounts._database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1


def test_neither_tokens_nor_keys_nor_passwords_are_in_the_files(accounts, tmp_path):
    """Whoever steals the database can sign in with nothing that is in it."""
    token = add_user(accounts, "anna")
    key = accounts.make_key("default", "trainer", Scope.READ, by=OPERATOR).text
    one_time = accounts.set_password("anna", by=OPERATOR)
    content = b"".join(path.read_bytes() for path in accounts_path(tmp_path).parent.iterdir())
    for secret in (PASSWORD, token, key, key[12:], one_time):
        assert secret.encode() not in content


# ---------------------------------------------------------------------------------------------------------------------- keys


def test_showing_wrong_keys_is_slowed_down_and_right_ones_never_are(accounts, clock):
    """An agent with an old key makes its neighbours behind the same address wait for nothing."""
    good, old = (accounts.make_key("default", "trainer", Scope.WRITE, by=OPERATOR).text for _ in range(2))
    accounts.revoke_key(old, by=OPERATOR)
    for number in range(5):
        assert accounts.principal_of_key(old, f"203.0.113.{number}") is None
    assert accounts.principal_of_key(old, ELSEWHERE) == Refused(1.0)
    for number in range(30):
        accounts.principal_of_key(f"nonsense {number}", HERE)
    assert accounts.principal_of_key("nonsense", HERE) == Refused(1.0)
    assert isinstance(accounts.principal_of_key(good, HERE), Principal)
    assert accounts.login("nobody", "wrong password", HERE) is None
    assert len(refusals(accounts)) == 5 + 20 + 1
    clock.advance(3600.0)
    assert accounts.principal_of_key(old, ELSEWHERE) is None


def test_a_full_disk_keeps_nobody_from_reading(tmp_path, clock):
    """Keys and sessions are good while nothing can be written; what must be written says so."""
    with tmpfs(tmp_path / "disk", 1 << 20) as disk, open_accounts(disk, clock) as accounts:
        token = add_user(accounts, "anna")
        key = accounts.make_key("default", "trainer", Scope.READ, by=OPERATOR).text
        fill(disk / "filling")
        clock.advance(3600.0)
        with pytest.raises(DiskFullError):
            audit_without_end(accounts)
        assert isinstance(accounts.principal_of_key(key, HERE), Principal)
        assert accounts.session(token) is not None
        with pytest.raises(DiskFullError):
            accounts.make_team("vision", by=OPERATOR)
