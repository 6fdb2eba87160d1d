"""The programs of the demo, by themselves: they know nothing of us, and leave what such programs leave."""

import os
import re
import subprocess
import sys

import pytest
from event_files_read import scalars
from project_files import ROOT

pytestmark = pytest.mark.frameworks

EXAMPLES = ROOT / "container" / "examples"
_EVENTS = re.compile(r"events\.out\.tfevents\.[^/]*")


def train(program, model_path, *options):
    """Run a program to its end and return what it printed."""
    environment = {**os.environ, "PS_MODEL_PATH": str(model_path), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, str(EXAMPLES / program), *options]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=110).stdout


def left_in(model_path):
    """Return the paths of all files, those of event files without what differs from run to run."""
    found = (path.relative_to(model_path).as_posix() for path in model_path.rglob("*") if path.is_file())
    return sorted(_EVENTS.sub("EVENTS", path) for path in found)


def test_the_tensorflow_1_program_leaves_what_an_estimator_leaves(tmp_path):
    """Two checkpoints of four survive; training scalars lie at the top, evaluation's in eval/ at the checkpoints' own steps."""
    train("train_tf1.py", tmp_path, "--steps", "40", "--save-steps", "10", "--summary-steps", "5")
    checkpoints = [f"model.ckpt-{step}{part}" for step in (30, 40) for part in (".data-00000-of-00001", ".index", ".meta")]
    export = [
        f"export/40/{name}" for name in ("saved_model.pb", "variables/variables.data-00000-of-00001", "variables/variables.index")
    ]
    assert left_in(tmp_path) == sorted(["checkpoint", "EVENTS", "eval/EVENTS", *checkpoints, *export])
    for tag in ("loss", "accuracy"):
        assert list(scalars(tmp_path, tag)) == [5, 10, 15, 20, 25, 30, 35, 40]
        assert list(scalars(tmp_path / "eval", tag)) == [10, 20, 30, 40]


def test_the_keras_program_leaves_an_archive_for_each_epoch(tmp_path):
    """Archives are counted from 1 and logged epochs from 0, as Keras does, and the export is a SavedModel."""
    train("train_keras.py", tmp_path, "--epochs", "2")
    left = left_in(tmp_path)
    assert [path for path in left if path.endswith(".keras")] == ["checkpoints/digits-01.keras", "checkpoints/digits-02.keras"]
    assert "export/1/saved_model.pb" in left
    for split in ("train", "validation"):
        assert f"logs/{split}/EVENTS" in left
        assert list(scalars(tmp_path / "logs" / split, "epoch_loss")) == [0, 1]


@pytest.mark.parametrize(("program", "option"), [("train_tf1.py", "--steps=20"), ("train_keras.py", "--epochs=1")])
def test_a_program_prints_the_same_numbers_each_time(tmp_path, program, option):
    """Seeds are fixed, so that the README's demo is what everyone sees."""
    first, second = (re.findall(r"(?:loss|accuracy):? (\d+\.\d+)", train(program, tmp_path / name, option)) for name in "ab")
    assert first
    assert first == second
