"""Zip archives of kinds that Python's own module writes."""

import io
import zipfile

import pytest

from modelwatch.formats.wire import zip_archive
from modelwatch.formats.wire.byte_source import Memory
from modelwatch.formats.wire.protobuf import Malformed


def archive(*, comment: bytes = b"", zip64: bool = False, method: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive of two members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        file.comment = comment
        for name in ("a", "b"):
            with file.open(name, "w", force_zip64=zip64) as member:
                member.write(name.encode() * 1000)
    return out.getvalue()


@pytest.mark.parametrize("comment", [b"", b"hello", b"PK\5\6" + bytes(30)])
@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_whole_archives_are_read(comment, zip64, method):
    """With a comment, even one that looks like an end record, with zip64 headers and compressed, members are found and verified."""
    source = Memory(archive(comment=comment, zip64=zip64, method=method))
    members = zip_archive.read_members(source)
    zip_archive.verify(source, members)
    assert [zip_archive.content(source, member, limit_bytes=1000) for member in members] == [b"a" * 1000, b"b" * 1000]


def test_an_archive_of_more_than_65535_members_is_read():
    """Such an archive has a zip64 end record."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for number in range(65_600):
            file.writestr(str(number), b"")
    assert len(zip_archive.read_members(Memory(out.getvalue()))) == 65_600


def test_unknown_compression_is_refused():
    """Keras, PyTorch and NumPy store or deflate."""
    with pytest.raises(Malformed, match="unknown"):
        zip_archive.read_members(Memory(archive(method=zipfile.ZIP_BZIP2)))


def test_content_beyond_the_limit_is_not_read():
    """The caller says how much it can hold."""
    source = Memory(archive())
    with pytest.raises(Malformed, match="more than"):
        zip_archive.content(source, zip_archive.read_members(source)[0], limit_bytes=999)


def test_overlapping_members_are_refused():
    """Two directory entries for one member, as a zip bomb has them."""
    content = archive().replace(b"b" * 1000, b"a" * 1000)
    start = content.find(b"PK\1\2")
    entry = content[start : content.find(b"PK\1\2", start + 4)]
    forged = content[:start] + entry + entry + content[start + 2 * len(entry) :]
    with pytest.raises(Malformed, match="overlaps"):
        zip_archive.read_members(Memory(forged))
