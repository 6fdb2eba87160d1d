"""Content on its way in: in pieces, over connections that break, and never wrong."""

import contextlib
import hashlib
import os
import time
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import served
from thread_server import thread_server

from modelwatch.core import steps
from modelwatch.core.digest import Digest
from modelwatch.core.errors import TransientError
from modelwatch.server.transfers import FORGOTTEN_SECONDS
from modelwatch.testing.clock import FakeClock

UPLOADS = "/api/v1/teams/default/uploads"
CONTENT = bytes(range(256)) * 40


def begin(server, content=CONTENT, **more):
    """Begin an upload and return its address."""
    body = {"size": len(content), "digest": str(Digest.of_bytes(content)), **more}
    response = server.client.post(UPLOADS, json={key: value for key, value in body.items() if value is not None})
    assert response.status_code == 201, response.text
    return response.headers["Location"]


def append(server, address, offset, piece):
    """Send a piece."""
    return server.client.patch(address, content=piece, headers={"Upload-Offset": str(offset)})


def _is_open(path):
    """Return whether this process has a file open, removed or not."""
    names = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists them
            names.append(str(descriptor.readlink()))
    return any(name in {str(path), f"{path} (deleted)"} for name in names)


def test_content_arrives_in_one_piece(server):
    """The last byte is answered with the digest; then the team has it."""
    done = append(server, begin(server), 0, CONTENT)
    assert (done.status_code, done.json()) == (200, {"digest": str(Digest.of_bytes(CONTENT)), "size": len(CONTENT)})
    again = server.client.post(UPLOADS, json={"digest": str(Digest.of_bytes(CONTENT)), "size": len(CONTENT)})
    assert again.status_code == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=5), restarts=st.booleans())
def test_content_arrives_in_any_pieces(tmp_path_factory, cuts, restarts):
    """However it is cut, and whether or not the server is started anew in between, it is the same content."""
    root = tmp_path_factory.mktemp("uploads") / "repository"
    ends = [*sorted(cuts), len(CONTENT)]
    with served(root) as server:
        address = begin(server)
    offset = 0
    with served(root) as server:
        for end in ends[:-1]:
            if end == offset:
                continue
            response = append(server, address, offset, CONTENT[offset:end])
            offset = end
            if offset == len(CONTENT):
                assert response.status_code == 200
                return
            assert (response.status_code, response.headers["Upload-Offset"]) == (204, str(end))
            if restarts:
                break
    with served(root) as server:
        assert server.client.head(address).headers["Upload-Offset"] == str(offset)
        assert append(server, address, offset, CONTENT[offset:]).json()["digest"] == str(Digest.of_bytes(CONTENT))


def test_a_long_request_is_made_durable_while_it_arrives(tmp_path, monkeypatch):
    """Its end, which its sender waits for, has only the last of it left to do."""
    reached = []
    monkeypatch.setattr(steps, "observer", reached.append)
    content = bytes(range(256)) * (1 << 18)  # 64 MiB
    with thread_server(tmp_path / "repository") as server, requests.Session() as session:
        begun = session.post(server.url + UPLOADS, json={"size": len(content)})
        done = session.patch(server.url + begun.headers["Location"], data=content, headers={"Upload-Offset": "0"})
        assert done.json() == {"digest": str(Digest.of_bytes(content)), "size": len(content)}
    assert reached.count("repository.upload-synced") >= 2
    assert reached.index("repository.upload-synced") < reached.index("repository.upload-whole")


def test_the_server_finds_out_the_digest(server):
    """A browser need not hash what it sends."""
    address = begin(server, digest=None)
    assert append(server, address, 0, CONTENT).json()["digest"] == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def test_a_piece_that_does_not_fit_is_refused(server):
    """Neither a gap nor an overlap is written; the answer says where to go on."""
    address = begin(server)
    append(server, address, 0, CONTENT[:100])
    for offset in (0, 50, 101, 10**19):
        refused = append(server, address, offset, b"x")
        assert (refused.status_code, refused.json()["offset"]) == (409, 100)
    assert server.client.patch(address, content=b"x").status_code == 400
    assert append(server, address, 100, CONTENT[100:]).status_code == 200


