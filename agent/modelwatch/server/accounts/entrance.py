"""Who is let in, by a key, a password or a session, and who has to wait because they guess."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import threading
from collections.abc import Callable

from modelwatch.core.clock import Clock
from modelwatch.core.errors import StateError, UsageError
from modelwatch.server.accounts import keys, passwords, sessions, trail, users
from modelwatch.server.accounts.database import Database
from modelwatch.server.accounts.entities import Session, SignedIn
from modelwatch.server.accounts.names import folded, user_name
from modelwatch.server.accounts.principal import ANONYMOUS, Principal, PrincipalKind
from modelwatch.server.accounts.secret_texts import read_key
from modelwatch.server.accounts.throttle import Pace, Refused, Throttle, network_of
from modelwatch.server.accounts.trail import Deed

_PACES = {
    "address": Pace(free=20, longest_seconds=900.0),
    # Waits for a name are short: whoever guesses at somebody's password must not be able to keep them out.
    "name": Pace(free=5, longest_seconds=60.0),
    # A right key is never refused, so these waits only spare the disk what a wrong one would write into the audit.
    "key address": Pace(free=20, longest_seconds=900.0),
    "key": Pace(free=5, longest_seconds=900.0),
}
_PASSWORDS_AT_ONCE = 4
_BUSY = Refused(1.0)
_TOLD_EVERY_SECONDS = 60.0


class Entrance:
    """
    Lets people and keys in. May be used by many threads.

    Args:
        database: The accounts.

        clock: The time.

        cost: What a guess at a password costs that is set from now on.
    """

    def __init__(self, database: Database, clock: Clock, cost: passwords.Cost) -> None:
        self._database = database
        self._clock = clock
        self._cost = cost
        self._throttle = Throttle(clock, _PACES)
        self._checking = threading.BoundedSemaphore(_PASSWORDS_AT_ONCE)
        self._nobodys = passwords.nobodys(cost)

    # --------------------------------------------------------------------------------------------------------------- keys

    def principal_of_key(self, text: str, address: str) -> Principal | Refused | None:
        """
        Return who shows a key.

        A key that is unknown, wrong, expired, revoked or orphaned is None, whichever it is; the audit tells which. After some of those
        they are Refused for a while. A good key is let in even then: nobody can guess one, and an agent must not suffer for its neighbour.

        Raises:
            StateError: The accounts cannot be read.
        """
        now = self._clock.now()
        secret = read_key(text)
        with self._database.reading() as connection:
            shown = keys.shown(connection, secret, now)
        if isinstance(shown.principal, Principal):
            if self._is_old(shown.last_used, now):
                prefix = shown.principal.name
                self._tell(lambda connection: keys.tell_use(connection, prefix, now))
            return shown.principal
        prefix = secret.prefix if secret else ""
        subjects = [("key address", network_of(address)), *([("key", prefix)] if prefix else [])]
        refused = self._throttle.attempt(subjects)
        if refused is None:
            deed = Deed(ANONYMOUS, "key-refused", shown.team, prefix, address=address)
            with self._database.writing() as connection:
                trail.write(connection, deed, now, shown.principal)
        return refused

    # ----------------------------------------------------------------------------------------------------------- sessions

    def login(self, name: str, password: str, address: str) -> SignedIn | Refused | None:
        """
        Begin a session.

        Returns:
            The session, None when user and password do not fit together, whichever is wrong, or Refused after some of those.

        Raises:
            StateError: The accounts cannot be read or written.
        """
        found = self._checked("login", name, password, address)
        if not isinstance(found, sqlite3.Row):
            return found
        sealed = found["password"]
        if passwords.cost_of(sealed) != self._cost:
            sealed = passwords.seal(password, self._cost)
        keep = functools.partial(users.seal_again, user=found["id"], password=sealed)
        return self._begin("login", found, address, keep)

    def change_password(self, token: str, old: str, new: str, address: str) -> SignedIn | Refused | None:
        """
        Let the user of a session choose another password.

        All their sessions end, and a new one begins.

        Args:
            token: The session's.

            old: The password as it is, or the one-time password.

            new: The password as it is to be.

            address: Where the request comes from.

        Returns:
            The new session, None when there is no such session or `old` is wrong, Refused after some of the latter.

        Raises:
            UsageError: `new` is too easy to guess, or is `old`.

            StateError: The accounts cannot be read or written.
        """
        session = self.session(token)
        if session is None:
            return None
        name = session.principal.name
        passwords.checked_password(new, name)
        if new == old:
            raise UsageError("the new password is the old one")
        found = self._checked("password-changed", name, old, address)
        if not isinstance(found, sqlite3.Row):
            return found
        sealed = passwords.seal(new, self._cost)
        change = functools.partial(users.set_password, user=found["id"], password=sealed, one_time_until=None)
        return self._begin("password-changed", found, address, change)

    def session(self, token: str) -> Session | None:
        """Return a session that is going on, None when there is none or it is over. Raise StateError."""
        now = self._clock.now()
        with self._database.reading() as connection:
            row = sessions.find(connection, token, now)
            if row is None:
                return None
            session = sessions.told(connection, row, token, now)
        if self._is_old(row["seen"], now):
            digest = row["digest"]
            self._tell(lambda connection: sessions.tell_use(connection, digest, now))
        return session

    def logout(self, token: str, address: str) -> None:
        """End a session; one that is over already stays so. Raise StateError."""
        now = self._clock.now()
        with self._database.writing() as connection:
            row = sessions.find(connection, token, now)
            if row is not None:
                sessions.end(connection, row["digest"])
                trail.write(connection, Deed(_user(row["name"]), "logout", address=address), now)

    # ---------------------------------------------------------------------------------------------------------- passwords

    def _checked(self, what: str, name: str, password: str, address: str) -> sqlite3.Row | Refused | None:
        """Return the user whose name and password these are, None when they are nobody's; that takes as long and is written down."""
        try:
            known = folded(user_name(name))
        except UsageError:
            known = ""
        subjects = (("address", network_of(address)), ("name", known))
        refused = self._throttle.attempt(subjects)
        if refused is not None:
            return refused
        if not self._checking.acquire(blocking=False):
            for subject in subjects:
                self._throttle.take_back(subject)
            return _BUSY
        try:
            with self._database.reading() as connection:
                row = users.lookup(connection, known)
            right = passwords.matches(password, row["password"] if row else self._nobodys)
        finally:
            self._checking.release()
        if right:
            self._throttle.take_back(subjects[0])
            self._throttle.forgive(subjects[1])
        if row is None:
            why = "no such user"
        elif not right:
            why = "wrong password"
        elif row["one_time_until"] is not None and row["one_time_until"] <= self._clock.now():
            why = "the one-time password has expired"
        else:
            return row
        self._write_refusal(what, name, address, why)
        return None

    def _begin(self, what: str, found: sqlite3.Row, address: str, update: Callable[[sqlite3.Connection], None]) -> SignedIn | None:
        """Begin a session for a user whose password was right, unless somebody changed it meanwhile."""
        now = self._clock.now()
        with self._database.writing() as connection:
            present = users.lookup(connection, found["folded"])
            is_same = present is not None and present["password"] == found["password"]
            if is_same:
                update(connection)
                token = sessions.begin(connection, users.find(connection, found["name"]), now)
                trail.write(connection, Deed(_user(found["name"]), what, address=address), now)
        if not is_same:
            self._write_refusal(what, found["name"], address, "the password was changed meanwhile")
            return None
        session = self.session(token)
        return None if session is None else SignedIn(token, session)

    def _write_refusal(self, what: str, name: str, address: str, why: str) -> None:
        with self._database.writing() as connection:
            trail.write(connection, Deed(ANONYMOUS, what, subject=name, address=address), self._clock.now(), why)

    # --------------------------------------------------------------------------------------------------------------- uses

    @staticmethod
    def _is_old(told: float | None, now: float) -> bool:
        """Return whether a use that is written down is so old that the next should be: a write for every request would be too many."""
        return told is None or now - told >= _TOLD_EVERY_SECONDS

    def _tell(self, write: Callable[[sqlite3.Connection], None]) -> None:
        """Write a use down, as well as can be: a full disk keeps nobody from reading."""
        with contextlib.suppress(StateError), self._database.writing() as connection:
            write(connection)


def _user(name: str) -> Principal:
    return Principal(PrincipalKind.USER, name)
