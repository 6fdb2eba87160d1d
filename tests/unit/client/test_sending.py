"""Sending content: in pieces that whoever stands in between takes, several files at once, and on from where it broke."""

import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_server import Reply, ScriptedServer

from modelwatch.client import sending
from modelwatch.client.connection import Connection
from modelwatch.client.sending import Content, Sender
from modelwatch.core.digest import Digest
from modelwatch.core.errors import AccessError, NotFoundError, PermanentError, TransientError

UPLOADS = "/api/v1/teams/team/uploads"


class Uploads:
    """The server's side of uploads, in memory, as a script."""

    def __init__(self):
        self.having = {}
        self.begun = {}
        self.largest = 1 << 40
        self.troubles = []  # given in place of answers to PATCH; None for none
        self.together = None  # a barrier that PATCHes wait at
        self.lengths = []

    def __call__(self, asked):
        """Answer one request."""
        if asked.method == "POST" and asked.path == UPLOADS:
            wanted = json.loads(asked.body)
            if wanted["digest"] in self.having:
                return Reply(200, wanted)
            identifier = f"u{len(self.begun)}"
            self.begun[identifier] = (wanted["digest"], wanted["size"], bytearray())
            return Reply(201, {"id": identifier, "offset": 0}, {"Location": "http://elsewhere.invalid/"})
        found = self.begun.get(asked.path.removeprefix(f"{UPLOADS}/"))
        if found is None:
            return Reply(404, {"error": {"code": "not_found", "message": "no upload", "hint": ""}})
        if asked.method == "HEAD":
            return Reply(200, headers={"Upload-Offset": str(len(found[2]))})
        assert asked.method == "PATCH"
        if self.together is not None:
            self.together.wait(30)
        return self._append(asked, *found)

    def _append(self, asked, digest, size, data):
        self.lengths.append(len(asked.body))
        if self.troubles and (trouble := self.troubles.pop(0)) is not None:
            return trouble
        if len(asked.body) > self.largest:
            return Reply(413, b"<html>nginx</html>")
        if int(asked.headers["upload-offset"]) != len(data):
            return Reply(409, {"error": {"code": "conflict", "message": "elsewhere", "hint": ""}})
        data += asked.body
        if len(data) < size:
            return Reply(204, headers={"Upload-Offset": str(len(data))})
        if str(Digest.of_bytes(data)) != digest:
            return Reply(422, {"error": {"code": "refused", "message": "another digest", "hint": ""}})
        self.having[digest] = bytes(data)
        return Reply(200, {"digest": digest, "size": size})


@pytest.fixture
def uploads():
    """The far side."""
    return Uploads()


@pytest.fixture
def server(uploads):
    """A server with that far side."""
    with ScriptedServer(uploads) as server:
        yield server


@pytest.fixture
def sender(server):
    """A sender to it."""
    with Connection(server.url) as connection:
        yield Sender(connection, "team")


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Pause for no time between tries."""
    monkeypatch.setattr(Connection, "pause", lambda _connection, _seconds: None)


def content_of(path, data, **other):
    """Write a file and return it as content."""
    path.write_bytes(data)
    return Content(Digest.of_bytes(other.get("digest_of", data)), other.get("size", len(data)), path)


class Progress:
    """Counts what it is told."""

    def __init__(self):
        self.total = 0

    def __call__(self, count):
        """Add."""
        assert count > 0
        self.total += count


def send(sender, *contents):
    """Send contents and return how much was told of it."""
    progress = Progress()
    sender.send(contents, progress)
    return progress.total


@given(sizes=st.lists(st.integers(0, 5000), min_size=1, max_size=8), piece=st.integers(1, 3000))
@settings(max_examples=20)
def test_every_byte_arrives_once_told(tmp_path_factory, sizes, piece):
    """Whatever the files' sizes and the length of the requests, the server has each content, and the progress adds up to all bytes."""
    folder, uploads = tmp_path_factory.mktemp("files"), Uploads()
    contents = [content_of(folder / str(index), bytes([index]) * size) for index, size in enumerate(sizes)]
    different = {content.digest: content for content in contents}
    with ScriptedServer(uploads) as server, Connection(server.url) as connection:
        sender = Sender(connection, "team")
        sender._request_bytes = piece
        assert send(sender, *different.values()) == sum(content.size for content in different.values())
    assert {Digest.parse(digest): data for digest, data in uploads.having.items()} == {
        content.digest: content.path.read_bytes() for content in different.values()
    }


def test_several_files_are_sent_at_once(tmp_path, uploads, sender):
    """Four are on their way together."""
    uploads.together = threading.Barrier(4)
    send(sender, *(content_of(tmp_path / str(index), b"x" * (index + 1)) for index in range(4)))
    assert len(uploads.having) == 4


def test_what_the_team_has_is_not_sent(tmp_path, uploads, sender, server):
    """The server says so when the upload is begun."""
    content = content_of(tmp_path / "a", b"known")
    uploads.having[str(content.digest)] = b"known"
    assert send(sender, content) == 5
    assert [asked.method for asked in server.asked] == ["POST"]


