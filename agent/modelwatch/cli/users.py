"""`modelwatch users`: who may sign in to a served repository."""

from __future__ import annotations

import argparse

from modelwatch.cli import output
from modelwatch.cli.accounts_selection import add_parser, add_yes, at_work, open_accounts, open_if_there
from modelwatch.cli.arguments import Subparsers
from modelwatch.cli.passwords import add_password, password_of, tell_one_time
from modelwatch.cli.teams import add_role
from modelwatch.core.errors import NotFoundError
from modelwatch.server.accounts.accounts import Accounts
from modelwatch.server.accounts.entities import User
from modelwatch.server.accounts.json_shapes import user_json
from modelwatch.server.accounts.names import folded
from modelwatch.server.accounts.principal import Role

NAME = "users"

_EXAMPLES = """\
examples:
  modelwatch users add anna                                prints a one-time password
  modelwatch users add ben --join vision --role writer
  modelwatch users password anna --askPassword
"""


def add_to(subparsers: Subparsers) -> None:
    """Add the command and its subcommands."""
    parser = subparsers.add_parser(
        NAME,
        help="list, make and remove the users of a served repository",
        description="List, make and remove the users of a repository that is served. Runs where the repository is.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    parser = add_parser(actions, "list", text="List the users.", examples="  modelwatch users list")
    parser.set_defaults(handle=_list)

    parser = add_parser(
        actions,
        "add",
        text="Make a user and print a one-time password. The first user is a site admin.",
        examples="  modelwatch users add anna\n  modelwatch users add ben --join vision --role writer\n"
        "  pass show modelwatch/ben | modelwatch users add ben --passwordFile -",
    )
    _add_name(parser)
    add_password(parser)
    parser.add_argument(
        "--siteAdmin", "--site-admin", action="store_true", dest="site_admin", help="admin of every team and of the server"
    )
    parser.add_argument("--join", metavar="TEAM", action="append", default=[], help="a team to be in; may be given several times")
    add_role(parser)
    parser.set_defaults(handle=_add)

    parser = add_parser(
        actions,
        "remove",
        text="Remove a user: their sessions and memberships end, and their keys are revoked.",
        examples="  modelwatch users remove anna",
    )
    _add_name(parser)
    add_yes(parser)
    parser.set_defaults(handle=_remove)

    parser = add_parser(
        actions,
        "password",
        text="Set a user's password and end their sessions; print a one-time password unless told where another comes from.",
        examples="  modelwatch users password anna\n  modelwatch users password anna --askPassword",
    )
    _add_name(parser)
    add_password(parser)
    parser.set_defaults(handle=_password)

    parser = add_parser(
        actions,
        "admin",
        text="Make a user an admin of every team and of the server, or with --remove no longer one.",
        examples="  modelwatch users admin anna\n  modelwatch users admin anna --remove",
    )
    _add_name(parser)
    parser.add_argument("--remove", action="store_true", help="take it from them instead")
    parser.set_defaults(handle=_admin)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="USER", help="the user's name, which may be a mail address")


def _list(arguments: argparse.Namespace) -> int:
    accounts = open_if_there(arguments)
    users: tuple[User, ...] = ()
    if accounts is not None:
        with accounts:
            users = accounts.users()
    if arguments.json:
        output.print_json({"users": [user_json(user) for user in users]})
        return 0
    output.table(
        ("user", "teams", "site admin", "password", "last seen", "made"),
        [
            (
                user.name,
                ", ".join(f"{member.team} ({member.role.value})" for member in user.teams),
                "yes" if user.is_site_admin else None,
                "one-time" if user.one_time_until is not None else "own",
                None if user.last_seen is None else output.ago(user.last_seen),
                output.ago(user.made),
            )
            for user in users
        ],
        empty="there is no user; `modelwatch users add NAME` makes one",
        spare=("made",),
    )
    return 0


def _add(arguments: argparse.Namespace) -> int:
    password = password_of(arguments)
    with open_accounts(arguments, create=True) as accounts:
        for team in arguments.join:
            accounts.members(team)  # a team that does not exist is told of before there is half a user
        first = not accounts.users()
        site_admin = arguments.site_admin or first
        one_time = accounts.make_user(arguments.name, password, site_admin=site_admin, by=at_work())
        for team in arguments.join:
            accounts.join(team, arguments.name, Role(arguments.role), by=at_work())
        user = _user(accounts, arguments.name)
    if arguments.json:
        output.print_json({"user": user_json(user), "one_time_password": one_time})
        return 0
    what = "the first user and site admin" if first else "a site admin" if site_admin else "a user"
    output.note(f"{output.printable(user.name)} is {what} now")
    tell_one_time(user.name, one_time)
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    with open_accounts(arguments) as accounts:
        user = _user(accounts, arguments.name)
        if not output.confirm(f"remove user {user.name}? their keys are revoked for good", yes=arguments.yes):
            return 1
        accounts.remove_user(user.name, by=at_work())
    if arguments.json:
        output.print_json({"removed": user_json(user)})
    else:
        print(f"removed user {output.printable(user.name)}; what they registered stays")
    return 0


def _password(arguments: argparse.Namespace) -> int:
    with open_accounts(arguments) as accounts:
        user = _user(accounts, arguments.name)
        one_time = accounts.set_password(user.name, password_of(arguments), by=at_work())
        user = _user(accounts, arguments.name)
    if arguments.json:
        output.print_json({"user": user_json(user), "one_time_password": one_time})
        return 0
    output.note(f"{output.printable(user.name)} has another password; their sessions have ended")
    tell_one_time(user.name, one_time)
    return 0


def _admin(arguments: argparse.Namespace) -> int:
    with open_accounts(arguments) as accounts:
        accounts.set_site_admin(arguments.name, site_admin=not arguments.remove, by=at_work())
        user = _user(accounts, arguments.name)
    if arguments.json:
        output.print_json(user_json(user))
    else:
        print(f"{output.printable(user.name)} is {'a site admin' if user.is_site_admin else 'no site admin any more'}")
    return 0


def _user(accounts: Accounts, name: str) -> User:
    for user in accounts.users():
        if folded(user.name) == folded(name):
            return user
    raise NotFoundError(f"there is no user {name}", hint="`modelwatch users list` shows those that there are")
