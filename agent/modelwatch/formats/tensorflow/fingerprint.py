"""
The ``fingerprint.pb`` that TensorFlow 2.12 and later writes last into a SavedModel.

tensorflow/core/protobuf/fingerprint.proto. ``checkpoint_hash`` is Fingerprint64 of ``variables.index``: it ties the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.core.json import JsonValue
from modelwatch.formats.wire import protobuf
from modelwatch.formats.wire.protobuf import Malformed


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """
    What the file says.

    Attributes:
        checkpoint_hash: Fingerprint64 of variables.index; 0 when the writer made none.
        uuid: Of this save, or an empty string.
    """

    checkpoint_hash: int
    uuid: str

    def to_json(self) -> JsonValue:
        """Return it with the hash as hexadecimal text: JSON numbers do not hold 64 bits everywhere."""
        return {"checkpoint_hash": f"{self.checkpoint_hash:016x}", "uuid": self.uuid}


def read(data: bytes) -> Fingerprint:
    """Read the file's content. Raises `Malformed` when it is cut off or empty."""
    checkpoint_hash = 0
    uuid = ""
    for field in protobuf.fields(data):
        if field.number == 5:
            checkpoint_hash = protobuf.integer(field)
        elif field.number == 7:
            uuid = protobuf.text(data, field)
    if not data:
        raise Malformed("fingerprint.pb is empty")
    return Fingerprint(checkpoint_hash, uuid)
