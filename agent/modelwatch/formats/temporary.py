"""
Names under which writers work before they rename to the final name.

Nothing below such a name is a checkpoint, nor part of one, and after a killed writer it stays behind for good. Each pattern was seen
on disk while the writer ran, or stands in the writer's source; docs/formats/ lists the write sequences.
"""

from __future__ import annotations

import itertools
import re
from typing import Final

_NAMES: Final = (
    r".*\.tempstate\d+",  # TensorFlow: X.data-….tempstate<n>, X.index.tempstate<n>, and X.tempstate<n> of the V1 format
    r".*\.tmp[0-9a-f]{32}",  # TensorFlow's atomic writes: checkpoint, X.meta, saved_model.pb, fingerprint.pb + .tmp<hex>
    r".*\.__lock",  # TensorStore's file locks
    r"\.tmp\w{6}",  # safetensors 0.8
    r"\.nfs[0-9a-f]+",  # NFS: a deleted file that is still open
    r"tmp[a-z0-9_]{8}",  # Python's tempfile: Keras with little memory, Lightning
    r"temp-\d{10}",  # Estimator exporters: export/<name>/temp-<unix time>/
    r"tmp-checkpoint-\d+",  # HF Trainer 4.36 to 4.38
    r"checkpoint_tmp",  # flax, legacy
    r".*\.orbax-checkpoint-tmp.*",  # Orbax: N.orbax-checkpoint-tmp, with or without a timestamp
    r"\..+\.data\.\w{8}",  # torch.onnx with external data: .<name>.data.<random>/
)
"""Whole names, of files and directories."""

_NAME: Final = re.compile("|".join(_NAMES), re.DOTALL)

_SHARDED_SAVE: Final = re.compile(r".+_temp(_[0-9a-f]{32})?", re.DOTALL)
"""
Directories in which TensorFlow's sharded saves work: X_temp/ beside X, X_temp_<hex>/ in TensorFlow 1.

Only together with the names inside, ``part-…``: a folder that somebody calls ``room_temp`` is as good as any.
"""


def is_temporary(path: str) -> bool:
    """
    Return whether `path`, or a directory that it lies in, has a name under which some writer works before it renames.

    Args:
        path: Of a file or a directory, relative to the tree's root.
    """
    if "tmp" not in path and "temp" not in path and ".__lock" not in path and ".nfs" not in path and ".data." not in path:
        return False  # each pattern has one of these: a tree of 100,000 files asks this several times
    parts = path.split("/")
    return any(_NAME.fullmatch(part) for part in parts) or any(
        inside.startswith("part-") and _SHARDED_SAVE.fullmatch(directory) for directory, inside in itertools.pairwise(parts)
    )
