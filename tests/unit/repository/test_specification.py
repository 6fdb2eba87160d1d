"""docs/repository.md is enough to read a repository: this reader was written from it and uses none of our code."""

import hashlib
import json
import math
import time

import pytest
from repositories import TEAM, add_version, blob_files, new_repository

from modelwatch.core.entities import Amendment
from modelwatch.testing.sink_contract import make_metric, make_registration, make_report, make_snapshot


def canonical(value):
    """The canonical JSON of the specification."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def encode(name):
    """A name as a component: rules 1 to 3."""
    literal = b"abcdefghijklmnopqrstuvwxyz0123456789_-."
    parts = [chr(byte) if byte in literal else f"%{byte:02x}" for byte in name.encode()]
    for end in (0, -1):
        parts[end] = parts[end].replace(".", "%2e")
    return "".join(parts)


def model_id(root, team, model):
    """A model's id: 13 base-36 digits, the lowest first."""
    identifier = json.loads((root / "repository.json").read_bytes())["id"]
    number = int(hashlib.sha256(canonical([identifier, encode(team), encode(model)])).hexdigest(), 16)
    digits = ""
    for _ in range(13):
        number, digit = divmod(number, 36)
        digits += "0123456789abcdefghijklmnopqrstuvwxyz"[digit]
    return "mo" + digits


def place(root, team, model):
    """The directory that a model's name leads to."""
    folder = root / "models" / encode(team) / encode(model)
    redirect = folder / "renamed.json"
    return folder.parent / json.loads(redirect.read_bytes())["to"] if redirect.exists() else folder


def read(root, team, model):
    """The model and every live version, by number, with tags and metrics."""
    folder = place(root, team, model)
    versions, keys = {}, set()
    for path in sorted((folder / "versions").glob("[0-9]*.json")):
        body = json.loads(path.read_bytes())
        if body["key"] not in keys:
            keys.add(body["key"])
            versions[int(path.stem)] = {**body, "tags": set(), "deleted": False}
    events = [json.loads(path.read_bytes()) for path in sorted((folder / "events").glob("[0-9A-Z]*.json"))]
    apply_to_versions({body["key"]: body for body in versions.values()}, events)
    floor, itself = apply_to_model(events)
    return itself, {number: body for number, body in versions.items() if number > floor and not body["deleted"]}


def apply_to_versions(by_key, events):
    """What events make of versions."""
    for event in events:
        version = by_key.get(event.get("registration"))
        match event["kind"]:
            case "tags" if version:
                version["tags"] = version["tags"] - set(event["remove"]) | set(event["add"])
            case "metrics":
                version["metrics"] = event["metrics"]
            case "version-deleted" | "version-restored":
                version["deleted"] = event["kind"] == "version-deleted"


def apply_to_model(events):
    """What events make of a model: the number up to which versions belong to one that is gone, and the rest."""
    floor, itself = 0, {"name": None, "tags": set(), "public": False}
    for index, event in enumerate(events):
        restored = [later["through"] for later in events[index:] if later["kind"] == "model-restored"]
        match event["kind"]:
            case "tags" if event["registration"] is None:
                itself["tags"] = itself["tags"] - set(event["remove"]) | set(event["add"])
            case "model-renamed":
                itself["name"] = event["name"]
            case "published":
                itself["public"] = event["public"]
            case "model-deleted" if event["through"] not in restored:
                floor = max(floor, event["through"])
                itself |= {"tags": set(), "public": False}
    return floor, itself


def needed(root):
    """The digests that a collection keeps now, by the rule of the specification."""
    keep = set()
    for folder in (root / "models").glob("[!.]*/[!.]*"):
        kept_until = {}
        for path in sorted((folder / "events").glob("[0-9A-Z]*.json")):
            event = json.loads(path.read_bytes())
            if event["kind"] == "version-deleted":
                kept_until[event["registration"]] = event.get("keep_until", 0)
            elif event["kind"] == "version-restored":
                del kept_until[event["registration"]]
        for path in (folder / "registrations").glob("[!.]*.json"):
            claim = json.loads(path.read_bytes())
            if "guards" not in claim and kept_until.get(claim["key"], math.inf) > time.time():
                keep |= {entry["digest"].removeprefix("sha256:") for entry in claim["manifest"]}
    return keep


def read_runs(root, team, model):
    """Every run that is shown, by its name."""
    folder = root / "models" / encode(team) / encode(model)
    events = [(path.stem, json.loads(path.read_bytes())) for path in sorted((folder / "events").glob("[0-9A-Z]*.json"))]
    deleted = ""
    for index, (name, event) in enumerate(events):
        restored = [later["through"] for _, later in events[index:] if later["kind"] == "model-restored"]
        if event["kind"] == "model-deleted" and event["through"] not in restored:
            deleted = name
    bodies = [json.loads(path.read_bytes()) for path in (folder / "runs").glob("[!.]*.json")]
    return {body["run"]: body for body in bodies if body["after"] >= deleted}


