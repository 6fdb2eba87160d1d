"""Whatever is joined, left, made, removed, revoked or expired, what somebody may is what a simple model says."""

import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from account_makers import HERE, OPERATOR, add_user, open_accounts
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelwatch.core.errors import ModelwatchError
from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import Principal, Role
from modelwatch.testing.clock import FakeClock

TEAMS, USERS = ("default", "vision"), ("anna", "ben")
ROLES = list(Role)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # thousands of commits that need to survive nothing


@dataclass
class Person:
    """A user as the model knows them; one that is made anew is another."""

    token: str
    site_admin: bool = False
    gone: bool = False
    roles: dict[str, Role] = field(default_factory=dict)

    def role_in(self, team):
        """Return their role: nothing after they have gone, everything for site admins."""
        if self.gone:
            return None
        return Role.ADMIN if self.site_admin else self.roles.get(team)


@dataclass
class Key:
    """A key as the model knows it."""

    text: str
    team: str
    scope: Scope
    owner: Person | None
    expires: float | None
    revoked: bool = False

    def role_in(self, team, now):
        """Return its role: never more than its owner's."""
        if self.revoked or team != self.team or (self.expires is not None and self.expires <= now):
            return None
        if self.owner is None:
            return self.scope.role
        own = self.owner.role_in(team)
        return own and min(self.scope.role, own, key=ROLES.index)


class AccountsModel(RuleBasedStateMachine):
    """Does things to accounts and to the model of them, and asks both who may what."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="modelwatch-test-", dir=MEMORY)
        self.clock = FakeClock()
        self.accounts = open_accounts(Path(self.folder.name), self.clock)
        self.teams, self.people, self.keys, self.everyone = {"default"}, {}, [], []

    def teardown(self):
        """Take everything away."""
        self.accounts.close()
        self.folder.cleanup()

    @initialize()
    def begin_with_somebody(self):
        """Begin with a team, people in it and keys of it, so that what is done next has something to change."""
        self.make_team("vision")
        for user in USERS:
            self.make_user(user, site_admin=False)
            self.join(user, "vision", Role.ADMIN)
        for owner in (*USERS, None):
            self.make_key("vision", Scope.WRITE, owner, None)

    def both(self, possible, change):
        """Do it: it works when the model says that it is possible, and is refused otherwise."""
        try:
            change()
        except ModelwatchError:
            assert not possible
        else:
            assert possible
        return possible

    @rule(team=st.sampled_from(TEAMS))
    def make_team(self, team):
        """Make a team, unless it is there."""
        if self.both(team not in self.teams, lambda: self.accounts.make_team(team, by=OPERATOR)):
            self.teams.add(team)

    @rule(team=st.sampled_from(TEAMS))
    def remove_team(self, team):
        """Remove a team: nobody has a role there any more, and its keys are over for good."""
        if self.both(team in self.teams, lambda: self.accounts.remove_team(team, by=OPERATOR)):
            self.teams.remove(team)
            for person in self.people.values():
                person.roles.pop(team, None)
            for key in self.keys:
                key.revoked |= key.team == team

    @rule(user=st.sampled_from(USERS), site_admin=st.booleans())
    def make_user(self, user, site_admin):
        """Make a user, unless they are there."""
        made = []
        if self.both(user not in self.people, lambda: made.append(add_user(self.accounts, user, site_admin=site_admin))):
            self.people[user] = Person(made[0], site_admin)
            self.everyone.append(self.people[user])

    @rule(user=st.sampled_from(USERS))
    def remove_user(self, user):
        """Remove a user: what was theirs is over for good."""
        if self.both(user in self.people, lambda: self.accounts.remove_user(user, by=OPERATOR)):
            person = self.people.pop(user)
            person.gone = True
            for key in self.keys:
                key.revoked |= key.owner is person

    @rule(user=st.sampled_from(USERS), site_admin=st.booleans())
    def set_site_admin(self, user, site_admin):
        """Make a user a site admin, or no longer one."""
        if self.both(user in self.people, lambda: self.accounts.set_site_admin(user, site_admin=site_admin, by=OPERATOR)):
            self.people[user].site_admin = site_admin

    @rule(user=st.sampled_from(USERS), team=st.sampled_from(TEAMS), role=st.sampled_from(Role))
    def join(self, user, team, role):
        """Join a team, or change the role in it."""
        possible = user in self.people and team in self.teams
        if self.both(possible, lambda: self.accounts.join(team, user, role, by=OPERATOR)):
            self.people[user].roles[team] = role

    @rule(user=st.sampled_from(USERS), team=st.sampled_from(TEAMS))
    def leave(self, user, team):
        """Leave a team."""
        possible = user in self.people and team in self.people[user].roles
        if self.both(possible, lambda: self.accounts.leave(team, user, by=OPERATOR)):
            del self.people[user].roles[team]

    @rule(
        team=st.sampled_from(TEAMS),
        scope=st.sampled_from(Scope),
        owner=st.none() | st.sampled_from(USERS),
        lives=st.sampled_from([None, 10, 20]),
    )
    def make_key(self, team, scope, owner, lives):
        """Make a key, unless its owner may not do what it is for."""
        person = self.people.get(owner)
        role = person.role_in(team) if person else None
        possible = team in self.teams and (owner is None or (role is not None and role.covers(scope.role)))
        expires = None if lives is None else self.clock.now() + lives
        made = []
        if self.both(
            possible,
            lambda: made.append(self.accounts.make_key(team, "key", scope, owner=owner, expires=expires, by=OPERATOR)),
        ):
            self.keys.append(Key(made[0].text, team, scope, person, expires))

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def revoke_key(self, data):
        """Revoke one of the keys that were ever made."""
        key = data.draw(st.sampled_from(self.keys))
        self.accounts.revoke_key(key.text, by=OPERATOR)
        key.revoked = True

    @rule(seconds=st.sampled_from([5, 10]))
    def wait(self, seconds):
        """Let time pass."""
        self.clock.advance(seconds)

    @invariant()
    def everybody_may_what_the_model_says(self):
        """Each session and each key that there ever was, in each team, for each role."""
        for person in self.everyone:
            told = self.accounts.principal_of_session(person.token)
            assert (told is None) is person.gone
            self.compare(told, lambda team, person=person: person.role_in(team))
        for key in self.keys:
            told = self.accounts.principal_of_key(key.text, HERE)
            assert isinstance(told, Principal) is any(key.role_in(team, self.clock.now()) for team in TEAMS)
            self.compare(told, lambda team, key=key: key.role_in(team, self.clock.now()))

    @invariant()
    def members_are_listed_as_the_model_has_them(self):
        """Of each team that there is, each user that there is, with the role that they have."""
        for team in self.teams:
            told = {member.user: member.role for member in self.accounts.members(team)}
            assert told == {user: person.roles[team] for user, person in self.people.items() if team in person.roles}

    def compare(self, told, role_in):
        """Hold what the accounts say against the model."""
        for team, needed in itertools.product(TEAMS, Role):
            own = role_in(team)
            expected = own is not None and own.covers(needed)
            assert (isinstance(told, Principal) and told.may(team, needed)) is expected, (told, team, needed)


AccountsModel.TestCase.settings = settings(stateful_step_count=30)
TestAccountsModel = AccountsModel.TestCase
