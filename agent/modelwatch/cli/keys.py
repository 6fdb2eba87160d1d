"""`modelwatch keys`: the API keys of a served repository."""

from __future__ import annotations

import argparse
import re
import time
from datetime import UTC, datetime

from modelwatch.cli import output
from modelwatch.cli.accounts_selection import add_parser, at_work, open_accounts, open_if_there
from modelwatch.cli.arguments import Subparsers, settings_of
from modelwatch.core.errors import UsageError
from modelwatch.server.accounts.entities import ApiKey, KeyState, Scope
from modelwatch.server.accounts.json_shapes import key_json

NAME = "keys"

_EXAMPLES = """\
examples:
  modelwatch keys add trainer --team vision                for agents: it may register models
  modelwatch keys add notebook --scope read --owner anna --expires 90d
  modelwatch keys revoke mw_4kq7m2xa
"""
_UNITS = {"h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}
_LIFE = re.compile(r"(\d{1,5})([hdw])")


def add_to(subparsers: Subparsers) -> None:
    """Add the command and its subcommands."""
    parser = subparsers.add_parser(
        NAME,
        help="list, make and revoke the API keys of a served repository",
        description="List, make and revoke the API keys of a repository that is served. Runs where the repository is.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    parser = add_parser(
        actions,
        "list",
        text="List the keys, without their secrets.",
        examples="  modelwatch keys list\n  modelwatch keys list --team vision --all",
    )
    parser.add_argument("--team", metavar="TEAM", help="only those of this team")
    parser.add_argument("--owner", metavar="USER", help="only those of this user")
    parser.add_argument("--all", action="store_true", help="also those that are revoked or expired")
    parser.set_defaults(handle=_list)

    parser = add_parser(
        actions,
        "add",
        text="Make a key and print it. It is shown only now.",
        examples="  modelwatch keys add trainer --team vision\n"
        "  modelwatch keys add notebook --scope read --owner anna --expires 2027-01-31",
        options=("repository", "team"),
    )
    parser.add_argument("name", metavar="NAME", help="what to call it, for people")
    parser.add_argument(
        "--scope",
        choices=[scope.value for scope in Scope],
        default=Scope.WRITE.value,
        help="what it is for: read, write (the default) or admin",
    )
    parser.add_argument("--owner", metavar="USER", help="whose it is, and who may do as much; otherwise it belongs to the team")
    parser.add_argument(
        "--expires", metavar="WHEN", help="after a time, as 12h, 90d or 4w, or when a date begins (UTC), as 2027-01-31 [never]"
    )
    parser.set_defaults(handle=_add)

    parser = add_parser(
        actions,
        "revoke",
        text="End a key for good, from the next request on.",
        examples="  modelwatch keys revoke mw_4kq7m2xa",
    )
    parser.add_argument("key", metavar="PREFIX", help="its first part, as `keys list` shows it")
    parser.set_defaults(handle=_revoke)


def _list(arguments: argparse.Namespace) -> int:
    accounts = open_if_there(arguments)
    keys: tuple[ApiKey, ...] = ()
    if accounts is not None:
        with accounts:
            keys = accounts.keys(team=arguments.team, owner=arguments.owner)
    if not arguments.all:
        keys = tuple(key for key in keys if key.state not in {KeyState.REVOKED, KeyState.EXPIRED})
    if arguments.json:
        output.print_json({"keys": [key_json(key) for key in keys]})
        return 0
    output.table(
        ("key", "name", "team", "scope", "owner", "state", "expires", "last used", "made"),
        [
            (
                key.prefix,
                key.name,
                key.team,
                key.scope.value,
                key.owner,
                key.state.value,
                None if key.expires is None else _day(key.expires),
                None if key.last_used is None else output.ago(key.last_used),
                output.ago(key.made),
            )
            for key in keys
        ],
        empty="there is no such key; `modelwatch keys add NAME` makes one",
        spare=("made", "expires"),
    )
    return 0


def _add(arguments: argparse.Namespace) -> int:
    expires = None if arguments.expires is None else _expiry(arguments.expires)
    with open_accounts(arguments, create=True) as accounts:
        made = accounts.make_key(
            settings_of(arguments).team,
            arguments.name,
            Scope(arguments.scope),
            owner=arguments.owner,
            expires=expires,
            by=at_work(),
        )
    if arguments.json:
        output.print_json({"key": key_json(made.key), "text": made.text})
        return 0
    output.note(f"key {made.key.prefix} of team {made.key.team}, for {made.key.scope.value}; it is shown only now")
    print(made.text)
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    with open_accounts(arguments) as accounts:
        key = accounts.revoke_key(arguments.key, by=at_work())
    if arguments.json:
        output.print_json(key_json(key))
    else:
        print(f"revoked {key.prefix} ({output.printable(key.name)}, team {output.printable(key.team)})")
    return 0


def _expiry(text: str) -> float:
    """Return the time that a text means. Raise UsageError when it means none that is to come."""
    life = _LIFE.fullmatch(text.strip())
    if life:
        expires = time.time() + int(life[1]) * _UNITS[life[2]]
    else:
        try:
            date = datetime.fromisoformat(text.strip())
            expires = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        except ValueError:
            raise UsageError(f"--expires {text} is no time", hint="write 12h, 90d, 4w or a date as 2027-01-31") from None
    if expires <= time.time():
        raise UsageError(f"--expires {text} is over already")
    return expires


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
