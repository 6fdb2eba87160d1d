"""Models and versions through the API: what agents register is what people see, change, delete and get back."""

import json
from dataclasses import replace

import pytest

from modelwatch.core.entities import Amendment, Storage
from modelwatch.core.entities.manifest import Manifest
from modelwatch.repository.repository import Repository
from modelwatch.testing.sink_contract import make_metric, make_registration, make_report

TEAM = "/api/v1/teams/default"
MODEL = f"{TEAM}/models/digits"


def test_a_registered_version_is_there(server):
    """The receipt says which it is and where to look at it."""
    receipt = server.register({"data": b"one"}).json()
    assert (receipt["model"], receipt["version"]) == ("digits", "1")
    version = server.client.get(f"{MODEL}/versions/1").json()
    assert (version["version"], version["step"], version["names"]) == (1, 10, ["latest", "best"])
    assert [file["path"] for file in version["files"]] == ["data"]
    assert receipt["location"].startswith("http://127.0.0.1:9320/")


def test_the_same_registration_makes_one_version(server):
    """However often it comes."""
    assert server.register({"data": b"one"}).json() == server.register({"data": b"one"}).json()
    assert server.client.get(MODEL).json()["versions"] == 1


def test_a_registration_without_its_content_is_told_what_is_missing(server):
    """And makes nothing."""
    registration = make_registration(Manifest.from_json([{"path": "data", "size": 3, "digest": "sha256:" + "0" * 64}]))
    refused = server.client.put(f"{TEAM}/registrations/{registration.key}", content=json.dumps(registration.to_json()))
    assert refused.status_code == 409
    assert refused.json()["missing"] == [{"digest": "sha256:" + "0" * 64, "size": 3}]
    assert server.client.get(f"{TEAM}/models").json()["models"] == []


def test_a_key_that_is_not_the_registrations_is_refused(server):
    """Whoever writes the document does not choose its key."""
    registration = make_registration(Manifest(()))
    refused = server.client.put(f"{TEAM}/registrations/{'0' * 64}", content=json.dumps(registration.to_json()))
    assert refused.status_code == 400


def test_late_metrics_replace_the_earlier_ones(server):
    """And are what lists sort by."""
    server.register({"data": b"one"})
    key = server.client.get(f"{MODEL}/versions/1").json()["key"]
    amendment = Amendment("default", "digits", key, (make_metric("accuracy", 0.75),))
    assert server.client.put(f"{TEAM}/amendments/{amendment.key}", content=json.dumps(amendment.to_json())).status_code == 200
    metrics = server.client.get(f"{MODEL}/versions/1").json()["metrics"]
    assert [(metric["key"], metric["value"]) for metric in metrics] == [("accuracy", 0.75)]


def test_an_agent_that_writes_to_the_directory_is_seen(server, tmp_path):
    """The server follows the directory that it serves."""
    from repositories import add_version

    add_version(Repository.open(server.root), tmp_path, model="beside")
    server.services.stores.index.refresh()
    assert server.client.get(f"{TEAM}/models/beside").json()["versions"] == 1


@pytest.fixture
def five(server):
    """Give a server with five versions of a model, whose loss falls, rises, is NaN, and is missing."""
    for step, loss in enumerate([0.5, 0.25, 0.75, float("nan"), None], start=1):
        metrics = () if loss is None else (make_metric("loss", loss, step),)
        server.register({"data": b"%d" % step}, step=step, metrics=metrics, root=f"ckpt-{step}")
    return server


def _numbers(server, query):
    found, cursor = [], ""
    while cursor is not None:
        page = server.client.get(f"{MODEL}/versions?{query}{cursor}").json()
        found += [version["version"] for version in page["versions"]]
        cursor = page["next"] and f"&cursor={page['next']}"
    return found


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("sort=number&order=ascending", [1, 2, 3, 4, 5]),
        ("sort=loss&order=ascending", [2, 1, 3, 4, 5]),
        ("sort=loss&order=descending", [3, 1, 2, 4, 5]),
        ("search=ckpt-3", [3]),
        ("origin=uploaded", []),
        ("type=tensorflow&experiment=e1&project=p1", [5, 4, 3, 2, 1]),
        ("experiment=other", []),
    ],
)
def test_versions_are_sorted_and_filtered(five, query, numbers):
    """By any metric; what has none, or no number, is last in either order; in pages of any size."""
    for limit in (1, 2, 50):
        assert _numbers(five, f"{query}&limit={limit}") == numbers


