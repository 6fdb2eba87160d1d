"""TensorFlow itself writes every kind of checkpoint and SavedModel; we judge, and TensorFlow loads what we call complete."""

import hashlib
import os
import random
import shutil
import threading
from pathlib import Path

import pytest
from format_trees import candidates, judge

from modelwatch.core.entities import VerdictKind
from modelwatch.formats.saved_model import SavedModel
from modelwatch.formats.tensorflow_checkpoint import TensorFlowCheckpoint
from modelwatch.formats.tensorflow_checkpoint_v1 import TensorFlowCheckpointV1
from modelwatch.formats.wire.farmhash import fingerprint64

pytestmark = [pytest.mark.frameworks, pytest.mark.timeout(300)]

CHECKPOINT, V1, SAVED_MODEL = TensorFlowCheckpoint(), TensorFlowCheckpointV1(), SavedModel()


@pytest.fixture(scope="module")
def tf():
    """TensorFlow, imported by the first test that needs it."""
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    return tf


def name_based(tf, folder: Path, steps: int, *, devices: int = 1, saver=None, save=None) -> str:
    """Train with TensorFlow 1 and save; return the prefix that Saver says."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session(config=v1.ConfigProto(device_count={"CPU": devices})) as session:
        step = v1.train.get_or_create_global_step()
        with tf.device(f"/cpu:{devices - 1}"):
            kernel = v1.get_variable("dense/kernel", [30, 20], initializer=v1.random_normal_initializer())
        parts = v1.get_variable("parts", [9, 4], initializer=v1.ones_initializer(), partitioner=v1.fixed_size_partitioner(2))
        loss = tf.reduce_sum(kernel**2) + tf.reduce_sum(tf.convert_to_tensor(parts))
        train = v1.train.MomentumOptimizer(0.1, 0.9).minimize(loss, global_step=step)
        session.run(v1.global_variables_initializer())
        for _ in range(steps):
            session.run(train)
        return v1.train.Saver(**(saver or {})).save(session, str(folder / "model.ckpt"), global_step=step, **(save or {}))


def same_as_tensorflow(tf, folder: Path, prefix: str, metadata) -> None:
    """Compare our list of variables, and counters, with TensorFlow's reader of the same files."""
    suffix = "/.ATTRIBUTES/VARIABLE_VALUE"
    listed = {name.removesuffix(suffix): list(shape) for name, shape in tf.train.list_variables(str(folder / prefix))}
    listed.pop("_CHECKPOINTABLE_OBJECT_GRAPH", None)
    assert {variable["name"]: variable["shape"] for variable in metadata["variables"]} == listed
    reader = tf.train.load_checkpoint(str(folder / prefix))
    types = {name.removesuffix(suffix): dtype.name for name, dtype in reader.get_variable_to_dtype_map().items()}
    assert {variable["name"]: variable["dtype"] for variable in metadata["variables"]} == {name: types[name] for name in listed}
    for name, value in metadata["counters"].items():
        assert value == reader.get_tensor(name if reader.has_tensor(name) else name + suffix)


@pytest.mark.parametrize(
    ("devices", "saver", "save"),
    [
        pytest.param(1, {}, {}, id="plain"),
        pytest.param(2, {"sharded": True}, {}, id="sharded"),
        pytest.param(1, {}, {"write_meta_graph": False}, id="without a graph"),
    ],
)
def test_name_based_checkpoints(tf, tmp_path, devices, saver, save):
    """Saver's checkpoints are COMPLETE at the global step, with the variables that TensorFlow reads."""
    prefix = Path(name_based(tf, tmp_path, 5, devices=devices, saver=saver, save=save)).name
    for deep in (False, True):
        checkpoint = judge(CHECKPOINT, tmp_path, prefix, deep=deep).checkpoint
        assert (checkpoint.step, checkpoint.metadata["counters"]) == (5, {"global_step": 5})
        assert (f"{prefix}.meta" in checkpoint.members) is (not save)
        assert checkpoint.awaited == ((f"{prefix}.meta",) if save else ())
        assert checkpoint.metadata["parameters"] == 30 * 20 + 9 * 4
    same_as_tensorflow(tf, tmp_path, prefix, checkpoint.metadata)
    if not save:
        assert checkpoint.metadata["graph"]["tensorflow_version"] == tf.__version__


def test_the_v1_format(tf, tmp_path):
    """A checkpoint of format V1 is COMPLETE at its global step, with the variables that TensorFlow reads."""
    prefix = Path(name_based(tf, tmp_path, 4, saver={"write_version": tf.compat.v1.train.SaverDef.V1})).name
    assert not candidates(CHECKPOINT, tmp_path)
    for deep in (False, True):
        checkpoint = judge(V1, tmp_path, prefix, deep=deep).checkpoint
        assert (checkpoint.step, checkpoint.members) == (4, (prefix, f"{prefix}.meta"))
    same_as_tensorflow(tf, tmp_path, prefix, checkpoint.metadata)


