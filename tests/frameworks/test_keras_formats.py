"""
What Keras itself writes, against what we say about it.

Needs TensorFlow: `PYTHONPATH=agent python -m pytest tests/frameworks/test_keras_formats.py` in an environment that has it.
"""

import os
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from format_trees import judge, tree_of

from modelwatch.core.entities import Candidate
from modelwatch.core.tree import FileStat
from modelwatch.formats.base import Format
from modelwatch.formats.hdf5 import Hdf5
from modelwatch.formats.keras_archive import KerasArchive
from modelwatch.formats.keras_sharded import KerasSharded
from modelwatch.formats.registry import claim, formats_for

pytestmark = [pytest.mark.frameworks, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def keras():
    """Keras, on TensorFlow."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    return pytest.importorskip("keras")


def a_model(keras, units: int = 8, optimizer: str = "adam"):
    """Return a compiled model."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation="relu"), keras.layers.Dense(2)])
    model.compile(optimizer, "mse")
    return model


def train(keras, model, epochs: int, callbacks=()):
    """Train two steps per epoch."""
    import numpy as np

    model.fit(np.ones((8, 4)), np.ones((8, 2)), batch_size=4, epochs=epochs, verbose=0, callbacks=list(callbacks))


@pytest.mark.parametrize(
    ("format_", "name", "weights_only"),
    [
        (KerasArchive(), "ck-{epoch:02d}.keras", False),
        (Hdf5(), "ck-{epoch:02d}.h5", False),
        (Hdf5(), "ck-{epoch:02d}.weights.h5", True),
    ],
)
def test_what_the_callback_writes_is_complete_and_tells_step_and_epoch(keras, tmp_path, format_, name, weights_only):
    """Each of ModelCheckpoint's files is COMPLETE; the step is the optimizer's, the epoch ModelCheckpoint's."""
    model = a_model(keras)
    train(keras, model, 3, [keras.callbacks.ModelCheckpoint(str(tmp_path / name), save_weights_only=weights_only)])
    for epoch in (1, 2, 3):
        checkpoint = judge(format_, tmp_path, name.format(epoch=epoch)).checkpoint
        assert checkpoint is not None
        assert (checkpoint.step, checkpoint.epoch) == (2 * epoch, epoch)
        assert checkpoint.metadata["parameters"] == model.count_params()
    assert int(model.optimizer.iterations) == 6


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "adamw", "lion", "loss-scale"])
@pytest.mark.parametrize(("format_", "name"), [(KerasArchive(), "m.keras"), (Hdf5(), "m.weights.h5"), (Hdf5(), "m.h5")])
def test_the_step_is_found_whatever_the_optimizer(keras, tmp_path, optimizer, format_, name):
    """`optimizer.iterations` comes out of the file."""
    chosen = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()) if optimizer == "loss-scale" else optimizer
    model = a_model(keras, optimizer=chosen)
    train(keras, model, 2)
    (model.save_weights if "weights" in name else model.save)(tmp_path / name)
    checkpoint = judge(format_, tmp_path, name).checkpoint
    assert checkpoint is not None
    assert checkpoint.step == int(model.optimizer.iterations)


def test_overwriting_one_name_gives_each_generation_its_step(keras, tmp_path):
    """The same file, written again after every epoch, is COMPLETE each time with its own step, and loads."""
    model = a_model(keras)
    path = tmp_path / "latest.keras"
    for generation in (1, 2, 3):
        train(keras, model, 1)
        model.save(path)
        checkpoint = judge(KerasArchive(), tmp_path, "latest.keras").checkpoint
        assert checkpoint is not None
        assert checkpoint.step == 2 * generation
        assert int(keras.models.load_model(path).optimizer.iterations) == 2 * generation


def test_sharded_weights_are_complete_and_load(keras, tmp_path):
    """Index and shards are one checkpoint; a smaller save over a larger one leaves shards that do not count."""
    model = a_model(keras)
    train(keras, model, 2)
    path = tmp_path / "s.weights.json"
    model.save_weights(path, max_shard_size=2e-7)
    first = judge(KerasSharded(), tmp_path, path.name).checkpoint
    assert first is not None
    assert (first.step, len(first.members) > 3) == (4, True)
    model.load_weights(path)
    train(keras, model, 1)
    model.save_weights(path, max_shard_size=4e-7)
    second = judge(KerasSharded(), tmp_path, path.name).checkpoint
    assert second is not None
    assert (second.step, len(second.members) < len(first.members)) == (6, True)