def test_best_is_the_lowest_loss(five):
    """Among those that have one; an alias of that name wins."""
    assert five.client.get(f"{MODEL}/versions/best").json()["version"] == 2
    five.client.put(f"{MODEL}/aliases/best", json={"version": 1})
    assert five.client.get(f"{MODEL}/versions/best").json()["version"] == 1
    assert five.client.get(f"{MODEL}/aliases").json()["aliases"] == {"best": 1}
    assert five.client.delete(f"{MODEL}/aliases/best").json()["aliases"] == {}
    assert five.client.get(f"{MODEL}/versions/best").json()["version"] == 2
    assert five.client.delete(f"{MODEL}/aliases/best").status_code == 404


def test_metrics_over_versions(five):
    """NaN is told as text that JSON can hold."""
    points = five.client.get(f"{MODEL}/metrics").json()["points"]
    assert [(point["version"], point["value"]) for point in points] == [(1, 0.5), (2, 0.25), (3, 0.75), (4, "NaN")]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "order=up", "type=Pickle", "origin=made", "cursor=x", "public=1"]
)
def test_a_wrong_question_is_told(five, query):
    """Not answered as if it were another."""
    assert five.client.get(f"{MODEL}/versions?{query}" if query != "public=1" else f"{TEAM}/models?{query}").status_code == 400


def test_changes_are_made_and_seen_at_once(server):
    """Notes, tags, being public; of a version as well."""
    server.register({"data": b"one"})
    changed = server.client.patch(MODEL, json={"notes": "baseline", "tags": ["b", "a"], "public": True}).json()
    assert (changed["notes"], changed["tags"], changed["public"]) == ("baseline", ["a", "b"], True)
    changed = server.client.patch(f"{MODEL}/versions/1", json={"notes": "good", "tags": ["x"]}).json()
    assert (changed["notes"], changed["tags"]) == ("good", ["x"])
    assert [model["name"] for model in server.client.get(f"{TEAM}/models?tag=a&tag=b").json()["models"]] == ["digits"]
    assert server.client.patch(MODEL, json={"tags": ["b"]}).json()["tags"] == ["b"]
    for wrong in ({"nmae": "x"}, {"tags": [""]}, {"tags": ["a\nb"]}, {"public": "yes"}, []):
        assert server.client.patch(MODEL, json=wrong).status_code == 400


def test_a_renamed_model_is_found_under_all_its_names(server):
    """And so does a training that knows the old one reach it; a name that is taken is refused."""
    server.register({"data": b"one"}, step=1)
    server.register({"data": b"x"}, model="letters")
    renamed = server.client.patch(MODEL, json={"name": "numbers"}).json()
    assert renamed["name"] == "numbers"
    assert server.register({"data": b"two"}, step=2).json()["version"] == "2"
    for name in ("digits", "numbers", renamed["id"]):
        found = server.client.get(f"{TEAM}/models/{name}").json()
        assert (found["name"], found["versions"]) == ("numbers", 2)
    assert server.client.patch(f"{TEAM}/models/numbers", json={"name": "letters"}).status_code == 400


def test_what_was_deleted_comes_back(server):
    """A version, and a model with all that it had; deleted by people it can be restored."""
    server.register({"data": b"one"}, step=1)
    server.register({"data": b"two"}, step=2)
    server.client.patch(MODEL, json={"notes": "baseline"})
    assert server.client.delete(f"{MODEL}/versions/2").json()["deleted"] == [2]
    assert server.client.get(f"{MODEL}/versions/2").status_code == 404
    assert server.client.post(f"{MODEL}/versions/2/restore").json()["version"] == 2
    identifier = server.client.get(MODEL).json()["id"]
    assert server.client.delete(MODEL).json()["deleted"] == [1, 2]
    assert server.client.get(MODEL).status_code == 404
    assert server.client.get(f"{TEAM}/models").json()["models"] == []
    server.services.stores.repository.collect_garbage()
    restored = server.client.post(f"{TEAM}/models/{identifier}/restore").json()
    assert (restored["versions"], restored["notes"]) == (2, "baseline")
    assert server.client.get(f"{MODEL}/versions/1/files/data").content == b"one"