def test_object_based_checkpoints(tf, tmp_path):
    """CheckpointManager numbers by saves, so the step is the program's own counter; after a rotation only what is left is found."""
    import keras

    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    model.compile("adam", "mse")
    step = tf.Variable(0, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer, step=step)
    manager = tf.train.CheckpointManager(checkpoint, str(tmp_path), max_to_keep=2)
    for _ in range(3):
        step.assign_add(100)
        manager.save()
    checkpoint.write(str(tmp_path / "final"))
    found = {
        root: CHECKPOINT.inspect(str(tmp_path), it, deep=True).checkpoint for root, it in candidates(CHECKPOINT, tmp_path).items()
    }
    assert {root: it.step for root, it in found.items()} == {"ckpt-2": 200, "ckpt-3": 300, "final": 300}
    assert {it.awaited for it in found.values()} == {()}
    assert found["ckpt-3"].metadata["counters"]["save_counter"] == 3
    assert found["ckpt-3"].metadata["parameters"] == 15
    for prefix, it in found.items():
        same_as_tensorflow(tf, tmp_path, prefix, it.metadata)


def test_strings_variants_and_odd_types(tf, tmp_path):
    """Checksums of strings, variants and small floats are computed as TensorFlow computes them."""
    types = [tf.bool, tf.int8, tf.uint16, tf.bfloat16, tf.float16, tf.float64, tf.complex128]
    tensors = {f"t{number}": tf.cast(tf.range(3), kind) for number, kind in enumerate(types)}
    tensors["strings"] = tf.constant([b"", b"a" * 70_000, bytes(range(256))] * 20_000)
    tensors["none"] = tf.constant([], tf.string)
    tensors["list"] = tf.raw_ops.TensorListFromTensor(tensor=tf.ones([3, 2]), element_shape=[2])
    names = list(tensors)
    prefix = str(tmp_path / "odd")
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=list(tensors.values()))
    verdict = judge(CHECKPOINT, tmp_path, "odd", deep=True)
    assert verdict.kind is VerdictKind.COMPLETE, verdict.reason
    assert verdict.checkpoint.metadata["tensors"] == len(names)


def export_keras(tf, folder: Path) -> None:
    """Export a Keras model."""
    import keras

    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    model.export(str(folder), verbose=False)


def export_module(tf, folder: Path) -> None:
    """Save a module with an asset and a signature."""
    vocabulary = folder.parent / "vocabulary.txt"
    vocabulary.write_text("one\n")
    module = tf.Module()
    module.scale = tf.Variable([[2.0] * 3] * 4)
    module.vocabulary = tf.saved_model.Asset(str(vocabulary))
    function = tf.function(lambda x: {"y": x @ module.scale}, input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
    tf.saved_model.save(module, str(folder), signatures=function)


def export_by_builder(tf, folder: Path, *, as_text: bool = False) -> None:
    """Save with TensorFlow 1's builder, with an asset."""
    v1 = tf.compat.v1
    vocabulary = folder.parent / "vocabulary.txt"
    vocabulary.write_text("one\n")
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        y = tf.matmul(x, v1.get_variable("kernel", [4, 3]))
        asset = tf.constant(str(vocabulary))
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, asset)
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, assets_collection=[asset])
        assert judge(SAVED_MODEL, folder.parent, folder.name).kind is VerdictKind.INCOMPLETE
        builder.save(as_text=as_text)


def export_as_text(tf, folder: Path) -> None:
    """Save with TensorFlow 1's builder, the graph as text."""
    export_by_builder(tf, folder, as_text=True)


def export_simply(tf, folder: Path) -> None:
    """Save with TensorFlow 1's simple_save."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        y = tf.matmul(x, v1.get_variable("kernel", [4, 3]))
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"x": x}, {"y": y})


@pytest.mark.parametrize("export", [export_keras, export_module, export_by_builder, export_as_text, export_simply])
def test_saved_models(tf, tmp_path, export):
    """Each is COMPLETE with all its files, loads in TensorFlow, and we tell the same signature and version as TensorFlow."""
    folder = tmp_path / "model"
    export(tf, folder)
    for deep in (False, True):
        verdict = judge(SAVED_MODEL, tmp_path, "model", deep=deep)
        assert verdict.kind is VerdictKind.COMPLETE, verdict.reason
    assert set(verdict.checkpoint.members) == {
        path.relative_to(tmp_path).as_posix() for path in folder.rglob("*") if path.is_file()
    }
    (graph,) = verdict.checkpoint.metadata["graphs"]
    loaded = tf.saved_model.load(str(folder))
    assert graph["tensorflow_version"] == loaded.tensorflow_version == tf.__version__
    assert set(loaded.signatures) <= set(graph["signatures"])
    if export is not export_as_text:
        _, inputs = loaded.signatures["serving_default"].structured_input_signature
        ours = graph["signatures"]["serving_default"]["inputs"]
        assert {name: (spec.dtype.name, spec.shape.as_list()) for name, spec in inputs.items()} == {
            name: (it["dtype"], [None if size < 0 else size for size in it["shape"]]) for name, it in ours.items()
        }
    same_as_tensorflow(tf, folder, "variables/variables", verdict.checkpoint.metadata)


def test_a_model_overwritten_in_place_is_complete_again(tf, tmp_path):
    """The second save under the same name is COMPLETE and no longer the first."""
    contents = []
    for _ in range(2):
        export_keras(tf, tmp_path / "model")
        checkpoint = judge(SAVED_MODEL, tmp_path, "model").checkpoint
        contents.append(checkpoint.metadata["fingerprint"])
    assert contents[0] != contents[1]


def test_fingerprints_are_tensorflows(tf):
    """Fingerprint64 of random bytes of every length up to 200, and of some longer, as ``tf.fingerprint`` computes it."""
    source = random.Random(1)
    values = [source.randbytes(size) for size in (*range(200), 1000, 4095, 4096, 4097, 65_537)]
    expected = tf.fingerprint(tf.constant(values)).numpy()
    assert [fingerprint64(value) for value in values] == [int.from_bytes(row.tobytes(), "little") for row in expected]


def content_and_time(path: Path) -> tuple[bytes, int]:
    """Return a file's content and its time in nanoseconds, both of the same file, whatever is meanwhile renamed to its name."""
    with path.open("rb") as file:
        return file.read(), os.fstat(file.fileno()).st_mtime_ns


