"""Archives that somebody sends to be unpacked: each is refused whole, before it costs more than it is, and nothing of it becomes a version."""

import io
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import served

from modelwatch.core.digest import Digest
from modelwatch.core.errors import PermanentError
from modelwatch.server.gradient import archives
from modelwatch.server.gradient.archives import unpacked

ORIGIN = "http://127.0.0.1:9320"


def _zip(members, *, method=zipfile.ZIP_DEFLATED, change=None):
    """Return an archive of members, each of which may be changed before it is written."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.filename = name  # as it is: the constructor cleans it
            info.compress_type = method
            info.external_attr = 0o100644 << 16
            if change is not None:
                change(info)
            archive.writestr(info, content)
    return target.getvalue()


def _put(size, pieces):
    """Take a member as the repository does, and keep nothing."""
    content = b"".join(pieces)
    assert len(content) == size
    return Digest.of_bytes(content)


def _refused(folder, data, match=""):
    path = folder / "model.zip"
    path.write_bytes(data)
    with pytest.raises(PermanentError, match=match):
        unpacked(path, _put)


def test_a_good_one_is_taken(tmp_path):
    """What the client packs: files in folders, and a name with `./` before it."""
    (tmp_path / "model.zip").write_bytes(_zip([("./a", b"one"), ("folder/", b""), ("folder/b", b"two")]))
    manifest = unpacked(tmp_path / "model.zip", _put)
    assert [(entry.path, entry.size) for entry in manifest.entries] == [("a", 3), ("folder/b", 3)]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/evil",
        "a/../../evil",
        "a//b",
        "..",
        "././../evil",
        ".//evil",
        "a/./b",
        "//host/evil",
        "a/..",
        "\0evil"[1:] + "/../x",
    ],
)
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    """With everything else that is in the archive (zip slip)."""
    _refused(tmp_path, _zip([("good", b"x"), (name, b"evil")]), "unsafe path")


def test_links_and_devices_are_refused(tmp_path):
    """A link would lead elsewhere for whoever comes after it."""
    for mode in (0o120777, 0o020666, 0o010666, 0o060666, 0o140777):
        _refused(
            tmp_path,
            _zip([("link", b"/etc/passwd")], change=lambda info, mode=mode: setattr(info, "external_attr", mode << 16)),
            "no regular file",
        )


def test_a_name_that_is_there_twice_is_refused(tmp_path):
    """Which of the two was meant nobody can tell."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = _zip([("a", b"one"), ("./a", b"two"), ("a", b"three")])
    _refused(tmp_path, data, "twice")


def test_what_would_unpack_to_much_more_than_it_is_is_refused(tmp_path):
    """By what it says, before anything of it is unpacked."""
    zeros = bytes(1 << 20)
    members = [(f"{number}", zeros) for number in range(70)]
    _refused(tmp_path, _zip(members), "would unpack to")


def test_what_unpacks_to_more_than_it_says_is_refused(tmp_path):
    """It is read no further than it says."""
    data = _zip([("a", bytes(1 << 20))])
    wrong = data.replace(struct.pack("<L", 1 << 20), struct.pack("<L", 1000))
    assert wrong != data
    _refused(tmp_path, wrong, "damaged|cannot be unpacked")


def test_members_that_share_their_bytes_are_refused(tmp_path):
    """A bomb that needs no ratio: many members that are all the same part of the file."""
    member = _zip([("00000", bytes(1 << 20))])
    local, directory = member[: member.index(b"PK\1\2")], member[member.index(b"PK\1\2") : member.index(b"PK\5\6")]
    entries = b"".join(directory.replace(b"00000", b"%05d" % number) for number in range(500))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 500, 500, len(entries), len(local), 0)
    _refused(tmp_path, local + entries + end, "would unpack to|cannot be unpacked")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_what_the_client_packs_with_is_unpacked(tmp_path, method):
    """LZMA would allocate what the archive says, and bzip2 unpack zeros without end."""
    _refused(tmp_path, _zip([("a", b"content")], method=method), "not taken")