@pytest.mark.parametrize("model", ["digits", "Digits 模型/1.0."])
def test_a_reader_written_from_the_specification_sees_what_we_see(tmp_path, model):
    """Ids, numbers, keys, content, tags, metrics and deletions are as the specification says."""
    repository = new_repository(tmp_path / "repository")
    snapshot = make_snapshot(tmp_path / "s", {"a": b"1", "b/c": b"22"})
    registrations = [make_registration(snapshot.manifest, model=model, step=step) for step in (10, 20, 30)]
    for registration in registrations:
        repository.register(registration, snapshot)
    repository.tag(model, ("x", "y"), team=TEAM, version="1")
    repository.untag(model, ("y",), team=TEAM, version="1")
    repository.amend(Amendment(TEAM, model, registrations[2].key, (make_metric("loss", float("nan")),)))
    repository.delete_version(model, "2", team=TEAM)

    itself, versions = read(repository.root, TEAM, model)

    assert repository.model(model, team=TEAM).id == model_id(repository.root, TEAM, model)
    assert itself == {"name": None, "tags": set(), "public": False}
    assert {number: body["tags"] for number, body in versions.items()} == {1: {"x"}, 3: set()}
    assert versions[3]["metrics"][0]["value"] == "NaN"
    for number, body in versions.items():
        manifest = hashlib.sha256(canonical(body["manifest"])).hexdigest()
        identity = [TEAM, model, "run-1", body["format"], body["root"], body["step"], None, f"sha256:{manifest}"]
        assert hashlib.sha256(canonical(identity)).hexdigest() == body["key"] == registrations[number - 1].key
        for entry in body["manifest"]:
            digest = entry["digest"].removeprefix("sha256:")
            content = (repository.root / "blobs/sha256" / digest[:2] / digest).read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, entry["size"])


def test_a_reader_written_from_the_specification_sees_the_runs_that_we_see(tmp_path):
    """Names, curves and numbers are as the specification says, and what was told of a deleted model is left out."""
    repository = new_repository(tmp_path / "repository")
    snapshot = make_snapshot(tmp_path / "s", {"a": b"1"})
    repository.register(make_registration(snapshot.manifest, model="Digits"), snapshot)
    repository.report(make_report(model="Digits", run="before"))
    repository.delete_model("Digits", team=TEAM, keep_seconds=3600.0)
    repository.restore_model("Digits", team=TEAM)
    assert list(read_runs(repository.root, TEAM, "Digits")) == ["before"]
    repository.delete_model("Digits", team=TEAM)
    repository.report(make_report(model="Digits", run="Run/2"))

    [(run, body)] = read_runs(repository.root, TEAM, "Digits").items()

    assert [report.run for report in repository.runs("Digits", team=TEAM)] == [run] == ["Run/2"]
    assert (repository.root / "models/default/%44igits/runs/%52un%2f2.json").read_bytes() == canonical(body)
    assert body["series"][0]["points"] == [[0, 1000.5, "NaN"], [10, 1010.5, "-Infinity"], [20, 1020.5, 1 / 3]]
    assert body["checkpoints"][0]["version"] == 1


def test_deletions_that_were_taken_back_are_read_from_the_specification(tmp_path):
    """Versions, tags and publication of restored versions and models, and what a collection keeps, are as the specification says."""
    repository = new_repository(tmp_path / "repository")
    for step in (1, 2, 3, 4):
        add_version(repository, tmp_path, step=step)
    repository.tag("digits", ("ours",), team=TEAM)
    repository.publish("digits", team=TEAM)
    repository.delete_version("digits", "1", team=TEAM)
    repository.delete_version("digits", "2", team=TEAM, keep_seconds=1000)
    repository.delete_version("digits", "3", team=TEAM, keep_seconds=1000)
    repository.restore_version("digits", "3", team=TEAM)
    repository.delete_model("digits", team=TEAM, keep_seconds=1000)
    itself, versions = read(repository.root, TEAM, "digits")
    assert (itself, versions) == ({"name": None, "tags": set(), "public": False}, {})

    repository.restore_model("digits", team=TEAM)
    repository.delete_version("digits", "4", team=TEAM)
    itself, versions = read(repository.root, TEAM, "digits")
    assert itself == {"name": None, "tags": {"ours"}, "public": True}
    assert list(versions) == [3]
    keep = needed(repository.root)
    repository.collect_garbage()
    assert {path.name for path in blob_files(repository)} == keep
    assert len(keep) == 2


def test_renamed_models_are_read_from_the_specification(tmp_path):
    """Every name leads to one directory, and the last says how the model is called; a writer that follows it registers there too."""
    repository = new_repository(tmp_path / "repository")
    add_version(repository, tmp_path, step=1)
    for name in ("Numbers", "b"):
        repository.rename("digits", name, team=TEAM)
    add_version(repository, tmp_path, model="Numbers", step=2)

    for name in ("digits", "Numbers", "b"):
        itself, versions = read(repository.root, TEAM, name)
        assert itself["name"] == repository.model(name, team=TEAM).name == "b"
        assert list(versions) == [1, 2]
    assert repository.model("b", team=TEAM).id == model_id(repository.root, TEAM, "digits")
    redirects = list(repository.root.glob("models/default/*/renamed.json"))
    assert {path.parent.name for path in redirects} == {encode("Numbers"), "b"}
    assert all(path.read_bytes() == canonical(json.loads(path.read_bytes())) for path in redirects)
