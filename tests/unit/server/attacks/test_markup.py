"""
Names and notes that would become a part of a page: every one that there is, on every page of the route table.

The browser's tests look at what runs; these look at what the pages are made of, on each page from its first day on.
"""

from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from served import OPERATOR, served
from two_teams import ENDPOINTS, PASSWORD, Things, send, sign_in

from modelwatch.core.entities import CheckpointState, Provenance
from modelwatch.core.json import dumps
from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import Role
from modelwatch.testing.sink_contract import make_metric, make_report

HOSTILE = "'\"><evil onevil=evil href=javascript:evil>{{7*'7'}}${7*7}</script></title></textarea><!--"
_TAKING_AWAY = {"form_delete_model", "form_delete_version", "form_aliases", "form_rename"}
"""They answer with a redirection, and would take away what the other pages show."""

PAGES = [
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.name.startswith(("page_", "form_")) and "{team}" in endpoint.path and endpoint.name not in _TAKING_AWAY
]


class _Markup(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags = set()
        self.attributes = set()
        self.addresses = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses |= {
            value or "" for name, value in attrs if name in {"href", "src", "action", "formaction", "hx-get", "hx-post"}
        }

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Give a server on which everything that somebody can name is called so, the headers of an admin, and what stands in paths."""
    with served(tmp_path_factory.mktemp("hostile") / "repository") as server:
        server.headers["default", Scope.WRITE] = writer = server.key("default")
        provenance = Provenance(run=HOSTILE, experiment=HOSTILE, project=HOSTILE, host=HOSTILE)
        metric = replace(make_metric(HOSTILE, 0.5), split=HOSTILE, tag=HOSTILE, run=HOSTILE)
        for step in (1, 2):
            made = server.register(
                {HOSTILE.replace("/", "|"): b"x"},
                headers=writer,
                model=HOSTILE,
                step=step,
                root=HOSTILE,
                source=HOSTILE,
                format=HOSTILE,
                provenance=provenance,
                metrics=(metric,),
                notes=HOSTILE,
                summary={HOSTILE: HOSTILE},
                metadata={HOSTILE: HOSTILE, "lineage": {HOSTILE: HOSTILE}},
            )
            assert made.status_code == 200, made.text
        model = made.json()["location"].rpartition("/versions")[0].rpartition("/")[2]
        path = f"/api/v1/teams/default/models/{model}"
        for tagged in (path, f"{path}/versions/1"):
            assert server.client.post(f"{tagged}/tags", json={"add": [HOSTILE]}, headers=writer).status_code == 200
        assert (
            server.client.put(f"{path}/aliases/{quote(HOSTILE, safe='')}", json={"version": 1}, headers=writer).status_code == 200
        )
        report = make_report(model=HOSTILE, run=HOSTILE)
        checkpoint = CheckpointState(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1010.0, 1011.0, 10, None, None, None)
        report = replace(report, host=HOSTILE, reason=HOSTILE, command=HOSTILE, experiment=HOSTILE, checkpoints=(checkpoint,))
        told = server.client.put("/api/v1/teams/default/runs", content=dumps(report.to_json()), headers=writer)
        assert told.status_code == 204, told.text
        server.services.accounts.make_user("anna", PASSWORD, by=OPERATOR)
        server.services.accounts.join("default", "anna", Role.ADMIN, by=OPERATOR)
        server.services.accounts.make_key("default", HOSTILE[:90], Scope.READ, by=OPERATOR)
        server.services.accounts.audit(
            OPERATOR, HOSTILE, team="default", subject=HOSTILE, detail=HOSTILE, address=HOSTILE, outcome=HOSTILE
        )
        names = dict.fromkeys(
            ("path", "key", "alias", "upload", "run", "experiment", "prefix", "digest", "handle", "user", "name"), HOSTILE
        )
        names |= {"team": "default", "model": model, "version": "1", "size": "1"}
        yield server, sign_in(server, "anna"), Things(names, [])


def _check(text):
    markup = _Markup()
    markup.feed(text)
    assert "html" in markup.tags
    assert "evil" not in markup.tags
    assert not [name for name in markup.attributes if "evil" in name or name.startswith("on")]
    assert not [
        address for address in markup.addresses if address.lower().lstrip().startswith(("javascript:", "data:", "//", "http"))
    ]


@pytest.mark.parametrize("endpoint", PAGES, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_no_name_becomes_a_part_of_a_page(hostile, endpoint):
    """Elements, attributes and addresses are the templates' own, in answers to what is asked and to what is refused."""
    server, admin, things = hostile
    answer, body = send(server, endpoint, things, admin)
    assert answer.status_code < 500
    if answer.headers.get("content-type", "").startswith("text/html"):
        _check(body)


@pytest.mark.parametrize(
    "field", ["name", "type", "summary", "notes", "tags", "add", "user", "role", "scope", "days", "public", "next"]
)
def test_what_a_form_says_comes_back_as_text(hostile, field):
    """When it is refused and shown again, and where nobody has signed in."""
    server, admin, things = hostile
    model = things.names["model"]
    for path in ("upload", "keys", "members", f"models/{model}/name", f"models/{model}/tags", f"models/{model}/versions/1/aliases"):
        answer = server.client.post(f"/default/{path}", data={field: HOSTILE * 3}, headers=admin, follow_redirects=False)
        assert answer.status_code < 500
        if answer.headers.get("content-type", "").startswith("text/html"):
            _check(answer.text)
    _check(server.client.post("/login", data={"name": HOSTILE, "password": "x", field: HOSTILE}).text)


@pytest.mark.parametrize(
    "question",
    ["q", "tag", "type", "experiment", "project", "format", "sort", "view", "cursor", "toast", "v", "next", "skip", "name"],
)
def test_what_an_address_says_comes_back_as_text(hostile, question):
    """On every page that reads it, and on those that do not."""
    server, admin, things = hostile
    for path in (
        "default/models",
        f"default/models/{things.names['model']}",
        "default/compare",
        "default/audit",
        "public/models",
        "login",
        "default/upload",
    ):
        answer = server.client.get(f"/{path}", params={question: HOSTILE}, headers=admin, follow_redirects=False)
        assert answer.status_code < 500
        if answer.status_code != 303:
            _check(answer.text)


def test_what_is_not_there_is_named_as_text(hostile):
    """In a path too."""
    server, admin, _ = hostile
    for path in (
        HOSTILE,
        f"default/models/{quote(HOSTILE, safe='')}x",
        f"default/models/{quote(HOSTILE + HOSTILE, safe='')}/versions/{quote(HOSTILE, safe='')}",
    ):
        answer = server.client.get(f"/{quote(path, safe='/%')}", headers=admin, follow_redirects=False)
        assert answer.status_code == 404
        if answer.headers["content-type"].startswith("text/html"):
            _check(answer.text)