def test_the_key_goes_to_no_address_that_the_server_names(tmp_path, uploads, server):
    """An upload goes on below the address that was given, whatever Location says: a proxy may have changed either."""
    with Connection(server.url, "mw_key") as connection:
        send(Sender(connection, "team"), content_of(tmp_path / "a", b"data"))
    assert {asked.headers["host"] for asked in server.asked} == {server.url.removeprefix("http://")}


def test_a_proxy_that_takes_less_gets_less(tmp_path, uploads, sender, monkeypatch):
    """Requests become shorter until they pass, and longer again when they do; what was sent before is not sent again."""
    monkeypatch.setattr(sending, "_SMALLEST_REQUEST_BYTES", 10)
    sender._request_bytes, uploads.largest = 4000, 300
    content = content_of(tmp_path / "a", b"z" * 1000)
    assert send(sender, content) == 1000
    assert uploads.having[str(content.digest)] == b"z" * 1000
    assert sum(length for length in uploads.lengths if length <= 300) == 1000


def test_a_proxy_that_takes_nothing_is_told(tmp_path, uploads, sender):
    """It will take nothing later either."""
    uploads.largest = 0
    with pytest.raises(PermanentError, match="too large"):
        send(sender, content_of(tmp_path / "a", b"z" * 100))


@pytest.mark.parametrize("trouble", [Reply(0), Reply(503), Reply(500, b"oops"), Reply(404, b"{}"), Reply(409, b"{}")])
def test_a_passing_trouble_is_got_over(tmp_path, uploads, sender, trouble):
    """The server is asked how much it has, and the rest is sent."""
    uploads.troubles = [trouble] * 3
    content = content_of(tmp_path / "a", b"data")
    assert send(sender, content) == 4
    assert str(content.digest) in uploads.having


def test_a_lasting_trouble_is_left_to_later_and_gone_on_with(tmp_path, uploads, sender):
    """After some tries the caller decides when to come again; what had arrived by then is not sent again."""
    sender._request_bytes = 4
    uploads.troubles = [None, *[Reply(503)] * 5]
    content = content_of(tmp_path / "a", b"12345678")
    with pytest.raises(TransientError, match="cannot do it now"):
        send(sender, content)
    assert bytes(uploads.begun["u0"][2]) == b"1234"
    uploads.lengths.clear()
    send(sender, content)
    assert uploads.lengths == [4]
    assert uploads.having[str(content.digest)] == b"12345678"


def test_a_server_that_wants_to_be_left_alone_is(tmp_path, uploads, sender):
    """A long wait is the caller's to make."""
    uploads.troubles = [Reply(503, headers={"Retry-After": "60"})]
    with pytest.raises(TransientError) as caught:
        send(sender, content_of(tmp_path / "a", b"data"))
    assert caught.value.retry_after_seconds == 60
    assert len(uploads.lengths) == 1


def test_an_upload_that_the_server_has_forgotten_begins_anew(tmp_path, uploads, sender):
    """It was cleaned away while we waited."""
    uploads.troubles = [Reply(503, headers={"Retry-After": "60"})]
    content = content_of(tmp_path / "a", b"data")
    with pytest.raises(TransientError):
        send(sender, content)
    uploads.begun.clear()
    send(sender, content)
    assert str(content.digest) in uploads.having


@pytest.mark.parametrize("other", [{"digest_of": b"other bytes"}, {"size": 5}])
def test_a_file_that_holds_something_else_is_told(tmp_path, sender, other):
    """It can never be what was sealed: its path is told."""
    with pytest.raises(PermanentError, match=str(tmp_path / "a")):
        send(sender, content_of(tmp_path / "a", b"some bytes!", **other))


def test_a_file_that_is_gone_is_told(tmp_path, sender):
    """As is a link in its place."""
    content = content_of(tmp_path / "a", b"data")
    (tmp_path / "a").rename(tmp_path / "b")
    with pytest.raises(PermanentError, match="gone"):
        send(sender, content)
    (tmp_path / "a").symlink_to(tmp_path / "b")
    with pytest.raises(PermanentError, match="no regular file"):
        send(sender, content)


def test_bytes_that_arrive_damaged_are_sent_again(tmp_path, uploads, sender):
    """The file holds what it should, so the way is to blame, and the next try may go well."""
    uploads.troubles = [Reply(422, {"error": {"code": "refused", "message": "another digest", "hint": ""}})]
    content = content_of(tmp_path / "a", b"data")
    assert send(sender, content) == 4
    assert str(content.digest) in uploads.having


@pytest.mark.parametrize(("status", "kind"), [(401, AccessError), (404, NotFoundError)])
def test_one_refusal_ends_all(tmp_path, status, kind):
    """Of several files that are sent at once."""
    body = {"error": {"code": "x", "message": "no", "hint": ""}}
    with (
        ScriptedServer(lambda _asked: Reply(status, body)) as server,
        Connection(server.url) as connection,
        pytest.raises(kind),
    ):
        send(Sender(connection, "team"), *(content_of(tmp_path / str(index), b"x") for index in range(6)))
