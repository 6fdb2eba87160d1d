"""What a team could infer about another one without ever being shown it: from times, tags of answers, silence, and from what is missing."""

import json
import os
from dataclasses import replace

import pytest
from served import served

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry, Storage
from modelwatch.server.accounts.entities import Scope
from modelwatch.testing.sink_contract import make_registration

SHARED = b"the same bytes in two teams"


def _download(teams, team, path="models/shared/versions/1/files/data", **headers):
    return teams.client.get(f"/api/v1/teams/{team}/{path}", headers={**teams.headers[team, Scope.READ], **headers})


@pytest.fixture
def both(tmp_path):
    """Give a server where red has registered some content, and a long time later blue the same."""
    with served(tmp_path / "repository") as server:
        for team in ("red", "blue"):
            server.headers[team, Scope.WRITE] = server.headers[team, Scope.READ] = server.key(team)
        server.register({"data": SHARED}, team="red", headers=server.headers["red", Scope.WRITE], model="shared")
        blob = server.services.stores.repository.storage.blob_path(Digest.of_bytes(SHARED))
        os.utime(blob, (1_000_000_000, 1_000_000_000))
        yield server


def test_a_file_does_not_tell_when_its_content_first_came(both):
    """The date and the tag of a download are the version's own, and do not move when another team brings the same bytes."""
    writer = both.headers["blue", Scope.WRITE]
    before = _download(both, "red").headers
    assert "2001" not in before["Last-Modified"]
    both.register({"data": SHARED}, team="blue", headers=writer, model="shared")
    after, theirs = _download(both, "red").headers, _download(both, "blue").headers
    assert (after["Last-Modified"], after["ETag"]) == (before["Last-Modified"], before["ETag"])
    assert "2001" not in theirs["Last-Modified"]
    assert theirs["ETag"] == f'"{Digest.of_bytes(SHARED).hex}"'


def test_a_download_goes_on_by_the_tag_of_its_content(both):
    """With the tag a part is a part of the same bytes; with another one the whole file comes."""
    tag = _download(both, "red").headers["ETag"]
    part = _download(both, "red", **{"Range": "bytes=4-", "If-Range": tag})
    assert (part.status_code, part.content) == (206, SHARED[4:])
    whole = _download(both, "red", **{"Range": "bytes=4-", "If-Range": '"other"'})
    assert (whole.status_code, whole.content) == (200, SHARED)


def test_naming_a_digest_is_not_having_its_content(both):
    """A version by reference that names another team's digest does not make that content blue's: it is missing as before, and cannot be registered."""
    writer = both.headers["blue", Scope.WRITE]
    digest = Digest.of_bytes(SHARED)
    manifest = Manifest((ManifestEntry("data", len(SHARED), digest),))
    named = replace(make_registration(manifest, model="named"), team="blue", storage=Storage.REFERENCE, source="/srv/secrets")
    put = both.client.put(f"/api/v1/teams/blue/registrations/{named.key}", content=json.dumps(named.to_json()), headers=writer)
    assert put.status_code == 200
    blob = {"digest": str(digest), "size": len(SHARED)}
    asked = both.client.post("/api/v1/teams/blue/blobs/missing", json={"blobs": [blob]}, headers=writer)
    assert asked.json()["missing"] == [blob]
    assert both.client.post("/api/v1/teams/blue/uploads", json=blob, headers=writer).status_code == 201
    for registration in (replace(named, storage=Storage.COPY), replace(named, storage=Storage.COPY, step=11)):
        path = f"/api/v1/teams/blue/registrations/{registration.key}"
        refused = both.client.put(path, content=json.dumps(registration.to_json()), headers=writer)
        assert (refused.status_code, refused.json().get("missing")) == (409, [blob])
    said = {"name": "finished", "files": [{"path": "data", **blob}]}
    assert both.client.post("/blue/upload/finish", json=said, headers=writer).status_code == 422
    assert both.client.get("/api/v1/teams/blue/models/named/versions/1/archive", headers=writer).status_code == 409