def test_a_renamed_model_comes_back_under_its_last_name(server):
    """No other model can be called as it was meanwhile, so that none of its names leads elsewhere."""
    server.register({"data": b"one"})
    identifier = server.client.patch(MODEL, json={"name": "numbers"}).json()["id"]
    server.client.delete(f"{TEAM}/models/{identifier}")
    server.register({"data": b"two"}, model="other")
    for taken in ("digits", "numbers"):
        assert server.client.patch(f"{TEAM}/models/other", json={"name": taken}).status_code == 400
    assert server.client.post(f"{TEAM}/models/{identifier}/restore").json()["name"] == "numbers"
    for name in ("digits", "numbers", identifier):
        assert server.client.get(f"{TEAM}/models/{name}").json()["versions"] == 1


def test_experiments(server):
    """What came from one, and deleting what lives with it."""
    from modelwatch.core.entities import Lifetime

    server.register({"data": b"one"}, step=1, lifetime=Lifetime.EXPERIMENT)
    server.register({"data": b"two"}, step=2)
    [listed] = server.client.get(f"{TEAM}/experiments").json()["experiments"]
    assert (listed["id"], [version["version"] for version in listed["versions"]]) == ("e1", [1, 2])
    deleted = server.client.delete(f"{TEAM}/experiments/e1").json()
    assert [pair["version"] for pair in deleted["deleted"]] == [1]
    assert [pair["version"] for pair in deleted["kept"]] == [2]
    assert server.client.get(f"{TEAM}/experiments/other").status_code == 404


