"""Names in paths: each part is decoded once it is known which one it is."""

import pytest

TEAM = "/api/v1/teams/default"


@pytest.mark.parametrize(
    ("name", "encoded"), [("a/b", "a%2Fb"), ("100%", "100%25"), ("x y?#é", "x%20y%3F%23%C3%A9"), ("a%2Fb", "a%252Fb")]
)
def test_a_name_may_hold_anything(server, name, encoded):
    """A slash among it: models, aliases, and versions by alias are found by what they are called."""
    server.register({"data": b"one"}, model=name)
    assert server.client.get(f"{TEAM}/models/{encoded}").json()["name"] == name
    assert server.client.put(f"{TEAM}/models/{encoded}/aliases/{encoded}", json={"version": 1}).json()["alias"] == name
    assert server.client.get(f"{TEAM}/models/{encoded}/versions/{encoded}").json()["version"] == 1


def test_a_file_keeps_the_bytes_of_its_name(server):
    """One that is not UTF-8 is downloaded by its bytes; a per cent sign and two digits in a name are just that."""
    names = {b"caf\xe9/\xff".decode("utf-8", "surrogateescape"): b"bytes", "a%2Fb": b"per cent", "sub/a+b": b"plus"}
    server.register(names)
    for encoded, content in (("caf%E9/%FF", b"bytes"), ("a%252Fb", b"per cent"), ("sub/a+b", b"plus"), ("sub%2Fa%2Bb", b"plus")):
        assert server.client.get(f"{TEAM}/models/digits/versions/1/files/{encoded}").content == content


@pytest.mark.parametrize(
    "path",
    [
        "teams/default/models/%FF",
        "teams/default/models/digits/versions/%FF",
        "teams/default/models/digits/versions/1/files/%FF",
        "teams/default/models/digits/runs/%FF",
        "teams/default/experiments/%FF",
        "teams/default/models/%00",
        "teams/%FF/models/digits",
    ],
)
def test_bytes_that_name_nothing_are_not_found(server, path):
    """They are an answer like any other, and no error of the server."""
    server.register({"data": b"one"})
    assert server.client.get(f"/api/v1/{path}").status_code == 404
