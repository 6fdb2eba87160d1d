"""Uploads that are made to cost the server more than they are, when it looks at what they hold."""

import io
import json
import os
import struct
import tracemalloc
import zipfile

import pytest

from modelwatch.core.json import loads_foreign
from modelwatch.server import recognising

_MOST_BYTES = 256 << 20


def _keras(config):
    """Return a Keras archive with a configuration."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
        archive.writestr("config.json", config)
        archive.writestr("model.weights.json", b"{}")
    return target.getvalue()


def _safetensors(size, header):
    return struct.pack("<Q", size) + header


_SHORT_LISTS = b"[" + b"[]," * (12 << 20) + b"[]]"

BOMBS = {
    "lists.keras": _keras(_SHORT_LISTS),
    "deep.keras": _keras(b"[" * (1 << 20)),
    "zeros.keras": _keras(bytes(60 << 20)),
    "huge.safetensors": _safetensors((1 << 63) - 1, b"{}"),
    "wrong.safetensors": _safetensors(1 << 24, b"{}"),
    "shape.safetensors": _safetensors(87, b'{"w":{"dtype":"F32","shape":[' + b"9" * 40 + b'],"data_offsets":[0,0]}}  '),
    "huge.onnx": b"\x08\x07" + b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "deep.onnx": b"\x3a\xff\x7f" * 5000,
    "varints.onnx": b"\x80" * 100_000,
    "huge.h5": b"\x89HDF\r\n\x1a\n" + b"\0\0\0\0\0\x08\x08\0" + b"\xff" * 96,
    "circle.h5": b"\x89HDF\r\n\x1a\n\x02\x08\x08\0" + struct.pack("<4Q", 0, 1 << 63, 1 << 62, 0) + bytes(100),
    "saved_model.pb": b"\x0a\xff\xff\xff\xff\x0f" * 1000,
    "model.ckpt.index": b"\xff" * 48,
    "random.onnx": os.urandom(100_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_an_upload_is_taken_for_what_it_is_or_for_nothing(server, name):
    """Whatever sizes it declares and however it unpacks, it costs bounded memory and is a version like any other in the end."""
    files = [{"path": name, "size": len(BOMBS[name]), "digest": str(server.upload(BOMBS[name]))}]
    body = json.dumps({"name": "bomb", "files": files})
    tracemalloc.start()
    try:
        answer = server.client.post("/default/upload/finish", content=body)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code == 201, answer.text
    assert most < _MOST_BYTES
    assert server.client.get("/api/v1/teams/default/models/bomb/versions/1").json()["size"] == len(BOMBS[name])


def test_files_that_take_too_long_to_look_at_are_not_looked_at_to_the_end(server, monkeypatch):
    """Nothing is recognised then, and nothing is left behind."""
    monkeypatch.setattr(recognising, "_LONGEST_SECONDS", 0.0)
    content = _keras(b'{"class_name": "Functional", "config": {"name": "n", "layers": []}}')
    files = [{"path": "good.keras", "size": len(content), "digest": str(server.upload(content))}]
    assert server.client.post("/default/upload/finish", content=json.dumps({"name": "slow", "files": files})).status_code == 201
    assert server.client.get("/api/v1/teams/default/models/slow").json()["latest"]["type"] == "Custom"
    assert not list((server.root / "server").glob("recognising-*"))


def test_json_of_too_many_values_is_not_read():
    """As text and as bytes; what is long and holds little is."""
    for text in (_SHORT_LISTS, _SHORT_LISTS.decode(), b"[" + b"0," * 3_000_000 + b"0]"):
        with pytest.raises(ValueError, match="more than"):
            loads_foreign(text)
    assert loads_foreign(b'["' + b"x" * (8 << 20) + b'"]')
