"""Write the golden files of this folder with TensorFlow: `python make.py <folder>`."""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import tensorflow as tf

v1 = tf.compat.v1


def training_graph(*, devices: int = 1):
    """Build a small TensorFlow 1 training: two variables (one per device), Adam, a global step."""
    graph = tf.Graph()
    with graph.as_default():
        step = v1.train.get_or_create_global_step()
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        with tf.device("/cpu:0"):
            kernel = v1.get_variable("dense/kernel", [4, 3], initializer=v1.constant_initializer(0.5))
        with tf.device(f"/cpu:{devices - 1}"):
            bias = v1.get_variable("dense/bias", [3], initializer=v1.zeros_initializer())
        y = tf.add(tf.matmul(x, kernel), bias, name="y")
        train = v1.train.AdamOptimizer(0.1).minimize(tf.reduce_mean(y**2), global_step=step)
    return graph, x, y, train


def train_and_save(folder: Path, name: str, *, devices: int = 1, steps: int = 3, saver_options=None, **save_options) -> None:
    """Train and save with Saver as ``name-3``."""
    folder.mkdir(parents=True)
    graph, x, _, train = training_graph(devices=devices)
    with graph.as_default(), v1.Session(config=v1.ConfigProto(device_count={"CPU": devices})) as session:
        session.run(v1.global_variables_initializer())
        for _ in range(steps):
            session.run(train, {x: np.ones([2, 4])})
        v1.train.Saver(**(saver_options or {})).save(session, str(folder / name), global_step=3, **save_options)


def partitioned(folder: Path) -> None:
    """Save a variable that is partitioned into three."""
    folder.mkdir(parents=True)
    with tf.Graph().as_default(), v1.Session() as session:
        v1.get_variable("table", [7, 2], initializer=v1.ones_initializer(), partitioner=v1.fixed_size_partitioner(3))
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(folder / "model.ckpt"), write_meta_graph=False)


def strings(folder: Path) -> None:
    """Save strings and variants, whose checksums have rules of their own."""
    folder.mkdir(parents=True)
    tensors = [
        tf.constant(["", "a", "b" * 300]),
        tf.raw_ops.TensorListFromTensor(tensor=tf.ones([3, 2]), element_shape=[2]),
        tf.constant([1.5, 2.5], tf.bfloat16),
    ]
    tf.raw_ops.SaveV2(prefix=str(folder / "odd"), tensor_names=["s", "v", "h"], shape_and_slices=[""] * 3, tensors=tensors)


def objects(folder: Path) -> None:
    """Save a Keras model, its optimizer and a step with CheckpointManager."""
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 3)), batch_size=4, epochs=2, verbose=0)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
    tf.train.CheckpointManager(checkpoint, str(folder), 3).save()


class Scaler(tf.Module):
    """A module with a variable, an asset and a signature."""

    def __init__(self, vocabulary: str, scale: float) -> None:
        super().__init__()
        self.scale = tf.Variable(scale, name="scale")
        self.vocabulary = tf.saved_model.Asset(vocabulary)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def __call__(self, x):
        """Scale."""
        return {"y": x * self.scale}


def saved_models(folder: Path) -> None:
    """Save a SavedModel with TensorFlow 2 and, as binary and as text, with TensorFlow 1's builder; the last without variables."""
    vocabulary = folder / "vocabulary.txt"
    vocabulary.write_text("one\ntwo\n")
    tf.saved_model.save(Scaler(str(vocabulary), 2.0), str(folder / "saved_model_2"))
    tf.saved_model.save(Scaler(str(vocabulary), 3.0), str(folder / "saved_model_2_again"))
    for name, as_text in (("saved_model_1", False), ("saved_model_text", True)):
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None, 4], name="x")
            y = tf.matmul(x, v1.get_variable("kernel", [4, 3], initializer=v1.ones_initializer()), name="y")
            v1.train.get_or_create_global_step().load(7, session)
            asset = tf.constant(str(vocabulary))
            v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, asset)
            session.run(v1.variables_initializer(v1.trainable_variables()))
            builder = v1.saved_model.Builder(str(folder / name))
            signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
            builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, assets_collection=[asset])
            builder.save(as_text=as_text)
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None])
        v1.saved_model.simple_save(session, str(folder / "saved_model_constant"), {"x": x}, {"y": x * 2})
    vocabulary.unlink()


def main() -> None:
    """Write all."""
    folder = Path(sys.argv[1])
    train_and_save(folder / "saver", "model.ckpt")
    train_and_save(folder / "saver_again", "model.ckpt", steps=6, write_meta_graph=False)
    train_and_save(folder / "sharded", "model.ckpt", devices=2, saver_options={"sharded": True}, write_meta_graph=False)
    train_and_save(folder / "v1", "model.ckpt", saver_options={"write_version": v1.train.SaverDef.V1})
    partitioned(folder / "partitioned")
    strings(folder / "strings")
    objects(folder / "objects")
    saved_models(folder)


main()
