"""Bodies that are too long, too deep, too many or too slow: refused, whatever their headers say, and the server goes on."""

import asyncio
import json

import pytest
from two_teams import ENDPOINTS, OF_A_TEAM, route

from modelwatch.server.access.guard import Guard, Limits
from modelwatch.server.endpoint import Takes

TEAM = "/api/v1/teams/default"
IN_MEMORY = [endpoint for endpoint in ENDPOINTS if endpoint.takes in {Takes.JSON, Takes.FORM}]


def _unannounced(size, piece=b" " * 65_536):
    """Give a body whose length nobody is told."""
    while size > 0:
        yield piece[:size]
        size -= len(piece)


@pytest.mark.parametrize("endpoint", [e for e in IN_MEMORY if e.limit_bytes <= 1 << 20], ids=route)
def test_a_body_without_end_is_not_read_to_its_end(server, endpoint):
    """Neither with a length that is told nor without: what is longer than the route takes is refused before anything else is looked at."""
    path = endpoint.path
    for name in ("team", "model", "version", "key", "alias", "upload", "prefix", "run", "experiment", "tag"):
        path = path.replace("{" + name + "}", "default" if name == "team" else "1")
    kind = "application/x-www-form-urlencoded" if endpoint.takes is Takes.FORM else "application/json"
    for body in (b" " * (endpoint.limit_bytes + 1), _unannounced(endpoint.limit_bytes + 1)):
        answer = server.client.request(endpoint.method, path, content=body, headers={"Content-Type": kind})
        assert answer.status_code == 413, answer.text


def test_no_route_holds_more_in_memory_than_the_largest_version_needs():
    """A new route that takes more has to be thought about here."""
    assert max(endpoint.limit_bytes for endpoint in ENDPOINTS if endpoint.takes is Takes.JSON) == 64 << 20
    open_to_strangers = [endpoint for endpoint in IN_MEMORY if endpoint.needs not in OF_A_TEAM]
    assert max(endpoint.limit_bytes for endpoint in open_to_strangers) == 1 << 20


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"size":' + b"9" * 5000 + b"}",
        b'{"size":1e999}',
        b'{"size":NaN}',
        b'{"size":-0}x',
        b'{"size":1,"size":' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"digest":"\\ud800","size":1}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"__proto__":{"size":1}}',
        b"\x00",
        b"{}{}",
        b'"' + b"a" * 500_000 + b'"',
        b"[" + b"[]," * 100_000 + b"[]]",
    ],
)
def test_json_that_is_none_of_ours_is_told(server, body):
    """However deep, long or strange it is."""
    for path in (f"{TEAM}/uploads", f"{TEAM}/registrations/{'0' * 64}", f"{TEAM}/blobs/missing", "/default/upload/finish"):
        method = "PUT" if "registrations" in path else "POST"
        answer = server.client.request(method, path, content=body)
        assert answer.status_code == 400, answer.text
    for path, method in (
        ("/mlModels/getModelList/", "GET"),
        ("/entityTags/updateTags/", "PUT"),
        ("/mlModels/deleteModel/", "POST"),
    ):
        assert server.client.request(method, path, content=body).status_code in {200, 400, 404}


