"""
Safetensors files: a length, a JSON header and the tensors' bytes, one behind the other.

The layout: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from modelwatch.core.json import JsonValue, loads_foreign
from modelwatch.formats.wire.byte_source import ByteSource, read_exactly
from modelwatch.formats.wire.protobuf import Malformed

_HEADER_LIMIT_BYTES: Final = 100_000_000  # safetensors' own
_COUNT_LIMIT: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Header:
    """
    What a file says about itself.

    Attributes:
        tensors: How many there are.
        parameters: Elements of all of them.
        metadata: What the writer added: strings by name.
    """

    tensors: int
    parameters: int
    metadata: Mapping[str, JsonValue]


def read_header(source: ByteSource) -> Header:
    """
    Return the header of a file that ends exactly where its last tensor ends.

    Raises:
        Malformed: It does not, or the header is not one.
    """
    (size,) = struct.unpack("<Q", read_exactly(source, 0, 8, "the safetensors header"))
    if size > _HEADER_LIMIT_BYTES:
        raise Malformed(f"a safetensors header of {size} bytes")
    try:
        header = loads_foreign(read_exactly(source, 8, size, "the safetensors header"))
        metadata = header.pop("__metadata__", None)
        spans = sorted((int(tensor["data_offsets"][0]), int(tensor["data_offsets"][1])) for tensor in header.values())
        parameters = sum(math.prod(int(length) for length in tensor["shape"][:32]) for tensor in header.values())
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise Malformed(f"the safetensors header is damaged: {error}") from error
    end = 0
    for start, stop in spans:
        if start != end or stop < start:
            raise Malformed("the safetensors header leaves a gap between tensors")
        end = stop
    if 8 + size + end != source.size:
        raise Malformed(f"the safetensors file has {source.size} bytes, its header says {8 + size + end}")
    known = 0 <= parameters < _COUNT_LIMIT
    return Header(len(header), parameters if known else 0, metadata if isinstance(metadata, Mapping) else {})