def test_an_encrypted_one_is_refused(tmp_path):
    """Nobody could read what came of it."""
    data = bytearray(_zip([("a", b"content")]))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    _refused(tmp_path, bytes(data), "encrypted|cannot be unpacked")


def test_a_directory_without_end_does_not_fill_the_memory(tmp_path):
    """What is read of it at once is bounded, whatever the archive says and however long it is."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    count = (64 << 20) // len(entry)
    path = tmp_path / "model.zip"
    with path.open("wb") as file:
        for _ in range(64):
            file.write(entry * (count // 64))
        size = file.tell()
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFE, 0xFFFE, size, 0, 0))
    tracemalloc.start()
    try:
        with pytest.raises(PermanentError, match="too large"):
            unpacked(path, _put)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    """Each would be a file of the repository."""
    monkeypatch.setattr(archives, "MOST_MEMBERS", 10)
    _refused(tmp_path, _zip([(f"{number}", b"") for number in range(11)]), "more than 10")


_GOOD = _zip([("a", b"content of a"), ("folder/b", bytes(500)), ("c", b"stored")])


@settings(max_examples=400)
@given(st.data())
def test_whatever_is_sent_is_unpacked_or_refused(tmp_path_factory, data):
    """A damaged archive is told as such, never an error of the server: bytes are changed, cut off and repeated anywhere."""
    found = bytearray(_GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(found) - 1))
        match data.draw(st.sampled_from(["change", "cut", "repeat"])):
            case "change":
                found[at] = data.draw(st.integers(0, 255))
            case "cut":
                del found[at : at + data.draw(st.integers(1, 40))]
            case "repeat":
                found[at:at] = found[at : at + data.draw(st.integers(1, 40))]
        if not found:
            break
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.write_bytes(bytes(found))
    try:
        manifest = unpacked(path, _put)
    except PermanentError:
        return
    assert manifest.entries


@pytest.fixture
def upload(tmp_path):
    """Give what sends an archive as Gradient's client does, and the server that takes it."""
    with served(tmp_path / "repository") as server:

        def send(data):
            handle = server.client.post("/mlModels/createModelV2/", json={"name": "packed"}).json()["id"]
            query = {"modelHandle": handle, "fileName": "model.zip"}
            address = server.client.request("GET", "/mlModels/getPresignedModelUrl/", params=query).json()
            return server.client.put(address.removeprefix(ORIGIN), content=data)

        send.server = server
        yield send


def test_a_refused_archive_leaves_nothing(upload):
    """No version, no file outside the repository, and none of its good members where anybody could find it."""
    for data in (_zip([("good", b"good"), ("../../evil", b"evil")]), b"PK no archive", b"", _GOOD[:-10], _zip([])):
        answer = upload(data)
        assert answer.status_code == 422, answer.text
        assert "Traceback" not in answer.text
    server = upload.server
    assert server.client.get("/api/v1/teams/default/models").json()["models"] == []
    assert not list(server.root.parent.rglob("evil"))
    assert upload(_GOOD).status_code == 200
    assert server.client.get("/api/v1/teams/default/models/packed").json()["versions"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="../../evil"\r\n\r\nx\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nx\r\n--other--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n',
        b"--" + b"b" * 100_000,
        b"--b\r\n" + b"X: y\r\n" * 10_000,
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n\r\n--b--\r\n--b--\r\n',
    ],
)
def test_a_frame_that_lies_makes_nothing_but_the_bytes_that_came(upload, body):
    """The name in the frame counts for nothing, and what is not framed as it says is refused or kept as it is."""
    server = upload.server
    handle = server.client.post("/mlModels/createModelV2/", json={"name": "framed"}).json()["id"]
    query = {"modelHandle": handle, "fileName": "weights"}
    address = server.client.request("GET", "/mlModels/getPresignedModelUrl/", params=query).json().removeprefix(ORIGIN)
    answer = server.client.put(address, content=body)
    assert answer.status_code in {200, 400}
    if answer.status_code == 200:
        files = server.client.get("/api/v1/teams/default/models/framed/versions/1").json()["files"]
        assert [file["path"] for file in files] == ["weights"]
        assert files[0]["size"] <= len(body)
    assert not list(server.root.parent.rglob("evil"))