@pytest.mark.parametrize(
    "value",
    [
        {"filter": []},
        {"filter": {"where": []}},
        {"filter": {"where": {"and": {}}}},
        {"filter": {"where": {"and": [{"name": {"regexp": "(a+)+$"}}]}}},
        {"filter": {"where": {"or": [{"teamId": "red"}]}}},
        {"filter": {"where": {"and": [{"team": "red"}]}}},
        {"tagFilter": {"a": 1}},
        {"tagFilter": [["a"]]},
        {"tagFilter": ["a"] * 1000},
        {"id": {"$ne": None}},
        {"id": ["a"]},
        {"entity": "mlModel", "entityId": {}, "tags": "x"},
        {"entity": "mlModel", "entityId": "x", "tags": [1]},
        [],
        "text",
        7,
        None,
    ],
)
def test_gradients_requests_hold_anything_and_break_nothing(server, value):
    """Operators of other databases are names here, and lists where a text should be are told."""
    for method, path in (
        ("GET", "/mlModels/getModelList"),
        ("POST", "/mlModels/createModelV2"),
        ("POST", "/mlModels/deleteModel"),
        ("GET", "/mlModels/listFiles"),
        ("PUT", "/entityTags/updateTags"),
    ):
        answer = server.client.request(method, path, content=json.dumps(value))
        assert answer.status_code in {200, 400, 404}, (path, answer.text)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=" + "b" * 5000, b"--b\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"a" * (2 << 20) + b"\r\n--x--\r\n",
        ),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n1\r\n' * 5000 + b"--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"X: y\r\n" * 20_000 + b"\r\nvalue\r\n--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="' + b"a/" * 20_000 + b'b"\r\n\r\nx\r\n--x--\r\n',
        ),
        ("application/x-www-form-urlencoded", b"a=1&" * 200_000),
        ("application/x-www-form-urlencoded", b"%" * 100_000),
        ("application/json", b"{}"),
        ("text/plain", b"name=x"),
        ("", b""),
    ],
)
def test_forms_that_are_none_are_told(server, kind, body):
    """Too many fields, too long ones, and encodings that end in the middle."""
    answer = server.client.post("/default/upload", content=body, headers={"Content-Type": kind}, follow_redirects=False)
    assert answer.status_code in {400, 413, 422}, answer.text
    assert server.client.get(f"{TEAM}/models").json()["models"] == []


@pytest.mark.parametrize(
    "question", ["search", "tag", "experiment", "project", "format", "sort", "cursor", "name", "limit", "type"]
)
def test_questions_are_never_a_part_of_the_query(server, question):
    """Quotes, wildcards, operators of a full text search, and ends of text are what they are."""
    server.register({"data": b"one"})
    for text in (
        "'",
        '"',
        "' OR 1=1 --",
        "%",
        "_",
        "*",
        "a* NEAR b",
        "\\",
        "\x00",
        "\ud800",
        "a" * 500,
        "💥",
        "); DROP TABLE models; --",
        "NaN",
        "-",
        "^a",
        "{}",
    ):
        params = {question: text.encode("utf-8", "surrogatepass")}
        for path in (f"{TEAM}/models", f"{TEAM}/models/digits/versions", "/api/v1/public/models", "/default/models"):
            answer = server.client.get(path, params=params)
            assert answer.status_code in {200, 400}, (path, text, answer.text)
    assert server.client.get(f"{TEAM}/models").json()["models"][0]["name"] == "digits"


def test_a_body_that_drips_is_given_up():
    """A byte just before each time is up keeps a request alive no longer than its first time: bytes buy time at the slowest pace that is taken."""
    waited = []

    async def reads_its_body(_scope, receive, _send):
        while (await receive()).get("more_body"):
            waited.append(1)

    async def drips():
        await asyncio.get_running_loop().run_in_executor(None, asyncio.Event)  # a moment
        await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [(b"host", b"localhost")]}
    guard = Guard(reads_its_body, Limits(chunk_seconds=0.1, slowest_bytes_per_second=1000))
    with pytest.raises(TimeoutError):
        asyncio.run(guard(scope, drips, None))
    assert 1 <= len(waited) <= 10


def test_a_body_at_a_fair_pace_may_take_as_long_as_it_takes():
    """However long it is: what came buys the time for what is to come."""
    pieces = iter(range(40))
    received = []

    async def reads_its_body(_scope, receive, _send):
        while (message := await receive()).get("more_body"):
            received.append(message)

    async def arrives():
        number = next(pieces)
        await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.005)
        return {"type": "http.request", "body": bytes(10_000), "more_body": number < 39}

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [(b"host", b"localhost")]}
    asyncio.run(Guard(reads_its_body, Limits(chunk_seconds=10.0, slowest_bytes_per_second=1000))(scope, arrives, None))
    assert len(received) == 39
