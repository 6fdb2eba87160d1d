"""Teams, users, keys and the audit, in a real database."""

import sqlite3
import stat

import pytest
from account_makers import HERE, OPERATOR, PASSWORD, add_user, open_accounts

from modelwatch.core.errors import NotFoundError, PermanentError, StateError, UsageError
from modelwatch.server.accounts.accounts import Accounts
from modelwatch.server.accounts.database import accounts_path
from modelwatch.server.accounts.entities import KeyState, Scope
from modelwatch.server.accounts.principal import ANONYMOUS, PrincipalKind, Role
from modelwatch.testing.clock import FakeClock

DAY = 86_400.0


@pytest.fixture
def clock():
    """A clock that stands still unless a test moves it."""
    return FakeClock()


@pytest.fixture
def accounts(tmp_path, clock):
    """Accounts without anybody in them."""
    with open_accounts(tmp_path, clock) as opened:
        yield opened


def key_of(accounts, *, team="default", scope=Scope.WRITE, owner=None, expires=None):
    """Make a key and return its text."""
    return accounts.make_key(team, "trainer", scope, owner=owner, expires=expires, by=OPERATOR).text


def role_of_key(accounts, text, team="default"):
    """Return the role that a key has in a team, None when it is not let in."""
    principal = accounts.principal_of_key(text, HERE)
    return None if principal is None else principal.role_in(team)


def reasons(accounts):
    """Return the outcomes of what was refused, the oldest first."""
    return [entry.outcome for entry in reversed(accounts.audited()) if entry.outcome != "ok"]


# -------------------------------------------------------------------------------------------------------------- who may what


