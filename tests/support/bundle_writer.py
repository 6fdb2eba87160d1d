"""
Writing TensorFlow checkpoints (V2 bundles of one float32 tensor) as `tf.compat.v1.train.Saver` does, without TensorFlow.

The format's source: tensorflow/core/util/tensor_bundle and tensorflow/core/lib/io/format.cc. What is written here, TensorFlow reads
(tests/frameworks/test_bundle_writer.py).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import google_crc32c

_MAGIC = 0xDB4775248B80FB57
_FLOAT32 = 1


def _masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _block(entries: list[tuple[bytes, bytes]]) -> bytes:
    out = b"".join(_varint(0) + _varint(len(key)) + _varint(len(value)) + key + value for key, value in entries)
    return out + struct.pack("<II", 0, 1)


def index_of(weights: bytes) -> bytes:
    """Return the `.index` file of a bundle whose one data file holds `weights`."""
    header = _number(1, 1) + _field(3, _number(1, 1))
    shape = _field(2, _number(1, len(weights) // 4))
    entry = (
        _number(1, _FLOAT32)
        + _field(2, shape)
        + _number(5, len(weights))
        + _varint(6 << 3 | 5)
        + struct.pack("<I", _masked_crc(weights))
    )
    out = b""
    handles = []
    for entries in ([(b"", header), (b"weights", entry)], []):
        block = _block(entries)
        handles.append(_varint(len(out)) + _varint(len(block)))
        out += block + b"\0" + struct.pack("<I", _masked_crc(block + b"\0"))
    index = _block([(b"weights", handles[0])])
    index_handle = _varint(len(out)) + _varint(len(index))
    out += index + b"\0" + struct.pack("<I", _masked_crc(index + b"\0"))
    return out + (handles[1] + index_handle).ljust(40, b"\0") + struct.pack("<Q", _MAGIC)


def save(folder: Path, step: int, weights: bytes, *, keep: int = 1, name: str = "model.ckpt") -> None:
    """Save a checkpoint as a Saver with `max_to_keep=keep` does: data, index and `checkpoint` by rename, then the oldest deleted."""
    prefix = f"{name}-{step}"
    _rename_into(folder / f"{prefix}.data-00000-of-00001", weights, f".tempstate{step}")
    _rename_into(folder / f"{prefix}.index", index_of(weights), f".tempstate{step}")
    _rename_into(folder / "checkpoint", f'model_checkpoint_path: "{prefix}"\n'.encode(), f".tmp{os.urandom(16).hex()}")
    for old in sorted(folder.glob(f"{name}-*.index"), key=lambda path: int(path.stem.rpartition("-")[2]))[:-keep]:
        data = old.with_name(f"{old.stem}.data-00000-of-00001")
        old.unlink()
        data.unlink(missing_ok=True)


def _rename_into(path: Path, content: bytes, suffix: str) -> None:
    temporary = path.with_name(path.name + suffix)
    temporary.write_bytes(content)
    temporary.rename(path)
