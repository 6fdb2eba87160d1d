"""A server with two teams that have everything, and requests for any route of its table about the things of one of them."""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from served import OPERATOR, Served, served

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry, Provenance, Registration
from modelwatch.core.json import dumps
from modelwatch.server.access.identify import SESSION_COOKIE, TOKEN_HEADER
from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import Role
from modelwatch.server.application import PARTS
from modelwatch.server.endpoint import Endpoint, Needs, Takes
from modelwatch.testing.sink_contract import make_registration, make_report

ENDPOINTS = [endpoint for part in PARTS for endpoint in part.endpoints]
OF_A_TEAM = {Needs.READ, Needs.WRITE, Needs.ADMIN}
TEAMS = ("red", "blue")
PASSWORD = "long enough to be a good one"

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_ULID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")
_UPLOAD = re.compile(r"\b[0-9a-f]{32}-[0-9]+(?:-[0-9a-f]{64})?\b")


@dataclass(frozen=True)
class Things:
    """
    What stands for each parameter of a path, a query or a body.

    Attributes:
        names: By the parameter's name.
        files: A version's files.
    """

    names: dict[str, str]
    files: list[dict[str, object]] = field(default_factory=list)


def route(endpoint: Endpoint) -> str:
    """Return how a test is called that is about an endpoint."""
    return f"{endpoint.method} {endpoint.path}"


@contextlib.contextmanager
def two_teams(root):
    """Give a server with models of two teams, keys of each scope of both, and an admin of each who has signed in; one model of red's is published."""
    with served(root) as server:
        for team in TEAMS:
            for scope in Scope:
                server.headers[team, scope] = server.key(team, scope)
            _fill(server, team)
        for team in TEAMS:
            server.services.accounts.make_user(f"{team}-admin", PASSWORD, by=OPERATOR)
            server.services.accounts.join(team, f"{team}-admin", Role.ADMIN, by=OPERATOR)
        published = server.client.patch(
            "/api/v1/teams/red/models/published", json={"public": True}, headers=server.headers["red", Scope.WRITE]
        )
        assert published.json()["public"] is True
        yield server


def _fill(server: Served, team: str) -> None:
    writer = server.headers[team, Scope.WRITE]
    path = f"/api/v1/teams/{team}/models"
    origin = Provenance(run=f"{team}-run", experiment=f"{team}-experiment", host=f"{team}-host")
    for step in (1, 2):
        content = {"data": f"secret of {team}, {step}".encode()}
        made = server.register(content, team=team, headers=writer, model="zebra", step=step, provenance=origin)
        assert made.status_code == 200, made.text
    server.register({"data": f"for all by {team}".encode()}, team=team, headers=writer, model="published")
    server.register({"data": f"thrown away by {team}".encode()}, team=team, headers=writer, model="gone", provenance=origin)
    for trained in ("zebra", "awaited"):
        report = replace(make_report(model=trained, run=f"{team}-run"), team=team, host=f"{team}-host", experiment=None)
        assert server.client.put(f"/api/v1/teams/{team}/runs", content=dumps(report.to_json()), headers=writer).status_code == 204
    assert server.client.put(f"{path}/zebra/aliases/{team}-alias", json={"version": 1}, headers=writer).status_code == 200
    assert server.client.delete(f"{path}/zebra/versions/2", headers=writer).status_code == 200


def sign_in(server: Served, name: str) -> dict[str, str]:
    """Return the headers of somebody who has signed in and sends the forms of a page that they see."""
    signed_in = server.services.accounts.login(name, PASSWORD, "127.0.0.1")
    return {"Cookie": f"{SESSION_COOKIE}={signed_in.token}", TOKEN_HEADER: signed_in.session.csrf_token}


def things_of(server: Served, team: str) -> Things:
    """Return the things that a team has."""
    writer, api = server.headers[team, Scope.WRITE], f"/api/v1/teams/{team}"
    model = server.client.get(f"{api}/models/zebra", headers=writer).json()
    version = server.client.get(f"{api}/models/zebra/versions/1", headers=writer).json()
    upload = server.client.post(f"{api}/uploads", json={"size": 5}, headers=writer).json()
    handle = server.client.post("/mlModels/createModelV2/", json={"name": f"begun by {team}"}, headers=writer).json()
    names = {
        "team": team,
        "model": model["id"],
        "version": "1",
        "path": "data",
        "key": model["latest"]["key"],
        "alias": f"{team}-alias",
        "upload": upload["id"],
        "run": f"{team}-run",
        "experiment": f"{team}-experiment",
        "token": "no.token",
        "rest": "run",
        "user": f"{team}-admin",
        "prefix": writer["X-API-Key"][:11],
        "digest": version["files"][0]["digest"],
        "size": str(version["files"][0]["size"]),
        "handle": handle["id"],
        "name": "zebra",
    }
    return Things(names, version["files"])


def things_of_nobody(team: str) -> Things:
    """Return things that no team has, in the form of those that some have."""
    digest = f"sha256:{'0' * 64}"
    names = {
        "team": team,
        "model": "mo0000000000000",
        "version": "1",
        "path": "data",
        "key": "0" * 64,
        "alias": "nobodys-alias",
        "upload": f"{'0' * 32}-5",
        "run": "nobodys-run",
        "experiment": "nobodys-experiment",
        "token": "no.token",
        "rest": "run",
        "user": "nobody",
        "prefix": "mw_zzzzzzzz",
        "digest": digest,
        "size": "16",
        "handle": "mo1111111111111",
        "name": "unheard of",
    }
    return Things(names, [{"path": "data", "size": 16, "digest": digest}])