def test_more_than_was_announced_is_refused(server):
    """What fits is kept."""
    address = begin(server)
    assert append(server, address, 0, CONTENT + b"x").status_code == 400
    assert int(server.client.head(address).headers["Upload-Offset"]) <= len(CONTENT)


def test_other_content_than_was_announced_is_refused(server):
    """A wrong digest makes nothing, and the upload is over."""
    address = begin(server)
    assert append(server, address, 0, bytes(len(CONTENT))).status_code == 422
    assert append(server, address, 0, CONTENT).status_code == 404
    assert not list((server.root / "blobs").rglob("*/*/*"))


def test_an_abandoned_upload_is_gone(server):
    """With what had arrived."""
    address = begin(server)
    append(server, address, 0, CONTENT[:100])
    assert server.client.delete(address).status_code == 204
    assert server.client.head(address).status_code == 404
    assert not list((server.root / "staging").iterdir())


def test_nothing_can_be_uploaded_too(server):
    """Empty content is content."""
    address = begin(server, b"")
    assert append(server, address, 0, b"").json() == {"digest": str(Digest.of_bytes(b"")), "size": 0}


def test_an_upload_may_last_for_days(tmp_path):
    """As long as pieces come: what counts is the last of them, which the file in staging tells."""
    clock = FakeClock(time.time())
    with served(tmp_path / "repository", clock=clock) as server:
        address = begin(server)
        append(server, address, 0, CONTENT[:100])
        clock.advance(3 * FORGOTTEN_SECONDS)
        server.services.stores.transfers.forget_old()
        assert append(server, address, 100, CONTENT[100:]).status_code == 200


def test_nothing_is_added_to_an_upload_that_is_gone(tmp_path):
    """Though it was kept open: whoever goes on after a long pause is told at the first piece, not at the last."""
    with served(tmp_path / "repository") as server:
        address = begin(server)
        append(server, address, 0, CONTENT[:100])
        (content,) = (server.root / "staging").iterdir()
        os.utime(content, (0, 0))
        server.services.stores.repository.collect_garbage(wait=False)
        assert server.client.head(address).status_code == 404
        assert append(server, address, 100, CONTENT[100:]).status_code == 404
        assert not _is_open(content)


def test_uploads_are_not_forgotten_with_the_volume(tmp_path):
    """When it is gone, and comes back, they go on."""
    clock = FakeClock(time.time())
    with served(tmp_path / "repository", clock=clock) as server:
        address = begin(server)
        clock.advance(FORGOTTEN_SECONDS + 1)
        server.root.rename(tmp_path / "elsewhere")
        with pytest.raises(TransientError, match="is its volume still mounted"):
            server.services.stores.transfers.forget_old()
        (tmp_path / "elsewhere").rename(server.root)
        server.services.stores.transfers.forget_old()
        assert append(server, address, 0, CONTENT).status_code == 200


def test_an_upload_that_nobody_goes_on_with_is_forgotten(tmp_path):
    """With the content that was kept open for its next piece: the room on the disk is free."""
    clock = FakeClock(time.time())
    with served(tmp_path / "repository", clock=clock) as server:
        address = begin(server)
        append(server, address, 0, CONTENT[:100])
        (content,) = (server.root / "staging").iterdir()
        assert _is_open(content)
        os.utime(content, (0, 0))
        server.services.stores.repository.collect_garbage(wait=False)
        assert not content.exists()
        clock.advance(FORGOTTEN_SECONDS + 1)
        server.services.stores.transfers.forget_old()
        assert not _is_open(content)
        assert server.client.head(address).status_code == 404
        assert append(server, address, 100, CONTENT[100:]).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"size": -1}, {"size": "1"}, {"size": 1, "digest": "sha256:x"}, {"size": 1, "more": 1}, {"size": 1.5}, [], "x", None],
)
def test_nonsense_is_told(server, body):
    """What is wrong, and where."""
    response = server.client.post(UPLOADS, json=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_request"


def test_what_is_missing_is_told(server):
    """Of several contents, those that the team has not uploaded."""
    known = server.upload(b"known")
    blobs = [{"digest": str(known), "size": 5}, {"digest": str(Digest.of_bytes(b"other")), "size": 5}]
    asked = server.client.post("/api/v1/teams/default/blobs/missing", json={"blobs": blobs})
    assert asked.json() == {"missing": blobs[1:]}