def test_roles_cover_what_those_before_them_may():
    """An admin may what a writer may, a writer what a viewer may; nobody else may anything."""
    assert [[own.covers(needed) for needed in Role] for own in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
    assert not any(ANONYMOUS.may("default", role) for role in Role)


def test_a_server_that_had_accounts_is_never_open_again(accounts):
    """The first user or key closes it, and removing them does not make it everybody's."""
    assert accounts.is_open()
    add_user(accounts, "anna")
    assert not accounts.is_open()
    accounts.remove_user("anna", by=OPERATOR)
    assert accounts.users() == ()
    assert not accounts.is_open()


def test_a_key_alone_closes_a_server_too(accounts):
    """Agents' keys come before people on some servers."""
    text = key_of(accounts)
    assert not accounts.is_open()
    accounts.revoke_key(text, by=OPERATOR)
    assert not accounts.is_open()


def test_a_member_may_what_the_role_says_in_that_team_only(accounts):
    """Another team's role does not help, and a team that does not exist looks like one of others."""
    token = add_user(accounts, "anna")
    accounts.make_team("vision", by=OPERATOR)
    accounts.join("vision", "anna", Role.WRITER, by=OPERATOR)
    anna = accounts.principal_of_session(token)
    assert (anna.kind, anna.name, str(anna)) == (PrincipalKind.USER, "anna", "user:anna")
    assert anna.may("vision", Role.WRITER)
    assert not anna.may("vision", Role.ADMIN)
    assert anna.role_in("default") is anna.role_in("missing") is None
    assert anna.home_team == "vision"


def test_a_site_admin_is_admin_of_every_team(accounts):
    """Also of those that are made later, and until it is taken from them."""
    token = add_user(accounts, "anna", site_admin=True)
    accounts.make_team("vision", by=OPERATOR)
    anna = accounts.principal_of_session(token)
    assert anna.is_site_admin
    assert dict(anna.roles) == {"default": Role.ADMIN, "vision": Role.ADMIN}
    accounts.set_site_admin("anna", site_admin=False, by=OPERATOR)
    assert not accounts.principal_of_session(token).may("vision", Role.VIEWER)


# ------------------------------------------------------------------------------------------------------------ teams and users


def test_teams_are_listed_with_their_members_and_good_keys(accounts, clock):
    """The default team is there from the start; revoked and expired keys do not count."""
    add_user(accounts, "anna")
    accounts.make_team("Vision", by=OPERATOR)
    accounts.join("vision", "ANNA", Role.ADMIN, by=OPERATOR)
    accounts.revoke_key(key_of(accounts, team="Vision"), by=OPERATOR)
    key_of(accounts, team="Vision", expires=clock.now() + 1)
    key_of(accounts, team="Vision")
    clock.advance(1)
    assert [(team.name, team.members, team.keys) for team in accounts.teams()] == [("default", 0, 0), ("Vision", 1, 1)]
    assert [(member.team, member.user, member.role) for member in accounts.members("Vision")] == [("Vision", "anna", Role.ADMIN)]


def test_a_name_is_taken_however_it_is_written(accounts):
    """Two teams, or two users, whose names people cannot tell apart cannot be."""
    accounts.make_team("Vision", by=OPERATOR)
    add_user(accounts, "Anna")
    with pytest.raises(PermanentError, match="there is a team Vision already"):
        accounts.make_team("vision", by=OPERATOR)
    with pytest.raises(PermanentError, match="there is a user Anna already"):
        accounts.make_user("ANNA", PASSWORD, by=OPERATOR)


def test_a_team_or_user_made_anew_inherits_nothing(accounts):
    """What belonged to one that was removed, memberships and keys, stays gone when the name is used again."""
    token = add_user(accounts, "anna")
    accounts.make_team("vision", by=OPERATOR)
    accounts.join("vision", "anna", Role.ADMIN, by=OPERATOR)
    of_team, of_anna = key_of(accounts, team="vision"), key_of(accounts, team="vision", owner="anna")
    accounts.remove_team("vision", by=OPERATOR)
    assert role_of_key(accounts, of_team, "vision") is None
    accounts.make_team("vision", by=OPERATOR)
    assert accounts.members("vision") == ()
    assert role_of_key(accounts, of_team, "vision") is role_of_key(accounts, of_anna, "vision") is None
    accounts.join("vision", "anna", Role.ADMIN, by=OPERATOR)
    accounts.remove_user("anna", by=OPERATOR)
    assert accounts.session(token) is None
    again = add_user(accounts, "anna")
    assert accounts.session(token) is None
    assert dict(accounts.principal_of_session(again).roles) == {}


def test_joining_again_changes_the_role_and_leaving_ends_it(accounts):
    """One membership for one user and team; who is no member cannot leave."""
    token = add_user(accounts, "anna")
    for role in (Role.VIEWER, Role.ADMIN):
        accounts.join("default", "anna", role, by=OPERATOR)
        assert accounts.principal_of_session(token).role_in("default") is role
    accounts.leave("default", "anna", by=OPERATOR)
    assert accounts.principal_of_session(token).role_in("default") is None
    with pytest.raises(NotFoundError, match="anna is no member of default"):
        accounts.leave("default", "anna", by=OPERATOR)


def test_what_does_not_exist_is_told_by_name(accounts):
    """Every change names what it could not find, and changes and writes down nothing."""
    before = accounts.audited()
    for change in (
        lambda: accounts.remove_team("vision", by=OPERATOR),
        lambda: accounts.members("vision"),
        lambda: accounts.join("default", "anna", Role.ADMIN, by=OPERATOR),
        lambda: accounts.join("vision", "anna", Role.ADMIN, by=OPERATOR),
        lambda: accounts.remove_user("anna", by=OPERATOR),
        lambda: accounts.set_password("anna", by=OPERATOR),
        lambda: accounts.set_site_admin("anna", site_admin=True, by=OPERATOR),
        lambda: accounts.make_key("default", "k", Scope.READ, owner="anna", by=OPERATOR),
        lambda: accounts.key("mw_aaaaaaaa"),
        lambda: accounts.revoke_key("nonsense", by=OPERATOR),
    ):
        with pytest.raises(NotFoundError):
            change()
    assert accounts.audited() == before


# ---------------------------------------------------------------------------------------------------------------------- keys


def test_a_key_may_what_its_scope_says_in_its_team(accounts):
    """Read is a viewer's, write a writer's, admin an admin's role; no key is a site admin or anything in another team."""
    accounts.make_team("vision", by=OPERATOR)
    for scope, role in ((Scope.READ, Role.VIEWER), (Scope.WRITE, Role.WRITER), (Scope.ADMIN, Role.ADMIN)):
        made = accounts.make_key("vision", "trainer", scope, by=OPERATOR)
        principal = accounts.principal_of_key(made.text, HERE)
        assert (principal.kind, principal.name, principal.owner) == (PrincipalKind.KEY, made.key.prefix, None)
        assert dict(principal.roles) == {"vision": role}
        assert principal.home_team == "vision"
        assert not principal.is_site_admin


def test_a_key_never_may_more_than_its_owner(accounts):
    """It follows its owner's role down and up again, and is not let in while they are no member."""
    add_user(accounts, "anna")
    accounts.join("default", "anna", Role.ADMIN, by=OPERATOR)
    text = key_of(accounts, scope=Scope.WRITE, owner="anna")
    assert role_of_key(accounts, text) is Role.WRITER
    accounts.join("default", "anna", Role.VIEWER, by=OPERATOR)
    assert role_of_key(accounts, text) is Role.VIEWER
    accounts.leave("default", "anna", by=OPERATOR)
    assert role_of_key(accounts, text) is None
    assert accounts.key(text).state is KeyState.ORPHANED
    accounts.join("default", "anna", Role.WRITER, by=OPERATOR)
    assert role_of_key(accounts, text) is Role.WRITER


def test_nobody_gets_a_key_for_more_than_they_may(accounts):
    """Neither a viewer one for writing nor a stranger any; nothing is left of the attempt."""
    add_user(accounts, "anna")
    with pytest.raises(PermanentError, match="anna is no member of default"):
        key_of(accounts, owner="anna")
    accounts.join("default", "anna", Role.VIEWER, by=OPERATOR)
    with pytest.raises(PermanentError, match="anna is only viewer in default"):
        key_of(accounts, owner="anna")
    assert accounts.keys() == ()
    assert role_of_key(accounts, key_of(accounts, scope=Scope.READ, owner="anna")) is Role.VIEWER


def test_a_site_admin_has_keys_of_any_team(accounts):
    """Until they are no site admin any more."""
    add_user(accounts, "anna", site_admin=True)
    text = key_of(accounts, scope=Scope.ADMIN, owner="anna")
    assert role_of_key(accounts, text) is Role.ADMIN
    accounts.set_site_admin("anna", site_admin=False, by=OPERATOR)
    assert role_of_key(accounts, text) is None


def test_keys_that_are_not_good_look_alike_to_the_caller_and_different_in_the_audit(accounts, clock):
    """Unknown, wrong, malformed, expired, revoked, orphaned: the answer is the same, and the audit tells which it was."""
    add_user(accounts, "anna", site_admin=True)
    good = key_of(accounts)
    wrong = good[:12] + key_of(accounts)[12:]
    unknown = "mw_aaaaaaaa_" + good[12:]
    expired = key_of(accounts, expires=clock.now() + 10)
    revoked, orphaned = key_of(accounts), key_of(accounts, owner="anna")
    accounts.revoke_key(revoked, by=OPERATOR)
    accounts.set_site_admin("anna", site_admin=False, by=OPERATOR)
    clock.advance(10)
    for text in (unknown, "PAPERSPACE-key", wrong, expired, revoked, orphaned):
        assert accounts.principal_of_key(text, HERE) is None
    assert reasons(accounts) == ["no such key", "no such key", "its secret is wrong", "expired", "revoked", "orphaned"]
    last = accounts.audited(team="default")[0]
    assert (last.who, last.what, last.subject, last.address) == ("anonymous", "key-refused", orphaned[:11], HERE)
    assert [entry.outcome for entry in accounts.audited() if not entry.team and entry.what == "key-refused"] == ["no such key"] * 2
    assert accounts.principal_of_key(good, HERE) is not None


def test_a_revoked_key_stays_revoked_since_then(accounts, clock):
    """Revoking twice is no error, and the first time counts."""
    text = key_of(accounts)
    at = clock.now()
    assert accounts.revoke_key(text[:11], by=OPERATOR).state is KeyState.REVOKED
    clock.advance(10)
    assert accounts.revoke_key(text, by=OPERATOR).revoked == at
    assert [entry.what for entry in accounts.audited()].count("key-revoked") == 1


def test_a_key_cannot_have_expired_before_it_is_made(accounts, clock):
    """That is a typing error and not a key."""
    with pytest.raises(UsageError):
        key_of(accounts, expires=clock.now())
    assert accounts.keys() == ()


def test_keys_are_listed_by_team_and_owner_without_their_secrets(accounts, clock):
    """All of them, the oldest first; their texts are nowhere, not in what is printed of a new one either."""
    add_user(accounts, "anna", site_admin=True)
    accounts.make_team("Vision", by=OPERATOR)
    first = accounts.make_key("default", "one", Scope.READ, by=OPERATOR)
    clock.advance(1)
    second = accounts.make_key("vision", "two", Scope.READ, owner="ANNA", by=OPERATOR)
    everyones = accounts.keys()
    assert [key.name for key in everyones] == ["one", "two"]
    assert [key.name for key in accounts.keys(team="vision")] == [key.name for key in accounts.keys(owner="Anna")] == ["two"]
    assert accounts.key(second.text) == second.key
    assert first.text[12:] not in repr(first) + repr(everyones)


def test_the_use_of_a_key_is_told_to_the_minute(accounts, clock):
    """One write a minute at most, however often it is used."""
    text = key_of(accounts)
    assert accounts.key(text).last_used is None
    began = clock.now()
    for _ in range(5):
        accounts.principal_of_key(text, HERE)
        clock.advance(13)
    assert accounts.key(text).last_used == began
    clock.advance(60)
    accounts.principal_of_key(text, HERE)
    assert accounts.key(text).last_used == clock.now()


# --------------------------------------------------------------------------------------------------------------------- audit


def test_every_change_is_written_down_with_who_and_where_from(accounts):
    """The audit tells who did what to what, from which address, in the order it was done, and never a secret."""
    anna = add_user(accounts, "anna", site_admin=True)
    by = accounts.principal_of_session(anna)
    accounts.make_team("Vision", by=by, address=HERE)
    accounts.join("vision", "anna", Role.WRITER, by=by)
    made = accounts.make_key("vision", "trainer", Scope.WRITE, owner="anna", by=by)
    accounts.audit(by, "model-deleted", team="Vision", subject="digits", address=HERE)
    accounts.revoke_key(made.text, by=by)
    accounts.leave("vision", "anna", by=by)
    accounts.remove_team("VISION", by=by)
    shown = [(e.who, e.what, e.team, e.subject, e.detail) for e in reversed(accounts.audited(team="Vision"))]
    assert shown == [
        ("user:anna", "team-made", "Vision", "", ""),
        ("user:anna", "joined", "Vision", "anna", "writer"),
        ("user:anna", "key-made", "Vision", made.key.prefix, "write, trainer, owner anna"),
        ("user:anna", "model-deleted", "Vision", "digits", ""),
        ("user:anna", "key-revoked", "Vision", made.key.prefix, "trainer"),
        ("user:anna", "left", "Vision", "anna", ""),
        ("user:anna", "team-removed", "Vision", "", ""),
    ]
    everything = repr(accounts.audited())
    assert made.text[12:] not in everything
    assert PASSWORD not in everything


def test_the_audit_is_read_in_pages(accounts):
    """The newest first, each page those before the last of the one before."""
    for number in range(7):
        accounts.audit(OPERATOR, "counted", team="a" if number % 2 else "b", detail=str(number))
    first = accounts.audited(limit=3)
    second = accounts.audited(limit=3, before=first[-1].id)
    assert [entry.detail for entry in (*first, *second)] == ["6", "5", "4", "3", "2", "1"]
    assert [entry.detail for entry in accounts.audited(team="a", limit=2, before=first[0].id)] == ["5", "3"]


def test_the_database_itself_lets_nobody_change_the_audit(accounts, tmp_path):
    """Not by a mistake of ours either: SQLite refuses to update or delete its rows."""
    accounts.audit(OPERATOR, "counted")
    with sqlite3.connect(accounts_path(tmp_path)) as connection:
        for statement in ("UPDATE audit SET who = 'nobody'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="the audit is not"):
                connection.execute(statement)
    connection.close()


def test_text_from_outside_is_written_down_in_one_line(accounts):
    """Control characters and lone surrogates are escaped, and what is endless is cut."""
    accounts.audit(ANONYMOUS, "asked", subject="a\nb\x1b[31m\ud800", address="x" * 9999)
    entry = accounts.audited()[0]
    assert entry.subject == "a\\nb\\x1b[31m\\ud800"
    assert len(entry.address) == 500


# ------------------------------------------------------------------------------------------------------------------ the file


def test_the_database_is_for_its_owner_alone(accounts, tmp_path):
    """Its folder, the file and what SQLite puts beside it; a copy that was put there with another mode is made so."""
    add_user(accounts, "anna")
    folder = accounts_path(tmp_path).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "accounts.db": 0o600,
        "accounts.db-shm": 0o600,
        "accounts.db-wal": 0o600,
    }
    accounts_path(tmp_path).chmod(0o644)
    open_accounts(tmp_path).close()
    assert stat.S_IMODE(accounts_path(tmp_path).stat().st_mode) == 0o600


def test_a_file_that_is_not_ours_is_refused(tmp_path):
    """Another database, the database of a newer modelwatch, or no database at all."""
    path = accounts_path(tmp_path)
    open_accounts(tmp_path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateError, match="written by a newer modelwatch"):
        open_accounts(tmp_path)
    path.write_bytes(b"something else that is no database" * 100)
    with pytest.raises(StateError, match="not a database"):
        open_accounts(tmp_path)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    with pytest.raises(StateError, match="not a database of accounts of modelwatch"):
        open_accounts(tmp_path)


def test_accounts_that_nobody_made_are_not_found(tmp_path):
    """Looking makes nothing."""
    with pytest.raises(NotFoundError):
        Accounts.open(accounts_path(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_nobody_is_let_in_when_the_database_is_gone(accounts, tmp_path):
    """A server whose accounts were deleted under it is not open: it says what is wrong until they are back."""
    text = key_of(accounts)
    path = accounts_path(tmp_path)
    path.rename(path.with_name("elsewhere.db"))
    for ask in (lambda: accounts.principal_of_key(text, HERE), accounts.is_open, accounts.teams):
        with pytest.raises(StateError, match="is gone"):
            ask()
    assert not path.exists()


def test_a_database_that_was_put_back_is_used_at_once(accounts, tmp_path):
    """A restored copy replaces the file under a running server, which then knows what the copy knows and no more."""
    before = key_of(accounts)
    path, copy = accounts_path(tmp_path), tmp_path / "copy.db"
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    after = key_of(accounts)
    accounts.revoke_key(before, by=OPERATOR)
    for name in ("accounts.db-wal", "accounts.db-shm"):
        path.with_name(name).unlink()
    copy.replace(path)
    assert role_of_key(accounts, before) is Role.WRITER
    assert role_of_key(accounts, after) is None