def _registration(things: Things) -> Registration:
    entries = tuple(ManifestEntry(str(each["path"]), int(each["size"]), Digest.parse(each["digest"])) for each in things.files)
    return replace(make_registration(Manifest(entries), model="stolen"), team=things.names["team"])


def _body(endpoint: Endpoint, things: Things) -> object:
    """Return what an endpoint takes, about some things. A new endpoint that takes something has to be given a body here."""
    names = things.names
    blob = {"digest": names["digest"], "size": int(names["size"])}
    entity = {"entity": "mlModel", "entityId": names["model"], "tags": ["overwritten"]}
    bodies: dict[str, object] = {
        "change_model": {"notes": "overwritten", "tags": ["overwritten"], "public": True, "name": "overwritten"},
        "set_alias": {"version": 1},
        "change_version": {"notes": "overwritten", "tags": ["overwritten"]},
        "change_model_tags": {"add": ["overwritten"]},
        "change_version_tags": {"add": ["overwritten"]},
        "make_link": {"path": names["path"]},
        "missing_blobs": {"blobs": [blob]},
        "begin_upload": blob,
        "register": _registration(things).to_json(),
        "amend": {"model": names["model"], "registration_key": names["key"], "metrics": []},
        "report_run": {**make_report(model="stolen", run=names["run"]).to_json(), "team": names["team"]},
        "check_upload": {"name": "stolen"},
        "finish_upload": {"name": "stolen", "files": things.files},
        "gradient_list": {"filter": {"where": {"and": [{"id": names["model"]}]}}},
        "gradient_create": {"name": "begun", "datasetRef": "dataset"},
        "gradient_delete": {"id": names["model"]},
        "gradient_upload_address": {},
        "gradient_list_files": {"id": names["model"], "links": True, "size": True},
        "gradient_get_tags": {},
        "gradient_update_tags": entity,
        "form_login": {"name": names["user"], "password": "wrong password"},
        "form_logout": {"nothing": ""},
        "form_password": {"old": "x", "new": "y", "again": "y"},
        "form_rename": {"name": "overwritten"},
        "form_tags": {"add": "overwritten"},
        "form_notes": {"notes": "overwritten"},
        "form_publish": {"public": "yes"},
        "form_delete_model": {"nothing": ""},
        "form_restore_model": {"nothing": ""},
        "form_version_tags": {"add": "overwritten"},
        "form_version_notes": {"notes": "overwritten"},
        "form_aliases": {"remove": names["alias"]},
        "form_delete_version": {"nothing": ""},
        "form_restore_version": {"nothing": ""},
        "form_upload": {"name": "stolen"},
        "form_make_key": {"name": "stolen", "scope": "admin", "shared": "yes"},
        "form_revoke_key": {"nothing": ""},
        "form_join": {"user": "blue-admin", "role": "admin"},
        "form_leave": {"user": names["user"]},
    }
    name = endpoint.name.removesuffix("_slash")
    assert name in bodies, f"give {endpoint.name} a body in tests/support/two_teams.py, which asks about another team's things"
    return bodies[name]


def _query(endpoint: Endpoint, things: Things) -> str:
    names = things.names
    queries = {
        "page_compare": f"v={names['model']}:1",
        "page_compare_curves": f"v={names['model']}:1",
        "gradient_upload_address": f"modelHandle={names['handle']}&fileName=data",
        "gradient_get_tags": f"entity=mlModel&entityIds={names['model']}",
    }
    return queries.get(endpoint.name.removesuffix("_slash"), "")


def send(server: Served, endpoint: Endpoint, things: Things, headers: dict[str, str] | None):
    """Send an endpoint's request about some things; return the answer and its body, of a stream nothing."""
    missing = set(_PARAMETER.findall(endpoint.path)) - things.names.keys()
    assert not missing, f"give tests/support/two_teams.py a name for {missing}"
    names = {**things.names, "key": _registration(things).key} if endpoint.name == "register" else things.names
    path = _PARAMETER.sub(lambda match: quote(names[match[1]], safe=""), endpoint.path)
    body: dict[str, object] = {}
    if endpoint.takes is Takes.STREAM:
        body, headers = {"content": b"12345"}, {"Upload-Offset": "0", **(headers or {})}
    elif endpoint.takes is not Takes.NOTHING:
        value = _body(endpoint, things)
        body = {"content": dumps(value)} if endpoint.takes is Takes.JSON else {"data": value}
    query = _query(endpoint, things)
    address = f"{path}?{query}" if query else path
    with server.client.stream(endpoint.method, address, headers=headers or {}, follow_redirects=False, **body) as response:
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            return response, ""
        return response, b"".join(response.iter_bytes()).decode("utf-8", "replace")


def plain(text: str, things: Things) -> str:
    """Return a body without what may differ between two answers of the same kind: ids of requests and uploads, and what was asked about."""
    text = _UPLOAD.sub("UPLOAD", _ULID.sub("REQUEST", text))
    for name in ("digest", "key", "model", "handle", "upload", "run", "experiment", "alias", "prefix", "user", "team"):
        text = text.replace(things.names[name], name.upper())
    return text


def kept_of(server: Served, team: str) -> str:
    """Return a digest of all that the repository and the accounts keep of a team."""
    found = hashlib.sha256()
    for path in sorted((server.root / "models" / team).rglob("*")):
        if path.is_file():
            found.update(f"{path.relative_to(server.root)}\0".encode() + path.read_bytes())
    accounts = server.services.accounts
    found.update(repr([(key.prefix, key.scope, key.state) for key in accounts.keys(team=team)]).encode())
    found.update(repr(accounts.members(team)).encode())
    return found.hexdigest()
