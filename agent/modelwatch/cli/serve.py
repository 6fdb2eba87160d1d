"""`modelwatch serve`: the team's repository over HTTP, with a page to look at."""

from __future__ import annotations

import argparse
import importlib.util
from typing import TYPE_CHECKING

from modelwatch.cli.arguments import Subparsers, add_options, settings_of
from modelwatch.cli.logs import logging_to
from modelwatch.core import log
from modelwatch.core.errors import UsageError

if TYPE_CHECKING:
    from modelwatch.server.services import Services

NAME = "serve"

_EXAMPLES = """\
examples:
  modelwatch serve                                            on this machine only, for whoever uses it
  modelwatch serve --repository /storage/modelwatch --serverAddress 0.0.0.0:9320
                                                              for a team: demands API keys (`modelwatch keys add`)
  modelwatch serve --externalUrl https://models.example.org   behind a proxy that does TLS
"""

_NEEDED = ("starlette", "uvicorn", "jinja2", "multipart", "jsonschema")


def add_to(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        NAME,
        help="serve the repository to a team: API, web page, and Gradient's client",
        description="Serve the repository to a team: an HTTP API, a web page, and what Gradient's command-line client speaks.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, names=("repository",), groups=("server", "log"))
    parser.set_defaults(handle=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    if "://" in settings.repository:
        raise UsageError(f"{settings.repository} is a server already", hint="give the folder of a repository")
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise UsageError("the server's parts are not installed", hint="pip install 'modelwatch[server]'")
    from modelwatch.server.serve import serve  # noqa: PLC0415 - only this command needs the server's libraries

    with logging_to(settings):
        serve(
            settings.repository,
            address=settings.server_address,
            external_url=settings.external_url,
            allowed_hosts=settings.allowed_hosts,
            audit_days=settings.audit_days,
            ready=_tell,
        )
    return 0


def _tell(url: str, services: Services) -> None:
    log.info("serving", url=url, repository=services.stores.repository.root)
    if not services.address.is_loopback and services.accounts.is_open():
        log.warning(
            "nobody can use the server yet: it is reached from other machines and has no accounts",
            hint="make a key: modelwatch keys add",
        )