def test_large_and_nested_models_are_read(keras, tmp_path):
    """Many layers, which need B-trees of two levels, and models in models."""
    inner = keras.Sequential([keras.Input((4,))] + [keras.layers.Dense(4) for _ in range(100)])
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(2)
    model.save(tmp_path / "m.keras")
    model.save(tmp_path / "m.h5")
    for format_, name in ((KerasArchive(), "m.keras"), (Hdf5(), "m.h5")):
        checkpoint = judge(format_, tmp_path, name).checkpoint
        assert checkpoint is not None
        assert (checkpoint.step, checkpoint.metadata["parameters"]) == (2, model.count_params())


def test_nothing_else_that_keras_writes_is_taken_for_a_model(keras, tmp_path):
    """The files of the TensorBoard, CSVLogger and BackupAndRestore callbacks are no models of their own kind."""
    model = a_model(keras)
    callbacks = [keras.callbacks.TensorBoard(tmp_path), keras.callbacks.CSVLogger(tmp_path / "log.csv")]
    train(keras, model, 2, [*callbacks, keras.callbacks.ModelCheckpoint(str(tmp_path / "m.keras"))])
    found = [(candidate.format, candidate.root) for candidate in claim(formats_for(None), tree_of(tmp_path))]
    assert found == [("keras", "m.keras")]


def copy_if_unchanged(path: Path, copy: Path) -> bool:
    """Copy a file that somebody writes; return whether it stayed the same meanwhile, as our snapshots require."""
    try:
        before = path.stat()
        content = path.read_bytes()
        after = path.stat()
    except FileNotFoundError:
        return False
    copy.write_bytes(content)
    return (before.st_ino, before.st_size, before.st_mtime_ns) == (after.st_ino, after.st_size, after.st_mtime_ns)


def values_in(path: Path) -> set[float]:
    """Return the smallest and the largest weight in a file, read by h5py."""
    import h5py

    opened = path
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            opened = Path(archive.extract("model.weights.h5", path.parent))
    values: set[float] = set()

    def visit(inside, item):
        if isinstance(item, h5py.Dataset) and not inside.startswith("optimizer"):
            values.update({float(item[...].min()), float(item[...].max())})

    with h5py.File(opened) as file:
        file.visititems(visit)
    return values


@dataclass
class Copier:
    """Copies a file that is being saved over and over, and judges each copy."""

    format_: Format
    source: Path
    copies: Path
    stop: threading.Event = field(default_factory=threading.Event)
    accepted: threading.Event = field(default_factory=threading.Event)
    refused: int = 0
    steps: list[int] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Go on until told to stop. Each weight of generation N is N."""
        copy = self.copies / self.source.name
        while not self.stop.is_set():
            if not copy_if_unchanged(self.source, copy):
                continue
            candidate = Candidate(self.format_.name, copy.name, (FileStat(copy.name, copy.stat().st_size, 0, 0),))
            checkpoint = self.format_.inspect(str(self.copies), candidate, deep=True).checkpoint
            if checkpoint is None:
                self.refused += 1
                continue
            if checkpoint.step in self.steps:
                continue
            values = values_in(copy)
            if values != {checkpoint.step}:
                self.torn.append(f"step {checkpoint.step} holds {sorted(values)}")
            self.steps.append(checkpoint.step or 0)
            self.accepted.set()


@pytest.mark.parametrize(("format_", "name"), [(KerasArchive(), "m.keras"), (Hdf5(), "m.weights.h5"), (Hdf5(), "m.h5")])
def test_no_torn_copy_of_a_file_being_saved_is_accepted(keras, tmp_path, format_, name):
    """Copies made all the time while 20 MB are saved over and over under one name: each accepted one is a whole generation."""
    import numpy as np

    for folder in ("source", "copies"):
        (tmp_path / folder).mkdir()
    model = keras.Sequential([keras.Input((1600,)), keras.layers.Dense(1600), keras.layers.Dense(1600)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    path = tmp_path / "source" / name
    copier = Copier(format_, path, tmp_path / "copies")
    thread = threading.Thread(target=copier.run, name="copier")
    thread.start()
    try:
        for generation in range(1, 13):
            model.set_weights([np.full_like(weight, generation) for weight in model.get_weights()])
            model.optimizer.iterations.assign(generation)
            copier.accepted.clear()
            (model.save_weights if "weights" in name else model.save)(path)
            if generation % 4 == 0:
                assert copier.accepted.wait(60)
    finally:
        copier.stop.set()
        thread.join()
    print(f"{name}: {copier.refused} unchanged copies refused, generations accepted: {copier.steps}")
    assert not copier.torn
