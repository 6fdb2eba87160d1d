"""
Who may do what in a repository that is served: the one door to `accounts.db`.

A change is durable, and written in the audit, when its method returns; whoever asks next, in this process or another, sees it. What asks who somebody is may be
called for every request: it reads, and keeps nothing.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from modelwatch.core.clock import Clock, SystemClock
from modelwatch.core.database import rows
from modelwatch.core.errors import UsageError
from modelwatch.repository.json_shapes import timestamp
from modelwatch.server.accounts import keys, passwords, teams, trail, users
from modelwatch.server.accounts.database import ACCOUNTS, Database
from modelwatch.server.accounts.entities import ApiKey, AuditEntry, Member, NewKey, Scope, Session, SignedIn, Team, User
from modelwatch.server.accounts.entrance import Entrance
from modelwatch.server.accounts.names import folded
from modelwatch.server.accounts.principal import Principal, PrincipalKind, Role
from modelwatch.server.accounts.throttle import Refused
from modelwatch.server.accounts.trail import Deed

ONE_TIME_SECONDS = 7 * 86_400.0
"""How long a one-time password is good."""


class Accounts:
    """
    The accounts of one repository. A context manager. May be used by many threads and many processes at once.

    Every method raises StateError when the database cannot be read or written. Those that change something take `by`, who does it, and
    `address`, where from, for the audit; whether they may is the caller's to ask of `Principal`.
    """

    def __init__(self, database: Database, clock: Clock, cost: passwords.Cost) -> None:
        self._database = database
        self._clock = clock
        self._cost = cost
        self._entrance = Entrance(database, clock, cost)

    @classmethod
    def open(
        cls, path: Path, *, create: bool = False, clock: Clock | None = None, cost: passwords.Cost = passwords.DEFAULT_COST
    ) -> Self:
        """
        Open accounts.

        Args:
            path: The database, as `accounts_path` gives it.

            create: Make it when it is missing.

            clock: The time.

            cost: What a guess at a password costs that is set from now on.

        Raises:
            NotFoundError: It is missing.

            StateError: It cannot be opened, is something else, or was written by a newer modelwatch.
        """
        return cls(Database(path, create=create), clock or SystemClock(), cost)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    # ------------------------------------------------------------------------------------------------------------ who asks

    def is_open(self) -> bool:
        """
        Return whether there never was a user or a key.

        It stays false when the last of them is removed: a server that had accounts must not become everybody's.
        """
        with self._database.reading() as connection:
            found = rows(connection, ACCOUNTS, "SELECT EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM keys)")
        return not found[0][0]

    def principal_of_key(self, text: str, address: str) -> Principal | Refused | None:
        """Return who shows a key, None when it is not good, Refused for a while after several of those. As `Entrance` has it."""
        return self._entrance.principal_of_key(text, address)

    def principal_of_session(self, token: str) -> Principal | None:
        """Return whose session goes on, or None. `session` tells more."""
        session = self.session(token)
        return None if session is None else session.principal

    def session(self, token: str) -> Session | None:
        """Return a session that is going on, or None."""
        return self._entrance.session(token)

    def standing(self, kind: PrincipalKind, name: str) -> Principal | None:
        """Return what somebody may now who was known before, by key or as a user; None when they are nobody any more."""
        now = self._clock.now()
        with self._database.reading() as connection:
            if kind is PrincipalKind.KEY:
                return keys.standing(connection, name, now)
            row = users.lookup(connection, folded(name)) if kind is PrincipalKind.USER else None
            return None if row is None else users.principal(connection, row, now)

    def login(self, name: str, password: str, address: str) -> SignedIn | Refused | None:
        """Begin a session; None when name and password do not fit, Refused for a while after several of those. As `Entrance` has it."""
        return self._entrance.login(name, password, address)

    def logout(self, token: str, address: str = "") -> None:
        """End a session."""
        self._entrance.logout(token, address)

    def change_password(self, token: str, old: str, new: str, address: str) -> SignedIn | Refused | None:
        """Let the user of a session choose another password; a new session replaces all of theirs. As `Entrance` has it."""
        return self._entrance.change_password(token, old, new, address)

    # --------------------------------------------------------------------------------------------------------------- teams

    def teams(self) -> tuple[Team, ...]:
        """Return all teams, by name."""
        with self._database.reading() as connection:
            return teams.listed(connection, self._clock.now())

    def make_team(self, name: str, *, by: Principal, address: str = "") -> None:
        """Make a team. Raise UsageError for what can be no team's name, PermanentError when there is one of that name."""
        now = self._clock.now()
        with self._database.writing() as connection:
            teams.make(connection, name, now)
            trail.write(connection, Deed(by, "team-made", name, address=address), now)

    def remove_team(self, name: str, *, by: Principal, address: str = "") -> None:
        """
        Remove a team: its memberships end and its keys are revoked. Its models stay in the repository.

        Raises:
            NotFoundError: There is no such team.
        """
        now = self._clock.now()
        with self._database.writing() as connection:
            team = teams.find(connection, name)
            teams.remove(connection, team["id"], now)
            trail.write(connection, Deed(by, "team-removed", team["name"], address=address), now)

    def members(self, team: str) -> tuple[Member, ...]:
        """Return a team's members, by name. Raise NotFoundError when there is no such team."""
        with self._database.reading() as connection:
            return teams.members(connection, teams.find(connection, team)["id"])

    def join(self, team: str, user: str, role: Role, *, by: Principal, address: str = "") -> None:
        """
        Make a user a member of a team, or give a member another role.

        Raises:
            NotFoundError: One of them does not exist.

            PermanentError: It would leave the team without an admin, and `by` is none of the whole server.
        """
        now = self._clock.now()
        with self._database.writing() as connection:
            team_row, user_row = teams.find(connection, team), users.find(connection, user)
            if role is not Role.ADMIN and not by.is_site_admin:
                teams.require_another_admin(connection, team_row, user_row)
            teams.join(connection, team_row["id"], user_row["id"], role, now)
            trail.write(connection, Deed(by, "joined", team_row["name"], user_row["name"], role.value, address), now)

    def leave(self, team: str, user: str, *, by: Principal, address: str = "") -> None:
        """End a membership. Raise NotFoundError when there is none, and PermanentError as `join`."""
        with self._database.writing() as connection:
            team_row, user_row = teams.find(connection, team), users.find(connection, user)
            if not by.is_site_admin:
                teams.require_another_admin(connection, team_row, user_row)
            teams.leave(connection, team_row, user_row)
            trail.write(connection, Deed(by, "left", team_row["name"], user_row["name"], address=address), self._clock.now())

    # --------------------------------------------------------------------------------------------------------------- users

    def users(self) -> tuple[User, ...]:
        """Return all users, by name."""
        with self._database.reading() as connection:
            return users.listed(connection)

    def make_user(
        self, name: str, password: str | None = None, *, site_admin: bool = False, by: Principal, address: str = ""
    ) -> str | None:
        """
        Make a user.

        Args:
            name: What they sign in with.

            password: None to have a one-time password made.

            site_admin: Admin of every team and of the server.

            by: Who does it.

            address: Where from.

        Returns:
            The one-time password, which is told here only; None when a password was given.

        Raises:
            UsageError: The name cannot be one, or the password is too easy to guess.

            PermanentError: There is a user of that name.
        """
        one_time, sealed, until = self._sealed(name, password)
        detail, now = "site admin" if site_admin else "", self._clock.now()
        with self._database.writing() as connection:
            users.make(connection, name, sealed, one_time_until=until, site_admin=site_admin, now=now)
            trail.write(connection, Deed(by, "user-made", subject=name, detail=detail, address=address), now)
        return one_time

    def remove_user(self, name: str, *, by: Principal, address: str = "") -> None:
        """Remove a user: their sessions and memberships end, their keys are revoked. Raise NotFoundError."""
        now = self._clock.now()
        with self._database.writing() as connection:
            user = users.find(connection, name)
            users.remove(connection, user["id"], now)
            trail.write(connection, Deed(by, "user-removed", subject=user["name"], address=address), now)

    def set_password(self, name: str, password: str | None = None, *, by: Principal, address: str = "") -> str | None:
        """
        Set a user's password without knowing the old one; their sessions end.

        Returns:
            The one-time password that was made when `password` is None.

        Raises:
            UsageError: The password is too easy to guess.

            NotFoundError: There is no such user.
        """
        one_time, sealed, until = self._sealed(name, password)
        detail = "one-time" if one_time else ""
        with self._database.writing() as connection:
            user = users.find(connection, name)
            users.set_password(connection, user["id"], sealed, one_time_until=until)
            deed = Deed(by, "password-set", subject=user["name"], detail=detail, address=address)
            trail.write(connection, deed, self._clock.now())
        return one_time

    def set_site_admin(self, name: str, *, site_admin: bool, by: Principal, address: str = "") -> None:
        """Make a user an admin of the server, or no longer one. Raise NotFoundError."""
        what = "site-admin-given" if site_admin else "site-admin-taken"
        with self._database.writing() as connection:
            user = users.find(connection, name)
            users.set_site_admin(connection, user["id"], site_admin=site_admin)
            trail.write(connection, Deed(by, what, subject=user["name"], address=address), self._clock.now())

    def _sealed(self, name: str, password: str | None) -> tuple[str | None, str, float | None]:
        """Return the one-time password if one is made, what to keep, and until when it is good."""
        if password is not None:
            return None, passwords.seal(passwords.checked_password(password, name), self._cost), None
        made = passwords.one_time_password()
        return made, passwords.seal(made, self._cost), self._clock.now() + ONE_TIME_SECONDS

    # ---------------------------------------------------------------------------------------------------------------- keys

    def keys(self, *, team: str | None = None, owner: str | None = None) -> tuple[ApiKey, ...]:
        """Return all keys, or those of a team or of an owner, the oldest first: revoked and expired ones too."""
        with self._database.reading() as connection:
            return keys.listed(connection, self._clock.now(), team=team, owner=owner)

    def key(self, named: str) -> ApiKey:
        """Return a key that is named by its prefix or by itself. Raise NotFoundError."""
        with self._database.reading() as connection:
            return keys.told(keys.find(connection, named), self._clock.now())

    def make_key(  # noqa: PLR0913 - what a key is, by keyword
        self,
        team: str,
        name: str,
        scope: Scope,
        *,
        owner: str | None = None,
        expires: float | None = None,
        by: Principal,
        address: str = "",
    ) -> NewKey:
        """
        Make a key.

        Args:
            team: The one team that it is for.

            name: What people call it.

            scope: What it is for.

            owner: The user whose it is: it never may more than they may. None for a key of the team itself.

            expires: When it ends, None for never.

            by: Who does it.

            address: Where from.

        Raises:
            NotFoundError: There is no such team or user.

            UsageError: The name cannot be one, or it would have expired already.

            PermanentError: The owner may not do what the key is for.
        """
        now = self._clock.now()
        with self._database.writing() as connection:
            team_row = teams.find(connection, team)
            owner_row = None if owner is None else users.find(connection, owner)
            text = keys.make(connection, name=name, team=team_row, scope=scope, owner=owner_row, expires=expires, now=now)
            key = keys.told(keys.find(connection, text), now)
            detail = f"{scope.value}, {key.name}" + (f", owner {key.owner}" if key.owner else "")
            trail.write(connection, Deed(by, "key-made", key.team, key.prefix, detail, address), now)
        return NewKey(key, text)

    def revoke_key(self, named: str, *, by: Principal, address: str = "") -> ApiKey:
        """End a key, named by its prefix or by itself; one that was revoked before stays as it is. Raise NotFoundError."""
        now = self._clock.now()
        with self._database.writing() as connection:
            key = keys.told(keys.find(connection, named), now)
            if key.revoked is None:
                keys.revoke(connection, key.prefix, now)
                trail.write(connection, Deed(by, "key-revoked", key.team, key.prefix, key.name, address), now)
            return keys.told(keys.find(connection, key.prefix), now)

    # --------------------------------------------------------------------------------------------------------------- audit

    def audit(  # noqa: PLR0913 - the columns of one row
        self,
        by: Principal,
        what: str,
        *,
        team: str = "",
        subject: str = "",
        detail: str = "",
        address: str = "",
        outcome: str = trail.OK,
    ) -> None:
        """Write down what somebody did, or was refused. What this class does itself it writes itself."""
        with self._database.writing() as connection:
            trail.write(connection, Deed(by, what, team, subject, detail, address), self._clock.now(), outcome)

    def audited(self, *, team: str | None = None, before: int | None = None, limit: int = 100) -> tuple[AuditEntry, ...]:
        """Return what was written down, of a team or all of it, the newest first: at most `limit` entries before the one with id `before`."""
        with self._database.reading() as connection:
            return trail.entries(connection, team, before, limit)

    def audit_of(self, team: str, *, skip: int, limit: int) -> tuple[AuditEntry, ...]:
        """Return what was written down of a team, the newest first: at most `limit` entries, without the newest `skip`."""
        with self._database.reading() as connection:
            return trail.newest(connection, team, skip, limit)

    def forget_audit(self, days: float, *, by: Principal) -> int:
        """
        Remove what was written down more than some days ago, and return how many entries that were; that it was done is written down.

        Raises:
            UsageError: The days are fewer than `trail.LEAST_DAYS`: what somebody did wrong must not be forgotten at once.
        """
        if days < trail.LEAST_DAYS:
            raise UsageError(f"the audit is kept for at least {trail.LEAST_DAYS} days")
        now = self._clock.now()
        before, count = now - days * 86_400.0, 0
        while True:
            with self._database.writing() as connection:
                removed = trail.forget(connection, before)
                count += removed
                if not removed:
                    if count:
                        detail = f"{count} entries from before {timestamp(before)}"
                        trail.write(connection, Deed(by, "audit-shortened", detail=detail), now)
                    return count
