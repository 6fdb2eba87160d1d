"""The demo, as `make demo` runs it: two real trainings under modelwatch, and what the repository holds afterwards."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from event_files_read import scalars
from project_files import ROOT

pytestmark = [pytest.mark.frameworks, pytest.mark.timeout(300)]

BIN = Path(sys.executable).parent
STEPS = [100, 200, 300, 400]
EPOCHS = [1, 2, 3, 4, 5]


def modelwatch(home, *arguments):
    """Run a command in the demo's folder and return what it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    command = [str(BIN / "modelwatch"), *arguments]
    return subprocess.run(command, cwd=home, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder that the demo ran in, and all that it wrote to the terminal."""
    home = tmp_path_factory.mktemp("demo")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    command = [str(ROOT / "container" / "examples" / "demo.sh"), str(BIN)]
    done = subprocess.run(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stdout
    return home, done.stdout


def versions_of(home, model):
    """Return the model's versions, as the command line gives them."""
    listing = modelwatch(home, "models", "versions", model, "--repository", ".demo/repository", "--json")
    return json.loads(listing)["versions"]


def metrics_of(version):
    """Return {(split, key): value} of a version."""
    return {(metric["split"], metric["key"]): metric["value"] for metric in version["metrics"]}


def test_every_checkpoint_of_the_session_is_a_version_with_its_own_numbers(demo):
    """Rotation left two of the four checkpoints; all four are registered, with the values that TensorBoard shows for their steps."""
    home, _ = demo
    artifacts = home / ".demo" / "digits-tf1" / "artifacts"
    checkpoints = {
        version["step"]: version for version in versions_of(home, "digits-tf1") if version["root"].startswith("model.ckpt-")
    }
    assert sorted(checkpoints) == STEPS
    for step, version in checkpoints.items():
        for key in ("loss", "accuracy"):
            assert metrics_of(version)["train", key] == scalars(artifacts, key)[step]
            assert metrics_of(version)["validation", key] == scalars(artifacts / "eval", key)[step]


def test_every_archive_of_keras_is_a_version_with_its_own_epochs_numbers(demo):
    """Archives count epochs from 1 and event files from 0: each archive has the values of its own epoch."""
    home, _ = demo
    logs = home / ".demo" / "digits-keras" / "artifacts" / "logs"
    archives = {version["root"]: version for version in versions_of(home, "digits-keras") if version["root"].endswith(".keras")}
    assert list(archives) == [f"checkpoints/digits-{epoch:02d}.keras" for epoch in EPOCHS]
    for epoch, version in zip(EPOCHS, archives.values(), strict=True):
        for split in ("train", "validation"):
            for key in ("loss", "accuracy"):
                assert metrics_of(version)[split, key] == scalars(logs / split, f"epoch_{key}")[epoch - 1]


@pytest.mark.parametrize(("model", "root"), [("digits-tf1", "export/400"), ("digits-keras", "export/1")])
def test_the_export_is_one_version(demo, model, root):
    """A SavedModel is one version, of type Tensorflow, however many files it has."""
    home, _ = demo
    exports = [version for version in versions_of(home, model) if version["root"] == root]
    assert [version["type"] for version in exports] == ["Tensorflow"]


def test_nothing_is_registered_twice(demo):
    """Four checkpoints and an export; five archives and an export: numbered without gaps, none twice."""
    home, _ = demo
    for model, count in (("digits-tf1", 5), ("digits-keras", 6)):
        versions = versions_of(home, model)
        assert [version["version"] for version in versions] == list(range(1, count + 1))
        assert len({version["digest"] for version in versions}) == count


def test_it_shows_each_version_as_it_is_registered_and_the_tables_at_the_end(demo):
    """One line says so for each version; the last lines are the tables of models and versions."""
    _, output = demo
    for model, count in (("digits-tf1", 5), ("digits-keras", 6)):
        assert len(re.findall(rf"modelwatch: registered model={model} version=\d+ ", output)) == count
    assert output.index("models list") > output.rindex("modelwatch: registered")
    assert "val accuracy" in output


def test_the_training_folder_has_one_folder_more(demo):
    """Nothing is written into the model path but `.modelwatch/` at its top."""
    home, _ = demo
    left = {path.name for path in (home / ".demo" / "digits-tf1" / "artifacts").iterdir()}
    ours = {".modelwatch"}
    assert {name for name in left if not name.startswith(("model.ckpt-", "events.out.tfevents."))} == {
        "checkpoint",
        "eval",
        "export",
    } | ours


def test_what_rotation_deleted_can_be_downloaded_and_restored(demo):
    """The first checkpoint is no longer on disk; downloaded, TensorFlow reads it and finds its step."""
    import tensorflow as tf

    home, _ = demo
    assert not (home / ".demo" / "digits-tf1" / "artifacts" / "model.ckpt-100.index").exists()
    target = home / "downloaded"
    modelwatch(
        home, "models", "download", "digits-tf1", "--version", "1", "--destination", str(target), "--repository", ".demo/repository"
    )
    reader = tf.train.load_checkpoint(str(target / "model.ckpt-100"))
    assert reader.get_tensor("global_step") == 100


def test_a_downloaded_archive_loads_in_keras(demo):
    """The latest archive, downloaded, is the model that was trained."""
    import keras

    home, _ = demo
    latest = max(version["version"] for version in versions_of(home, "digits-keras") if version["root"].endswith(".keras"))
    target = home / "archive"
    number = str(latest)
    modelwatch(
        home,
        "models",
        "download",
        "digits-keras",
        "--version",
        number,
        "--destination",
        str(target),
        "--repository",
        ".demo/repository",
    )
    (archive,) = target.rglob("*.keras")
    assert keras.models.load_model(archive).count_params() > 0
