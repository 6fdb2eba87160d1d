"""The tests' own writer of TensorFlow checkpoints writes what TensorFlow reads."""

from __future__ import annotations

import struct

import pytest
from bundle_writer import save

pytestmark = pytest.mark.frameworks


def test_tensorflow_reads_what_the_tests_write(tmp_path):
    """TensorFlow finds the latest checkpoint and its tensor."""
    import tensorflow as tf

    save(tmp_path, 7, struct.pack("<3f", 1.0, 2.0, 3.0))
    latest = tf.train.latest_checkpoint(str(tmp_path))
    assert tf.train.load_checkpoint(latest).get_tensor("weights").tolist() == [1.0, 2.0, 3.0]