def copies_while(work, watched: Path, target: Path):
    """
    Copy `watched` again and again, file after file, while `work` runs in a thread; give each copy that differs from the last.

    They are compared by what is in them too, for a file's time is the same before and after what is written within a tick of the clock.
    """
    writer = threading.Thread(target=work, name="writer")
    writer.start()
    number = 0
    last = ""
    running = True
    while running:
        running = writer.is_alive()
        copy = target / str(number)
        digest = hashlib.sha256()
        for path in [Path(directory, name) for directory, _, names in os.walk(watched) for name in sorted(names)]:
            relative = path.relative_to(watched)
            (copy / relative).parent.mkdir(parents=True, exist_ok=True)
            try:
                content, modified = content_and_time(path)
            except FileNotFoundError:
                continue  # renamed or deleted while we looked
            (copy / relative).write_bytes(content)
            os.utime(copy / relative, ns=(modified, modified))
            digest.update(f"{relative} {modified} {hashlib.sha256(content).hexdigest()}".encode())
        if copy.exists() and digest.hexdigest() != last:
            last = digest.hexdigest()
            number += 1
            yield copy
        else:
            shutil.rmtree(copy, ignore_errors=True)
    writer.join()


def save_names(tf, folder: Path, saves: int) -> None:
    """Save with Saver under one name; every save gives all variables its number as value."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        variables = [v1.get_variable(f"v{number}", [20_000]) for number in range(8)]
        saver = v1.train.Saver()
        for value in range(saves):
            for variable in variables:
                variable.load([float(value)] * 20_000, session)
            saver.save(session, str(folder / "model"))


def save_objects(tf, folder: Path, saves: int) -> None:
    """Do so with tf.train.Checkpoint."""
    variables = [tf.Variable(tf.zeros([20_000])) for _ in range(8)]
    checkpoint = tf.train.Checkpoint(variables=variables)
    for value in range(saves):
        for variable in variables:
            variable.assign(tf.fill([20_000], float(value)))
        checkpoint.write(str(folder / "model"))


def save_models(tf, folder: Path, saves: int) -> None:
    """Do so with tf.saved_model.save."""
    module = tf.Module()
    module.all = [tf.Variable(tf.zeros([20_000])) for _ in range(8)]
    for value in range(saves):
        for variable in module.all:
            variable.assign(tf.fill([20_000], float(value)))
        tf.saved_model.save(module, str(folder / "model"))


def values_in(tf, prefix: Path) -> set[float]:
    """Return the values of all variables of a checkpoint."""
    reader = tf.train.load_checkpoint(str(prefix))
    names = (
        name for name in reader.get_variable_to_shape_map() if name != "_CHECKPOINTABLE_OBJECT_GRAPH" and "save_counter" not in name
    )
    return {float(value) for name in names for value in reader.get_tensor(name)}


@pytest.mark.parametrize(
    ("save", "format_", "bundle"),
    [
        (save_names, CHECKPOINT, "model"),
        (save_objects, CHECKPOINT, "model"),
        (save_models, SAVED_MODEL, "model/variables/variables"),
    ],
)
def test_nothing_torn_is_accepted_while_tensorflow_overwrites(tf, tmp_path, save, format_, bundle):
    """Copied while TensorFlow saves one name over and over, what passes the deep check loads, with all variables of one save."""
    watched = tmp_path / "watched"
    watched.mkdir()
    saves = 20 if format_ is SAVED_MODEL else 60
    accepted: set[float] = set()
    seen = 0
    for copy in copies_while(lambda: save(tf, watched, saves), watched, tmp_path / "copies"):
        seen += 1
        for candidate in candidates(format_, copy).values():
            if format_.inspect(str(copy), candidate, deep=True).kind is VerdictKind.COMPLETE:
                values = values_in(tf, copy / bundle)
                assert len(values) == 1
                accepted |= values
                if format_ is SAVED_MODEL:
                    tf.saved_model.load(str(copy / "model"))
        shutil.rmtree(copy)
    assert saves - 1 in accepted
    assert seen >= len(accepted)
