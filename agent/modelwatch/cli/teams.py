"""`modelwatch teams`: which teams a served repository has, and who is in them."""

from __future__ import annotations

import argparse

from modelwatch.cli import output
from modelwatch.cli.accounts_selection import add_parser, add_yes, at_work, open_accounts, open_if_there
from modelwatch.cli.arguments import Subparsers
from modelwatch.cli.models_selection import counted
from modelwatch.core.errors import NotFoundError
from modelwatch.server.accounts.accounts import Accounts
from modelwatch.server.accounts.entities import Team
from modelwatch.server.accounts.json_shapes import member_json, team_json
from modelwatch.server.accounts.names import folded
from modelwatch.server.accounts.principal import Role

NAME = "teams"

_EXAMPLES = """\
examples:
  modelwatch teams add vision
  modelwatch teams join vision anna --role writer
  modelwatch teams members vision
"""


def add_to(subparsers: Subparsers) -> None:
    """Add the command and its subcommands."""
    parser = subparsers.add_parser(
        NAME,
        help="list, make and remove teams of a served repository, and their members",
        description="List, make and remove the teams of a repository that is served, and say who is in them. Runs where the repository is.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    parser = add_parser(actions, "list", text="List the teams.", examples="  modelwatch teams list")
    parser.set_defaults(handle=_list)

    parser = add_parser(actions, "add", text="Make a team.", examples="  modelwatch teams add vision")
    _add_team(parser)
    parser.set_defaults(handle=_add)

    parser = add_parser(
        actions,
        "remove",
        text="Remove a team. Its members have no role there any more and its keys are revoked; its models stay in the repository.",
        examples="  modelwatch teams remove vision",
    )
    _add_team(parser)
    add_yes(parser)
    parser.set_defaults(handle=_remove)

    parser = add_parser(actions, "members", text="List a team's members.", examples="  modelwatch teams members vision")
    _add_team(parser)
    parser.set_defaults(handle=_members)

    parser = add_parser(
        actions,
        "join",
        text="Make a user a member of a team, or give a member another role.",
        examples="  modelwatch teams join vision anna --role writer",
    )
    _add_team(parser)
    _add_user(parser)
    add_role(parser)
    parser.set_defaults(handle=_join)

    parser = add_parser(
        actions,
        "leave",
        text="End a membership. The user's keys of the team are not let in from then on.",
        examples="  modelwatch teams leave vision anna",
    )
    _add_team(parser)
    _add_user(parser)
    parser.set_defaults(handle=_leave)


def add_role(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a role."""
    words = [role.value for role in Role]
    parser.add_argument("--role", choices=words, default=Role.VIEWER.value, help="viewer (the default), writer or admin")


def _add_team(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("team", metavar="TEAM", help="the team's name")


def _add_user(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", metavar="USER", help="the user's name")


def _list(arguments: argparse.Namespace) -> int:
    accounts = open_if_there(arguments)
    teams: tuple[Team, ...] = ()
    if accounts is not None:
        with accounts:
            teams = accounts.teams()
    if arguments.json:
        output.print_json({"teams": [team_json(team) for team in teams]})
        return 0
    output.table(
        ("team", "members", "keys", "made"),
        [(team.name, team.members, team.keys, output.ago(team.made)) for team in teams],
        empty="there are no accounts yet; `modelwatch users add NAME` or `modelwatch teams add NAME` begins them",
    )
    return 0


def _add(arguments: argparse.Namespace) -> int:
    with open_accounts(arguments, create=True) as accounts:
        accounts.make_team(arguments.team, by=at_work())
        team = _team(accounts, arguments.team)
    if arguments.json:
        output.print_json(team_json(team))
    else:
        print(f"made team {output.printable(team.name)}")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    with open_accounts(arguments) as accounts:
        team = _team(accounts, arguments.team)
        has = f"{counted(team.members, 'member')}, {counted(team.keys, 'key')}"
        if not output.confirm(f"remove team {team.name} ({has})? its models stay", yes=arguments.yes):
            return 1
        accounts.remove_team(team.name, by=at_work())
    if arguments.json:
        output.print_json({"removed": team_json(team)})
    else:
        shown = output.printable(team.name)
        print(f"removed team {shown}; its models stay: `modelwatch models list --team {shown}`")
    return 0


def _members(arguments: argparse.Namespace) -> int:
    with open_accounts(arguments) as accounts:
        members = accounts.members(arguments.team)
    if arguments.json:
        output.print_json({"members": [member_json(member) for member in members]})
        return 0
    output.table(
        ("user", "role", "since"),
        [(member.user, member.role.value, output.ago(member.joined)) for member in members],
        empty="nobody is a member; site admins may do everything there all the same",
    )
    return 0


def _join(arguments: argparse.Namespace) -> int:
    with open_accounts(arguments) as accounts:
        accounts.join(arguments.team, arguments.user, Role(arguments.role), by=at_work())
        members = accounts.members(arguments.team)
    member = next(each for each in members if folded(each.user) == folded(arguments.user))
    if arguments.json:
        output.print_json(member_json(member))
    else:
        print(f"{output.printable(member.user)} is {member.role.value} in {output.printable(member.team)}")
    return 0


def _leave(arguments: argparse.Namespace) -> int:
    with open_accounts(arguments) as accounts:
        accounts.leave(arguments.team, arguments.user, by=at_work())
    if arguments.json:
        output.print_json({"team": arguments.team, "user": arguments.user})
    else:
        print(f"{output.printable(arguments.user)} is no member of {output.printable(arguments.team)} any more")
    return 0


def _team(accounts: Accounts, name: str) -> Team:
    for team in accounts.teams():
        if folded(team.name) == folded(name):
            return team
    raise NotFoundError(f"there is no team {name}", hint="`modelwatch teams list` shows those that there are")