def test_files_links_and_archives(server):
    """Bytes, a part of them, all of them; a link needs no key and holds for its file only."""
    import io
    import zipfile

    server.register({"a/data": b"0123456789", "b": b"bee"})
    version = f"{MODEL}/versions/1"
    assert server.client.get(f"{version}/files/a/data").content == b"0123456789"
    part = server.client.get(f"{version}/files/a/data", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    with zipfile.ZipFile(io.BytesIO(server.client.get(f"{version}/archive").content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a/data": b"0123456789", "b": b"bee"}
    headers = server.key("default")
    link = server.client.post(f"{version}/links", json={"path": "b", "lifetime": 60}, headers=headers).json()["url"]
    assert server.client.get(f"{version}/files/b").status_code == 401
    assert server.client.get(link.removeprefix("http://127.0.0.1:9320")).content == b"bee"
    assert server.client.get(f"{version}/files/nothing", headers=headers).status_code == 404
    for path in ("%2e%2e/%2e%2e/%2e%2e/repository.json", "a/%2e%2e/b", "/b"):
        assert server.client.get(f"{version}/files/{path}", headers=headers).status_code == 404


def test_files_are_never_pages(server):
    """Whatever they hold, browsers save them."""
    server.register({"evil.html": b"<script>alert(1)</script>"})
    answer = server.client.get(f"{MODEL}/versions/1/files/evil.html")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_referenced_files_are_not_read(server, tmp_path):
    """Whoever may write could name any file of the server's machine."""
    (tmp_path / "private").write_bytes(b"abc")
    registration = replace(
        make_registration(Manifest.from_json([{"path": "private", "size": 3, "digest": "sha256:" + "0" * 64}])),
        storage=Storage.REFERENCE,
        source=str(tmp_path),
    )
    server.client.put(f"{TEAM}/registrations/{registration.key}", content=json.dumps(registration.to_json()))
    assert server.client.get(f"{MODEL}/versions/1").json()["storage"] == "reference"
    assert server.client.get(f"{MODEL}/versions/1/files/private").status_code == 409
    assert server.client.get(f"{MODEL}/versions/1/archive").status_code == 409


def test_answers_can_be_asked_about_again(server):
    """With the ETag of before: 304 until something changes."""
    server.register({"data": b"one"})
    tag = server.client.get(MODEL).headers["ETag"]
    assert server.client.get(MODEL, headers={"If-None-Match": tag}).status_code == 304
    server.client.patch(MODEL, json={"notes": "new"})
    assert server.client.get(MODEL, headers={"If-None-Match": tag}).status_code == 200


def test_reports_of_runs(server):
    """What an agent tells of a training is there, its curves as they were told."""
    server.register({"data": b"one"})
    report = make_report()
    assert server.client.put(f"{TEAM}/runs", content=json.dumps(report.to_json())).status_code == 204
    [listed] = server.client.get(f"{MODEL}/runs").json()["runs"]
    assert listed["run"] == "run-1"
    assert server.client.get(f"{MODEL}/runs/run-1").json() == report.to_json()
    assert server.client.get(f"{MODEL}/runs/other").status_code == 404


def test_a_model_whose_name_holds_a_slash(server):
    """It is found by its exact name, and named by its id."""
    server.register({"data": b"one"}, model="nlp/bert large")
    [model] = server.client.get(f"{TEAM}/models", params={"name": "nlp/bert large"}).json()["models"]
    assert server.client.get(f"{TEAM}/models/{model['id']}/versions/latest").json()["version"] == 1


def test_too_long_a_body_is_refused(server):
    """Before it is held in memory."""
    answer = server.client.patch(MODEL, content=b" " * ((1 << 20) + 1))
    assert answer.status_code == 413


def test_a_training_is_seen_before_its_first_version(server):
    """Its runs are listed with the name of the model that is to come, and shown with their curves; to who is no member there is nothing."""
    server.register({"data": b"one"}, model="older")
    server.client.put(f"{TEAM}/runs", content=json.dumps(make_report(model="older", run="run-0").to_json()))
    report = make_report(model="to come")
    assert server.client.put(f"{TEAM}/runs", content=json.dumps(report.to_json())).status_code == 204
    listed = server.client.get(f"{TEAM}/runs").json()["runs"]
    assert [(run["model"], run["run"], run["state"]) for run in listed] == [
        ("to come", "run-1", "training"),
        ("older", "run-0", "training"),
    ]
    assert [run["run"] for run in server.client.get(f"{TEAM}/runs?limit=1").json()["runs"]] == ["run-1"]
    assert server.client.get(f"{TEAM}/runs?limit=0").status_code == 400
    assert [run["run"] for run in server.client.get(f"{TEAM}/models/to%20come/runs").json()["runs"]] == ["run-1"]
    assert server.client.get(f"{TEAM}/models/to%20come/runs/run-1").json() == report.to_json()
    assert server.client.get(f"{TEAM}/models/to%20come/runs/other").status_code == 404
    assert server.client.get(f"{TEAM}/models/nothing/runs").status_code == 404
    assert server.client.get(f"{TEAM}/models/to%20come").status_code == 404
    blue = server.key("blue")
    for path in ("runs", "models/to%20come/runs", "models/to%20come/runs/run-1"):
        assert server.client.get(f"{TEAM}/{path}", headers=blue).status_code == 404


def test_the_runs_of_a_model_that_was_deleted_are_not_listed(server):
    """They come back with it."""
    server.register({"data": b"one"})
    server.client.put(f"{TEAM}/runs", content=json.dumps(make_report().to_json()))
    identifier = server.client.get(MODEL).json()["id"]
    server.client.delete(MODEL)
    assert server.client.get(f"{TEAM}/runs").json()["runs"] == []
    server.client.post(f"{TEAM}/models/{identifier}/restore")
    assert [run["run"] for run in server.client.get(f"{TEAM}/runs").json()["runs"]] == ["run-1"]


def test_tags_are_added_and_taken_away_in_one_step(server):
    """Of a model and of a version; what is not named stays, and what is not there is no error."""
    server.register({"data": b"one"})
    for path in (MODEL, f"{MODEL}/versions/1"):
        assert server.client.post(f"{path}/tags", json={"add": ["b", "a"]}).json()["tags"] == ["a", "b"]
        assert server.client.post(f"{path}/tags", json={"add": ["c"], "remove": ["a", "nothing"]}).json()["tags"] == ["b", "c"]
        for wrong in ({"add": "a"}, {"add": [""]}, {"set": ["a"]}, {"remove": [1]}):
            assert server.client.post(f"{path}/tags", json=wrong).status_code == 400


def test_two_who_add_tags_at_once_lose_none(server, tmp_path):
    """The command line's client, and Gradient's, which reads all tags and writes all of them back: whoever comes between stays."""
    server.register({"data": b"one"})
    identifier = server.client.get(MODEL).json()["id"]

    def read():
        entries = server.client.request("GET", "/entityTags/getTags", params={"entity": "mlModel", "entityIds": identifier}).json()
        return {entry["tag"]["name"] for entry in entries[identifier]}

    def write(tags):
        body = {"entity": "mlModel", "entityId": identifier, "tags": sorted(tags)}
        return {entry["tag"]["name"] for entry in server.client.put("/entityTags/updateTags/", json=body).json()}

    one, other = read(), read()
    server.client.post(f"{MODEL}/tags", json={"add": ["theirs"]})
    assert write(one | {"one"}) == {"one", "theirs"}
    assert write(other | {"other"}) == {"one", "other", "theirs"}
    one, other = read(), read()
    assert write(one - {"one"}) == {"other", "theirs"}
    assert write(other - {"other"}) == {"theirs"}
    assert write(read() | {"theirs"}) == {"theirs"}
