"""
Classify handwritten digits with a TensorFlow 1.x program: a graph, a session and a Saver.

What it leaves in the model path is laid out as tf.estimator lays it out: checkpoints and training events at the top, evaluation
events in eval/, and a SavedModel under a numeric version in export/.

    python train_tf1.py --steps 400

The model path is PS_MODEL_PATH as Gradient sets it, else ./models.
"""

import argparse
import os
import pathlib

import numpy as np
import tensorflow.compat.v1 as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

BATCH_SIZE = 64
SEED = 7


def build_graph():
    images = tf.placeholder(tf.float32, [None, 64], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    global_step = tf.train.get_or_create_global_step()

    hidden_weights = tf.get_variable("hidden/weights", [64, 64], initializer=tf.glorot_uniform_initializer(seed=SEED))
    hidden_biases = tf.get_variable("hidden/biases", [64], initializer=tf.zeros_initializer())
    output_weights = tf.get_variable("output/weights", [64, 10], initializer=tf.glorot_uniform_initializer(seed=SEED))
    output_biases = tf.get_variable("output/biases", [10], initializer=tf.zeros_initializer())

    hidden = tf.nn.relu(images @ hidden_weights + hidden_biases)
    logits = hidden @ output_weights + output_biases
    classes = tf.argmax(logits, axis=1, name="classes")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    accuracy = tf.reduce_mean(tf.cast(tf.equal(classes, labels), tf.float32))
    train = tf.train.AdamOptimizer(learning_rate=0.002).minimize(loss, global_step=global_step)

    return {
        "images": images,
        "labels": labels,
        "global_step": global_step,
        "classes": classes,
        "probabilities": tf.nn.softmax(logits, name="probabilities"),
        "loss": loss,
        "accuracy": accuracy,
        "train": train,
        "summaries": tf.summary.merge([tf.summary.scalar("loss", loss), tf.summary.scalar("accuracy", accuracy)]),
    }


def batches(images, labels):
    random = np.random.default_rng(SEED)
    while True:
        order = random.permutation(len(images))
        for start in range(0, len(order), BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            yield images[rows], labels[rows]


def main():
    parser = argparse.ArgumentParser(description="Train a digits classifier with TensorFlow 1.x.")
    parser.add_argument("--steps", type=int, default=400, help="how long to train (default: %(default)s)")
    parser.add_argument("--save-steps", type=int, default=100, help="save and evaluate this often (default: %(default)s)")
    parser.add_argument("--summary-steps", type=int, default=20, help="log training scalars this often (default: %(default)s)")
    options = parser.parse_args()
    model_path = pathlib.Path(os.environ.get("PS_MODEL_PATH", "./models"))
    model_path.mkdir(parents=True, exist_ok=True)

    digits = load_digits()
    train_images, test_images, train_labels, test_labels = train_test_split(
        (digits.data / 16.0).astype(np.float32), digits.target.astype(np.int64), test_size=0.2, random_state=SEED
    )
    batch = batches(train_images, train_labels)

    tf.disable_eager_execution()
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.set_random_seed(SEED)
    graph = build_graph()
    saver = tf.train.Saver(max_to_keep=2)

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        train_writer = tf.summary.FileWriter(model_path, session.graph)
        eval_writer = tf.summary.FileWriter(model_path / "eval")

        for step in range(1, options.steps + 1):
            images, labels = next(batch)
            _, summary = session.run([graph["train"], graph["summaries"]], {graph["images"]: images, graph["labels"]: labels})
            if step % options.summary_steps == 0:
                train_writer.add_summary(summary, step)

            if step % options.save_steps == 0 or step == options.steps:
                train_writer.flush()
                saver.save(session, str(model_path / "model.ckpt"), global_step=graph["global_step"])

                loss, accuracy, summary = session.run(
                    [graph["loss"], graph["accuracy"], graph["summaries"]],
                    {graph["images"]: test_images, graph["labels"]: test_labels},
                )
                eval_writer.add_summary(summary, step)
                eval_writer.flush()
                print(f"step {step}: evaluation loss {loss:.4f}, accuracy {accuracy:.4f}", flush=True)

        train_writer.close()
        eval_writer.close()

        export_path = model_path / "export" / str(options.steps)
        tf.saved_model.simple_save(
            session,
            str(export_path),
            inputs={"images": graph["images"]},
            outputs={"classes": graph["classes"], "probabilities": graph["probabilities"]},
        )
        print(f"exported to {export_path}", flush=True)


if __name__ == "__main__":
    main()
