"""What a file with one of the well-known names of models tells by its content, whoever wrote it."""

from __future__ import annotations

from typing import Final

from modelwatch.core.files import RegularFile
from modelwatch.core.json import JsonValue
from modelwatch.formats.wire import zip_archive
from modelwatch.formats.wire.protobuf import Malformed
from modelwatch.formats.wire.safetensors import read_header

ARCHIVES: Final = (".npz", ".pt2", ".mar")
"""Names of files that are always zip archives; PyTorch's are since version 1.6, and were pickles before."""


def describe_content(file: RegularFile, name: str, *, deep: bool) -> dict[str, JsonValue]:
    """
    Return what a whole model file tells about itself.

    Args:
        file: It.

        name: Its name; the extension says what it should be.

        deep: Read everything and compare checksums where there are some.

    Raises:
        Malformed: The file is empty, cut off or damaged. A format without structure of its own, such as a pickle, is never found to be.
    """
    head = file.read_at(0, 8)
    if not head.strip(b"\0"):
        raise Malformed("the file is empty or begins with zeros")
    if name.endswith(".safetensors"):
        header = read_header(file)
        return {"tensors": header.tensors, "parameters": header.parameters, "metadata": dict(header.metadata)}
    if head[:4] == b"PK\3\4" or name.endswith(ARCHIVES):
        members = zip_archive.read_members(file)
        if deep:
            wrong = zip_archive.wrong_checksums(file, members)
            if wrong and len(wrong) < sum(member.size > 0 for member in members):
                # PyTorch can be told to write no checksums; then none is right.
                raise Malformed(f"the zip member {wrong[0]!r} does not match its checksum")
        return {"members": len(members)}
    return {}
