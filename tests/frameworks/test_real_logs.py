"""Real TensorFlow and Keras write logs and checkpoints; what is joined equals what they reported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelwatch.core.entities import Checkpoint, ModelType
from modelwatch.metrics.join import join
from modelwatch.scalars.logdir import LogDirectories

pytestmark = pytest.mark.frameworks

KERAS = """
import json, sys
import numpy as np, keras
root = sys.argv[1]
keras.utils.set_random_seed(1)
x = np.random.rand(64, 4).astype("float32"); y = (x.sum(1) > 2).astype("float32")
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
board = keras.callbacks.TensorBoard(root + "/logs", histogram_freq=1, update_freq=int(sys.argv[3]) if len(sys.argv) > 3 else "epoch")
named = keras.callbacks.ModelCheckpoint(root + "/ckpt/weights.{epoch:02d}-{val_loss:.4f}.keras")
best = keras.callbacks.ModelCheckpoint(root + "/ckpt/last.keras")
callbacks = [board, named, best] if sys.argv[2] == "board-first" else [named, best, board]
histories = [model.fit(x, y, validation_split=0.25, epochs=4, batch_size=8, verbose=0, callbacks=callbacks).history for _ in range(2)]
json.dump({"histories": histories, "iterations": int(model.optimizer.iterations)}, open(root + "/truth.json", "w"))
"""

HOOKS = """
import json, sys
import tensorflow as tf
tf1 = tf.compat.v1
tf1.disable_eager_execution()
root = sys.argv[1]
logged = {}

def train(until):
    with tf1.Graph().as_default():
        step = tf1.train.get_or_create_global_step()
        w = tf1.get_variable("w", initializer=4.0)
        loss = tf1.square(w)
        op = tf1.train.GradientDescentOptimizer(0.01).minimize(loss, global_step=step)
        tf1.summary.scalar("loss", loss)
        hooks = [tf1.train.StopAtStepHook(last_step=until)]
        with tf1.train.MonitoredTrainingSession(checkpoint_dir=root, save_checkpoint_steps=10, save_summaries_steps=5, hooks=hooks) as session:
            while not session.should_stop():
                session.run(op)

train(23)
train(40)
with tf1.Graph().as_default():
    writer = tf1.summary.FileWriter(root + "/eval")
    for n in (20, 40):
        values = {"loss": n / 3, "accuracy": n / 100}
        summary = tf1.Summary(value=[tf1.Summary.Value(tag=k, simple_value=v) for k, v in values.items()])
        summary.value.add(tag="checkpoint_path", tensor=tf.make_tensor_proto(root + f"/model.ckpt-{n}"))
        writer.add_summary(summary, n)
        logged[n] = values
    writer.close()
json.dump(logged, open(root + "/truth.json", "w"))
"""


def run(program: str, *arguments: str) -> None:
    """Run a training program with this interpreter."""
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, timeout=300, capture_output=True)


def values(
    tmp_path: Path, root: str, kind: str, *, step: int | None = None, epoch: int | None = None
) -> dict[str, tuple[float, str]]:
    """Return value and rule of every metric of the checkpoint at `root`, by split and key."""
    logs = LogDirectories([str(tmp_path)])
    logs.poll(final=True)
    assert logs.problems() == ()
    path = tmp_path / root
    of = Checkpoint(kind, ModelType.TENSORFLOW, root, (root,), step, epoch)
    committed = (path if path.exists() else path.with_name(path.name + ".index")).stat().st_mtime
    result = join(of, directory=str(path.parent), committed=committed, scalars=logs)
    return {f"{metric.split}/{metric.key}": (metric.value, metric.join) for metric in result.metrics}


@pytest.mark.parametrize("order", ["board-first", "board-last"])
def test_keras_fit(tmp_path, order):
    """Every checkpoint of two calls of fit gets exactly its epoch's history, whichever callback comes first."""
    run(KERAS, str(tmp_path), order)
    truth = json.loads((tmp_path / "truth.json").read_text())
    seen = 0
    for history in truth["histories"]:
        for epoch in range(4):
            name = f"ckpt/weights.{epoch + 1:02d}-{history['val_loss'][epoch]:.4f}.keras"
            got = values(tmp_path, name, "keras", epoch=epoch + 1)
            for split, prefix in (("train", ""), ("validation", "val_")):
                for key in ("loss", "accuracy"):
                    assert got[f"{split}/{key}"][0] == pytest.approx(history[prefix + key][epoch], rel=1e-6)
            assert got["train/loss"][1] == "epoch"
            seen += 1
    assert seen == 8


def test_keras_overwritten_file(tmp_path):
    """A file overwritten at every epoch gets the last epoch's history: by its iterations, and by time when nothing is known."""
    run(KERAS, str(tmp_path), "board-last", "2")
    truth = json.loads((tmp_path / "truth.json").read_text())
    last = truth["histories"][-1]
    by_iterations = values(tmp_path, "ckpt/last.keras", "keras", step=truth["iterations"])
    by_time = values(tmp_path, "ckpt/last.keras", "keras")
    for got, rule in ((by_iterations, "iterations"), (by_time, "time")):
        assert got["train/loss"] == (pytest.approx(last["loss"][-1], rel=1e-6), rule)
        assert got["validation/loss"][0] == pytest.approx(last["val_loss"][-1], rel=1e-6)


def test_hooks_of_tensorflow_1(tmp_path):
    """Checkpoints of a restarted MonitoredTrainingSession get the loss logged a little before, and the evaluation that names them."""
    run(HOOKS, str(tmp_path))
    truth = json.loads((tmp_path / "truth.json").read_text())
    for step in (20, 40):
        got = values(tmp_path, f"model.ckpt-{step}", "tensorflow-checkpoint", step=step)
        for key, value in truth[str(step)].items():
            assert got[f"validation/{key}"] == (pytest.approx(value, rel=1e-6), "checkpoint-path")
        assert got["train/loss"][1] in {"step", "nearest-step"}
    others = {int(path.stem.rpartition("-")[2]) for path in tmp_path.glob("model.ckpt-*.index")} - {20, 40}
    assert others
    for step in others:
        got = values(tmp_path, f"model.ckpt-{step}", "tensorflow-checkpoint", step=step)
        assert not [name for name in got if name.startswith("validation")]
