"""Walking protocol buffers without their schema."""

import struct

import protobuf_messages as made
import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.files import RegularFile
from modelwatch.formats.wire import protobuf
from modelwatch.formats.wire.protobuf import Malformed, Window

_FIELDS = st.lists(st.tuples(st.integers(1, 2**29 - 1), st.integers(0, 2**64 - 1) | st.binary(max_size=300)), max_size=12)


def _walk(data):
    return [
        (field.number, data[field.start : field.end] if field.wire_type == 2 else field.value) for field in protobuf.fields(data)
    ]


@given(_FIELDS)
def test_gives_back_what_was_encoded(values):
    """Numbers and payloads come back in order."""
    assert _walk(b"".join(made.field(*value) for value in values)) == values


@given(_FIELDS, st.data())
def test_a_message_cut_inside_a_field_is_malformed(values, data):
    """Cutting anywhere but between two fields is noticed."""
    encoded = [made.field(*value) for value in values]
    whole = b"".join(encoded)
    ends = {sum(map(len, encoded[:count])) for count in range(len(encoded) + 1)}
    cut = data.draw(st.integers(0, len(whole)))
    if cut in ends:
        _walk(whole[:cut])
    else:
        with pytest.raises(Malformed):
            _walk(whole[:cut])


@given(st.binary(max_size=400))
def test_any_bytes_are_walked_or_malformed(data):
    """Hostile bytes raise nothing but Malformed, and no field leaves its message."""
    try:
        for field in protobuf.fields(data):
            assert 0 <= field.start <= field.end <= len(data)
    except Malformed:
        pass


@given(_FIELDS, st.binary(max_size=200_000))
def test_a_window_over_a_file_walks_as_the_bytes_do(tmp_path_factory, values, filler):
    """A file is walked in pieces with the same result as in memory."""
    whole = made.field(7, filler) + b"".join(made.field(*value) for value in values) + made.field(9, filler)
    path = tmp_path_factory.mktemp("window") / "message"
    path.write_bytes(whole)
    with RegularFile(path) as file:
        window = Window(file)
        assert _walk(window) == _walk(whole)
        assert list(protobuf.fields(window)) == list(protobuf.fields(whole))


def test_reads_what_the_protobuf_library_writes():
    """Doubles, strings, maps and nested messages of the real encoder are found where they are."""
    message = struct_pb2.Struct()
    message.update({"loss": 0.25})
    data = message.SerializeToString()
    (entry,) = protobuf.fields(data)
    key, value = protobuf.message(data, entry)
    assert protobuf.text(data, key) == "loss"
    (number,) = protobuf.message(data, value)
    assert struct.unpack("<d", number.value.to_bytes(8, "little")) == (0.25,)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x80" * 100_000_000, id="a varint of 100 MB"),
        pytest.param(made.varint(1 << 3 | 2) + made.varint(2**63) + b"x", id="a payload of 8 EiB"),
        pytest.param(made.varint(2) + made.varint(1) + b"x", id="field number 0"),
        pytest.param(made.varint(1 << 3 | 3), id="a group"),
        pytest.param(made.varint(1 << 3 | 1) + b"1234567", id="seven of eight bytes"),
        pytest.param(made.varint(1 << 3 | 5) + b"123", id="three of four bytes"),
    ],
)
def test_refuses(data):
    """Each of these is malformed, at once and without allocating what a length claims."""
    with pytest.raises(Malformed):
        list(protobuf.fields(data))


def test_reads_numbers_as_their_types():
    """Signed integers, enums, floats and packed lists have their values; another wire type is malformed."""
    data = (
        made.field(1, -5) + made.fixed32(2, 0x3F800000) + made.field(3, made.varint(3) + made.varint(-1)) + made.field(4, "a\xff")
    )
    signed, single, several, string = protobuf.fields(data)
    assert protobuf.signed(signed) == -5
    assert protobuf.integer(signed) == 2**64 - 5
    assert protobuf.float32(single) == 1.0
    assert protobuf.packed(data, several, limit=2) == [3, -1]
    assert protobuf.packed(data, signed, limit=1) == [-5]
    assert protobuf.text(data, string) == "a\xff"
    assert protobuf.content(data, string, limit_bytes=3) == "a\xff".encode()
    for mistake in (
        lambda: protobuf.signed(string),
        lambda: protobuf.float32(signed),
        lambda: protobuf.text(data, signed),
        lambda: list(protobuf.message(data, signed)),
        lambda: protobuf.packed(data, several, limit=1),
        lambda: protobuf.content(data, string, limit_bytes=2),
    ):
        with pytest.raises(Malformed):
            mistake()


def test_a_file_that_shrinks_under_the_walk_is_malformed(tmp_path):
    """A file cut after it was opened ends in Malformed, not in a shorter answer."""
    path = tmp_path / "message"
    path.write_bytes(made.field(1, b"x" * 100_000) + made.fixed64(2, 1))
    with RegularFile(path) as file:
        path.write_bytes(b"")
        with pytest.raises(Malformed):
            list(protobuf.fields(Window(file)))
