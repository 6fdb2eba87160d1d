"""SSTables, Snappy and FarmHash: the parts that TensorFlow's checkpoints are made of."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protobuf_messages import varint
from sstables import entries, table
from tensorflow_files import GOLDEN

from modelwatch.core.files import RegularFile
from modelwatch.formats.wire import crc, snappy
from modelwatch.formats.wire.farmhash import fingerprint64
from modelwatch.formats.wire.protobuf import Malformed
from modelwatch.formats.wire.sstable import Table

INDEX = GOLDEN / "saver" / "model.ckpt-3.index"
LIMIT = 1 << 20
FINGERPRINTS = [
    (0, 0x9AE16A3B2F90404F),
    (1, 0xBE6056EDF5E94B54),
    (3, 0x6CC1A093E8224428),
    (4, 0x05112B9E6277F665),
    (7, 0x0F95C16A7544A65B),
    (8, 0xDC480BBCE8C737A7),
    (16, 0xFBB2740319962D9B),
    (17, 0xA55B9970B7B70074),
    (32, 0x0A9D86AA8D37DA5C),
    (33, 0xFB43F626C43B2047),
    (64, 0xE0446DD71A78F98A),
    (65, 0x184A25714B2CE96B),
    (128, 0xA7B5B6228208C47B),
    (129, 0xECB25D796437D25B),
    (1000, 0x953AAFCC827B1B7F),
]


def read(path, content: bytes) -> list[tuple[bytes, bytes]]:
    """Write a table and read it back, with every checksum."""
    path.write_bytes(content)
    with RegularFile(path) as file:
        opened = Table(file)
        opened.verify()
        return list(opened.entries())


def test_reads_tensorflows_index():
    """Keys come in order, beginning with the header's empty one."""
    with RegularFile(INDEX) as file:
        opened = Table(file)
        opened.verify()
        keys = [key for key, _ in opened.entries()]
        assert opened.find(b"dense/k", limit_bytes=LIMIT) is not None
        assert opened.find(b"dense/zzz", limit_bytes=LIMIT) is None
        assert opened.find(b"zzz", limit_bytes=LIMIT) is None
        assert opened.find(b"dense/k", limit_bytes=1) is None
    assert keys[0] == b""
    assert keys == sorted(keys)
    assert b"dense/kernel" in keys


def test_keys_share_prefixes(tmp_path):
    """An entry's key begins with the bytes it shares with the one before."""
    assert read(tmp_path / "t", table(entries((0, b"abc", b"1"), (2, b"x", b"2")))) == [(b"abc", b"1"), (b"abx", b"2")]


def test_a_compressed_block_is_read(tmp_path):
    """Snappy blocks, which writers with a compression library make, are undone."""
    body = entries((0, b"key", b"value" * 3))
    compressed = varint(len(body)) + bytes([(len(body) - 1) << 2]) + body
    assert read(tmp_path / "t", table(compressed, compression=1)) == [(b"key", b"value" * 3)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(table(entries())[:-1], id="a byte short"),
        pytest.param(table(entries()) + b"\0", id="a byte long"),
        pytest.param(b"\0" + table(entries()), id="a gap at the beginning"),
        pytest.param(table(entries((1, b"abc", b"1"))), id="shares with nothing"),
        pytest.param(table(varint(0) + varint(1 << 60) + varint(0) + struct.pack("<I", 0)), id="a key of an exbibyte"),
        pytest.param(table(struct.pack("<I", 0xFFFF_FFFF)), id="four billion restart points"),
        pytest.param(table(b""), id="a block without restart points"),
        pytest.param(table(entries(), compression=7), id="an unknown compression"),
        pytest.param(table(varint(1 << 62), compression=1), id="compressed exbibytes"),
        pytest.param(table(entries((0, b"k" * 9000, b""))), id="a key of nine kilobytes"),
    ],
)
def test_refuses(tmp_path, content):
    """Each of these is malformed, at once and without allocating what a length claims."""
    with pytest.raises(Malformed):
        read(tmp_path / "t", content)


@given(st.data())
def test_any_change_of_a_table_is_noticed(tmp_path_factory, data):
    """Cut, continued or changed in any byte but the footer's padding, a table is malformed."""
    whole = INDEX.read_bytes()
    path = tmp_path_factory.mktemp("table") / "t"
    kind = data.draw(st.sampled_from(["cut", "continue", "flip"]))
    if kind == "cut":
        content = whole[: data.draw(st.integers(0, len(whole) - 1))]
    elif kind == "continue":
        content = whole + data.draw(st.binary(min_size=1, max_size=60))
    else:
        position = data.draw(st.integers(0, len(whole) - 49))
        content = whole[:position] + bytes([whole[position] ^ data.draw(st.integers(1, 255))]) + whole[position + 1 :]
    with pytest.raises(Malformed):
        read(path, content)


@given(st.binary(max_size=200))
def test_any_bytes_decompress_or_are_malformed(data):
    """Hostile bytes raise nothing but Malformed and stay below the limit."""
    with contextlib.suppress(Malformed):
        assert len(snappy.decompress(data, limit_bytes=LIMIT)) <= LIMIT


def test_snappy_copies_repeat_what_they_copy():
    """A copy may reach into its own output; offsets of one, two and four bytes mean the same."""
    for copy in (b"\x11\x01", b"\x1e\x01\x00", b"\x1f\x01\x00\x00\x00"):
        assert snappy.decompress(varint(9) + b"\x00a" + copy, limit_bytes=LIMIT) == b"a" * 9
    for broken in (b"\x11\x02", b"\x11", b"\xf0"):
        with pytest.raises(Malformed):
            snappy.decompress(varint(9) + b"\x00a" + broken, limit_bytes=LIMIT)
    long = b"x" * 300
    assert snappy.decompress(varint(300) + b"\xf4" + struct.pack("<H", 299) + long, limit_bytes=LIMIT) == long


def test_crc_is_crc32c_masked_as_leveldb_does():
    """The check value of CRC-32C, and LevelDB's mask of it."""
    assert crc.extend(0, b"123456789") == 0xE3069283
    assert crc.extend(crc.extend(0, b"1234"), b"56789") == 0xE3069283
    assert crc.masked(0xE3069283) == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize(("size", "value"), FINGERPRINTS)
def test_fingerprint64_is_tensorflows(size, value):
    """Values of ``tf.fingerprint`` for the bytes 0, 7, 14, … of each length class."""
    assert fingerprint64(bytes(7 * number % 256 for number in range(size))) == value
