"""
A TensorFlow 1 training that keeps every checkpoint: each of them is a promise to whoever watches.

    python checkpointing_trainer.py FOLDER SAVES MILLISECONDS

Logs and prints the loss of every step and saves after it, MILLISECONDS apart. Before the last tenth it waits for a line on standard
input; it ends with exit code 7. What it prints and writes is the same each time, but for times.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf


def train(folder: str, saves: int, seconds: float) -> None:
    """Train for `saves` steps of at least `seconds` each."""
    v1 = tf.compat.v1
    v1.disable_eager_execution()
    weights = v1.get_variable("weights", [64, 64], initializer=v1.constant_initializer(1.0))
    step = v1.train.get_or_create_global_step()
    loss = tf.reduce_mean(weights**2)
    update = v1.train.GradientDescentOptimizer(20.0).minimize(loss, global_step=step)
    summary = v1.summary.scalar("loss", loss)
    saver = v1.train.Saver(max_to_keep=None)
    writer = v1.summary.FileWriter(folder, flush_secs=1)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        for number in range(1, saves + 1):
            if number == saves - saves // 10:
                sys.stdin.readline()
            started = time.monotonic()
            session.run(update)
            value, logged = session.run([loss, summary])
            writer.add_summary(logged, number)
            prefix = saver.save(session, str(Path(folder, "model.ckpt")), global_step=step)
            digest = hashlib.sha256(Path(f"{prefix}.data-00000-of-00001").read_bytes()).hexdigest()
            print(number, repr(float(value)), digest, flush=True)
            time.sleep(max(0.0, started + seconds - time.monotonic()))
    writer.close()


if __name__ == "__main__":
    train(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) / 1000)
    sys.exit(7)
