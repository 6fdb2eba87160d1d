"""Names of files that would lead out of their folder: refused where they come in, harmless where they go out."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from served import served

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry
from modelwatch.server.file_names import names_to_save
from modelwatch.testing.sink_contract import make_registration, make_report

TEAM = "/api/v1/teams/default"
OUTSIDE = ["../evil", "a/../../evil", "/etc/passwd", "//evil", "a//b", "./a", "a/.", "a/..", "..", ".", "", "a/", "a\0b", "\0"]
LEADING_ELSEWHERE = [
    "..\\..\\evil",
    "C:\\evil",
    "C:evil",
    "\\\\host\\share\\evil",
    ".. /.. /evil",
    "... /evil",
    "a/.. ./evil",
    "con:stream",
    "a\nb",
    "a\x1b[2Jb",
    "caf\udce9",
    "caf\udcff",
    "\ud800",
]


@pytest.fixture(scope="module")
def open_server(tmp_path_factory):
    """Give a server with no accounts for all tests of this file."""
    with served(tmp_path_factory.mktemp("names") / "repository") as found:
        found.upload(b"the first request starts a thread, which stays")
        yield found


def _outside(server):
    """Return every file that is not where a server keeps something."""
    return [path for path in server.root.parent.rglob("*") if path.is_file() and "evil" in path.name]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_registration_has_no_such_file(open_server, path):
    """Refused before anything is written, whatever the key."""
    digest = open_server.upload(b"x")
    body = make_registration(Manifest(())).to_json()
    body["manifest"] = [{"path": path, "size": 1, "digest": str(digest)}]
    answer = open_server.client.put(f"{TEAM}/registrations/{'0' * 64}", content=json.dumps(body))
    assert answer.status_code == 400, answer.text
    said = {"name": "m", "files": [{"path": path, "size": 1, "digest": str(digest)}]}
    assert open_server.client.post("/default/upload/finish", content=json.dumps(said)).status_code == 400
    assert not _outside(open_server)


def _form(name):
    """Return the body of a form with a file of some name, as bytes: clients clean such names."""
    boundary = "boundary"
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\nuploaded\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\nx\r\n--{boundary}--\r\n'
    )
    return parts.encode("utf-8", "surrogateescape"), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


@pytest.mark.parametrize("path", [*OUTSIDE, *LEADING_ELSEWHERE[:8]])
def test_a_form_has_no_such_file(open_server, path):
    """Nothing is written outside the repository; where the name was taken it is one that stays in its folder."""
    body, headers = _form(path.replace("\\", "\\\\"))
    answer = open_server.client.post("/default/upload", content=body, headers=headers, follow_redirects=False)
    assert answer.status_code in {303, 400, 422}, answer.text
    if answer.status_code == 303:
        shown = open_server.client.get(f"{TEAM}/models/uploaded/versions/latest").json()
        assert all(ManifestEntry(file["path"], 1, Digest("0" * 64)) for file in shown["files"])
    assert not _outside(open_server)


@pytest.mark.parametrize("path", ["../../evil", "..\\..\\evil", "/evil", "C:\\evil", "..", "a\0b", ""])
def test_gradients_file_name_is_a_name(open_server, path):
    """Of a path that the client tells only the last part counts, and that is none that leads anywhere."""
    handle = open_server.client.post("/mlModels/createModelV2/", json={"name": f"m {path!r}"}).json()["id"]
    query = {"modelHandle": handle, "fileName": path}
    address = open_server.client.request("GET", "/mlModels/getPresignedModelUrl/", params=query)
    if address.status_code == 200:
        put = open_server.client.put(address.json().removeprefix("http://127.0.0.1:9320"), content=b"x")
        assert put.status_code == 200
        files = open_server.client.get(f"{TEAM}/models/{handle}/versions/1").json()["files"]
        assert [file["path"] for file in files] == ["evil"]
    else:
        assert address.status_code == 400
    assert not _outside(open_server)


@pytest.mark.parametrize("field", ["model", "run", "root", "format", "team", "upload", "experiment"])
def test_no_name_is_a_path(open_server, field):
    """Names of models, runs, aliases and teams are encoded where they become names of files: nothing appears outside its folder."""
    digest = open_server.upload(b"x")
    manifest = Manifest((ManifestEntry("data", 1, digest),))
    before = {path for path in open_server.root.parent.rglob("*") if "models" not in path.parts}
    for name in ("../../../evil", "/evil", "..", "a/../evil", "evil\n", "evil\\..", "%2e%2e%2fevil", "CON", "evil" * 60):
        registration = make_registration(manifest, model=f"of {field} {len(name)}")
        if field in {"run", "experiment"}:
            registration = replace(registration, provenance=replace(registration.provenance, **{field: name}))
        else:
            registration = replace(registration, **{field: name})
        address = f"{TEAM}/registrations/{replace(registration, team='default').key}"
        answer = open_server.client.put(address, content=json.dumps(registration.to_json()))
        assert answer.status_code in {200, 400}, answer.text
    report = {**make_report(model="m").to_json(), "run": "../../../evil", "model": "../evil", "experiment": "../evil"}
    assert open_server.client.put(f"{TEAM}/runs", content=json.dumps(report)).status_code == 204
    open_server.client.put(f"{TEAM}/models/of%20model%205/aliases/..%2F..%2Fevil", json={"version": 1})
    after = {path for path in open_server.root.parent.rglob("*") if "models" not in path.parts and "blobs" not in path.parts}
    assert {path.name for path in after - before if not path.name.startswith(("transfers", "index", "upload-", ".lock"))} == set()
    models = open_server.root / "models" / "default"
    assert all(path.resolve().is_relative_to(models.resolve()) for path in models.rglob("*"))


def _registered(server, names):
    digest = server.upload(b"x")
    manifest = Manifest(tuple(sorted(ManifestEntry(name, 1, digest) for name in names)))
    registration = make_registration(manifest, model=f"names {Digest.of_json(sorted(names)).hex[:8]}")
    answer = server.client.put(f"{TEAM}/registrations/{registration.key}", content=json.dumps(registration.to_json()))
    assert answer.status_code == 200, answer.text
    return f"{TEAM}/models/{registration.model.replace(' ', '%20')}/versions/1"


def _leads_nowhere(name):
    parts = name.split("/")
    there = PureWindowsPath(name)
    assert (there.drive, there.root, name[:1] == "/") == ("", "", False), name
    assert all(part not in {"", ".", ".."} and part == part.rstrip(". ") for part in parts), name
    assert "\\" not in name
    assert not any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in name), name


def test_an_archive_leads_nowhere_where_it_is_unpacked(open_server, tmp_path):
    """On Windows neither: names that a program there would take for another place are written otherwise, and no two become one."""
    version = _registered(open_server, LEADING_ELSEWHERE)
    with zipfile.ZipFile(io.BytesIO(open_server.client.get(f"{version}/archive").content)) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "out")
    assert len(set(names)) == len(LEADING_ELSEWHERE)
    for name in names:
        _leads_nowhere(name)
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == len(LEADING_ELSEWHERE)


def test_gradients_client_saves_nothing_elsewhere(open_server):
    """It joins what it is told to a folder, on Windows too, and each link leads to the file with the name that it has here."""
    version = _registered(open_server, [*LEADING_ELSEWHERE, "plain/data"])
    model = open_server.client.get(version.rpartition("/versions")[0]).json()["id"]
    files = open_server.client.request("GET", "/mlModels/listFiles/", json={"id": model, "links": True, "size": True}).json()
    assert len({file["file"] for file in files}) == len(LEADING_ELSEWHERE) + 1
    for file in files:
        _leads_nowhere(file["file"])
        assert open_server.client.get(file["url"].removeprefix("http://127.0.0.1:9320")).content == b"x"


_names = st.text(st.sampled_from("a.b \\:/\n%~\udcff5C"), min_size=1, max_size=8)


@given(st.lists(_names, max_size=8, unique=True))
@example(["a\\b", "a%5Cb", "a%5Cb~2", "a:"])
def test_every_file_keeps_a_name_of_its_own(paths):
    """What was safe is called as before, everything else is safe, and no two are the same."""
    clean = []
    for path in paths:
        try:
            clean.append(ManifestEntry(path, 0, Digest("0" * 64)).path)
        except ValueError:
            continue
    names = names_to_save(clean)
    assert len(set(names)) == len(clean)
    for name in names:
        _leads_nowhere(name)
    assert names_to_save(["weights/model.onnx", "a%5Cb", "über", ".hidden"]) == ["weights/model.onnx", "a%5Cb", "über", ".hidden"]


@pytest.mark.parametrize(
    "name", ['"; filename="evil.exe', "a\r\nSet-Cookie: x=1", "a\r\n\r\n<script>", "\udcff\"'", "ü" * 100, ";", "..", "%0d%0aX: y"]
)
def test_a_name_adds_nothing_to_the_head_of_an_answer(open_server, name):
    """Whatever a file or a model is called, the answer has the headers that it has, each on one line, and one name to save under."""
    server = open_server
    digest = server.upload(b"x")
    path = name if name != ".." else "..x"
    manifest = Manifest((ManifestEntry(path, 1, digest),))
    registration = make_registration(manifest, model=name.replace("\r", " ").replace("\n", " "))
    put = server.client.put(f"{TEAM}/registrations/{registration.key}", content=json.dumps(registration.to_json()))
    assert put.status_code == 200, put.text
    model = put.json()["location"].rpartition("/versions")[0].rpartition("/")[2]
    version = f"{TEAM}/models/{model}/versions/{put.json()['version']}"
    made = server.client.post(f"{version}/links", content=json.dumps({"path": path}))
    assert made.status_code == 201, made.text
    link = made.json()["url"]
    for address in (f"{version}/archive", link.removeprefix("http://127.0.0.1:9320")):
        answer = server.client.get(address)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert "x" not in answer.headers
        saved = answer.headers["Content-Disposition"]
        assert saved.count('"') == 2
        assert saved.isascii()
        assert "\r" not in saved
        assert "\n" not in saved
        assert saved.startswith("attachment; ")
