"""The server's application in this process: real files, real SQLite, no socket."""

import contextlib
import json
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modelwatch.config.address import Address
from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry
from modelwatch.server.access.guard import Limits
from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import operator
from modelwatch.server.application import application
from modelwatch.server.services import Services, opened
from modelwatch.testing.sink_contract import make_registration

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HOST = "127.0.0.1:9320"
_ADDRESS = Address("127.0.0.1", 9320)
OPERATOR = operator("tests")


@dataclass
class Served:
    """
    A server.

    Attributes:
        root: The repository's folder.
        services: The server's parts.
        client: Sends requests to it.
        headers: Those that show a key, by team and scope, where a test has made some.
    """

    root: Path
    services: Services
    client: TestClient
    headers: dict[tuple[str, Scope], dict[str, str]] = field(default_factory=dict)

    def key(self, team: str, scope: Scope = Scope.WRITE) -> dict[str, str]:
        """Make a key of a team, which is made when it is missing; return the headers that show it."""
        if team not in {known.name for known in self.services.accounts.teams()}:
            self.services.accounts.make_team(team, by=OPERATOR)
        return {"X-API-Key": self.services.accounts.make_key(team, "test", scope, by=OPERATOR).text}

    def upload(self, content: bytes, *, team: str = "default", headers: dict[str, str] | None = None) -> Digest:
        """Upload content and return its digest."""
        digest = Digest.of_bytes(content)
        body = {"digest": str(digest), "size": len(content)}
        begun = self.client.post(f"/api/v1/teams/{team}/uploads", json=body, headers=headers)
        if begun.status_code == 201:
            done = self.client.patch(begun.headers["Location"], content=content, headers={"Upload-Offset": "0", **(headers or {})})
            assert done.status_code == 200, done.text
        return digest

    def register(
        self, files: dict[str, bytes], *, team: str = "default", headers: dict[str, str] | None = None, **fields: Any
    ) -> Any:
        """Upload files and register a version of them; return the answer."""
        digests = {path: self.upload(content, team=team, headers=headers) for path, content in files.items()}
        manifest = Manifest(tuple(ManifestEntry(path, len(files[path]), digests[path]) for path in sorted(files)))
        registration = replace(make_registration(manifest), team=team, **fields)
        return self.client.put(
            f"/api/v1/teams/{team}/registrations/{registration.key}", content=json.dumps(registration.to_json()), headers=headers
        )


@contextlib.contextmanager
def served(root: Path, *, address: Address = _ADDRESS, clock: Any = None) -> Any:
    """Give a server over a repository's folder."""
    with opened(root, address, clock=clock) as services:
        app = application(services, Limits(allowed_hosts=frozenset({"models.example", "testserver"})))
        with TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=True, client=("127.0.0.1", 50000)) as client:
            yield Served(root, services, client)