def test_an_upload_of_what_another_team_has_is_an_upload_like_any_other(both):
    """It is taken in full, with the same answers in the same order as of what nobody has."""
    writer = both.headers["blue", Scope.WRITE]
    answers = []
    for content in (SHARED, b"bytes that nobody has so far"):
        begun = both.client.post(
            "/api/v1/teams/blue/uploads", json={"digest": str(Digest.of_bytes(content)), "size": len(content)}, headers=writer
        )
        half = both.client.patch(begun.headers["Location"], content=content[:9], headers={**writer, "Upload-Offset": "0"})
        whole = both.client.patch(begun.headers["Location"], content=content[9:], headers={**writer, "Upload-Offset": "9"})
        answers.append([(each.status_code, sorted(set(each.headers) - {"content-length"})) for each in (begun, half, whole)])
    assert answers[0] == answers[1]


def test_what_is_no_longer_published_is_gone_at_once(teams):
    """For strangers and members of other teams, in every list, for who kept a tag of the answer, and for links that they made meanwhile."""
    client, writer = teams.client, teams.headers["red", Scope.WRITE]
    path = "/api/v1/teams/red/models/published"
    strangers = ({}, teams.headers["blue", Scope.ADMIN])
    kept = [(address, headers, client.get(address, headers=headers)) for address in _shown(path) for headers in strangers]
    assert {answer.status_code for _, _, answer in kept} == {200}
    links = [
        client.post(f"{path}/versions/1/links", json=body, headers=headers)
        for body in ({}, {"path": "data"})
        for headers in strangers
    ]
    addresses = [link.json()["url"].removeprefix("http://127.0.0.1:9320") for link in links]
    assert [client.get(address).status_code for address in addresses] == [200] * 4
    client.patch(path, json={"public": False}, headers=writer)
    try:
        for address, headers, answer in kept:
            again = client.get(
                address, headers={**headers, "If-None-Match": answer.headers.get("ETag", "*")}, follow_redirects=False
            )
            assert again.status_code in {401, 303, 404}, address
            assert "for all by red" not in again.text
        for address in addresses:
            assert client.get(address).status_code == 404
        assert client.get("/api/v1/public/models").json()["models"] == []
    finally:
        client.patch(path, json={"public": True}, headers=writer)


def _shown(path):
    api = [
        path,
        *(f"{path}{more}" for more in ("/versions", "/versions/1", "/versions/1/files/data", "/versions/1/archive", "/metrics")),
    ]
    return [*api, f"{path}/runs", f"{path}/aliases", "/red/models/published", "/red/models/published/versions/1"]


@pytest.mark.parametrize(
    "asked", ["public=false", "public=false&public=true", "public=true&public=false", "name=zebra", "search=zebra"]
)
def test_the_list_of_what_is_published_shows_nothing_else(teams, asked):
    """Whatever it is asked; nor does a team's own list to somebody of another team."""
    for address, headers in (
        (f"/api/v1/public/models?{asked}", {}),
        (f"/api/v1/teams/red/models?{asked}", {}),
        (f"/api/v1/teams/red/models?{asked}", teams.headers["blue", Scope.ADMIN]),
        (f"/public/models?{asked}", {}),
    ):
        answer = teams.client.get(address, headers=headers)
        assert "secret" not in answer.text
        assert '"zebra"' not in answer.text


def test_errors_do_not_tell_where_things_are_on_the_servers_disks(teams):
    """Neither to members nor to strangers, when something is not there or cannot be read."""
    root = str(teams.root)
    headers = teams.headers["blue", Scope.ADMIN]
    for method, path in (
        ("POST", "/api/v1/teams/blue/models/nothing/restore"),
        ("GET", "/api/v1/teams/blue/models/zebra/runs/nothing"),
        ("POST", "/api/v1/teams/blue/models/zebra/versions/99/restore"),
        ("PATCH", "/api/v1/teams/blue/models/nothing"),
        ("POST", "/blue/models/nothing/restore"),
    ):
        answer = teams.client.request(method, path, headers=headers, json={} if method == "PATCH" else None, follow_redirects=False)
        assert root not in answer.text + answer.headers.get("Location", "")
        assert answer.status_code != 500


def test_a_server_whose_repository_is_gone_does_not_tell_where_it_was(tmp_path):
    """Its health is for everybody, and its errors are for whoever asks."""
    with served(tmp_path / "repository") as server:
        (tmp_path / "repository").rename(tmp_path / "elsewhere")
        try:
            for path in ("/readyz", "/api/v1/teams/default/models", "/default/models"):
                answer = server.client.get(path)
                assert answer.status_code == 503, answer.text
                assert str(tmp_path) not in answer.text
        finally:
            (tmp_path / "elsewhere").rename(tmp_path / "repository")
