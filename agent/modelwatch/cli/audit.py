"""`modelwatch audit`: who did what to a served repository, and who was refused."""

from __future__ import annotations

import argparse

from modelwatch.cli import output
from modelwatch.cli.accounts_selection import add_parser, at_work, open_accounts, open_if_there
from modelwatch.cli.arguments import Subparsers
from modelwatch.core.errors import UsageError
from modelwatch.repository.json_shapes import timestamp
from modelwatch.server.accounts.entities import AuditEntry
from modelwatch.server.accounts.json_shapes import audit_json
from modelwatch.server.accounts.trail import KEPT_DAYS, LEAST_DAYS

NAME = "audit"

_SHOWN = 50


def add_to(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_parser(
        subparsers,
        NAME,
        text="Show who did what to a repository that is served, and who was refused. The newest comes first. Runs where the repository is.",
        examples="  modelwatch audit\n  modelwatch audit --team vision --limit 500\n"
        "  modelwatch audit --json | jq '.audit[] | select(.outcome != \"ok\")'\n"
        "  modelwatch audit --prune --olderThan 90",
    )
    parser.add_argument("--team", metavar="TEAM", help="only what concerns this team")
    parser.add_argument("--limit", metavar="N", type=int, default=_SHOWN, help=f"how many entries at most [{_SHOWN}]")
    parser.add_argument("--before", metavar="ID", type=int, help="only entries older than the one with this id")
    parser.add_argument(
        "--prune", action="store_true", help=f"remove old entries instead: those of more than --olderThan days [{KEPT_DAYS}]"
    )
    parser.add_argument("--olderThan", metavar="DAYS", type=int, help=f"with --prune: at least {LEAST_DAYS}")
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Print the entries; return 0."""
    if arguments.limit < 1:
        raise UsageError(f"--limit {arguments.limit}: at least one entry")
    if arguments.prune or arguments.olderThan is not None:
        return _prune(arguments)
    accounts = open_if_there(arguments)
    entries: tuple[AuditEntry, ...] = ()
    if accounts is not None:
        with accounts:
            entries = accounts.audited(team=arguments.team, before=arguments.before, limit=arguments.limit)
    if arguments.json:
        output.print_json({"audit": [audit_json(entry) for entry in entries]})
        return 0
    output.table(
        ("id", "time", "who", "what", "team", "subject", "detail", "address", "outcome"),
        [
            (
                entry.id,
                timestamp(entry.time),
                entry.who,
                entry.what,
                entry.team,
                entry.subject,
                entry.detail,
                entry.address,
                entry.outcome,
            )
            for entry in entries
        ],
        empty="nothing was written down yet",
        spare=("id", "address", "detail"),
    )
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    if not arguments.prune or arguments.team is not None or arguments.before is not None:
        raise UsageError(
            "--olderThan says what --prune removes, which is of all teams", hint="give --prune with --olderThan DAYS or alone"
        )
    days = KEPT_DAYS if arguments.olderThan is None else arguments.olderThan
    with open_accounts(arguments) as accounts:
        removed = accounts.forget_audit(days, by=at_work())
    if arguments.json:
        output.print_json({"removed": removed})
    else:
        print(f"removed {removed} {'entry' if removed == 1 else 'entries'} of more than {days} days")
    return 0
