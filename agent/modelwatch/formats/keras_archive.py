"""
Keras archives: ``.keras``, a zip of ``config.json``, ``metadata.json`` and the weights.

Keras writes the archive in place and its end record last; every member has a CRC-32. docs/formats/keras.md tells how the rules were
established.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelwatch.core.entities import Candidate, Checkpoint, ModelType, Verdict
from modelwatch.core.files import RegularFile
from modelwatch.core.json import JsonValue, loads_foreign
from modelwatch.core.tree import FileTree
from modelwatch.formats.base import Evidence
from modelwatch.formats.keras_config import describe_config, describe_weights, read_iterations
from modelwatch.formats.names import step_and_epoch
from modelwatch.formats.temporary import is_temporary
from modelwatch.formats.wire import zip_archive
from modelwatch.formats.wire.byte_source import ByteSource, Memory, Span
from modelwatch.formats.wire.hdf5 import require_closed
from modelwatch.formats.wire.hdf5_objects import read_contents
from modelwatch.formats.wire.protobuf import Malformed
from modelwatch.formats.wire.zip_archive import STORED, ZipMember

_WEIGHTS = (".weights.h5", ".weights.npz", ".weights.json")
_TEXT_LIMIT_BYTES = 64 << 20
_INFLATED_LIMIT_BYTES = 64 << 20


class KerasArchive:
    """Models that ``model.save("….keras")`` and ``ModelCheckpoint`` write."""

    name = "keras"
    title = "Keras archive"
    model_type = ModelType.TENSORFLOW
    evidence = Evidence.PROOF

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every ``.keras`` file."""
        for directory, listing in tree.directories.items():
            for name, stat in listing.files.items():
                if name.endswith(".keras") and not is_temporary(stat.path):
                    yield Candidate(self.name, f"{directory}/{name}" if directory else name, (stat,))

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:
        """Judge the archive's structure; deep: every member's CRC-32 and the weights file's own marker too."""
        try:
            with RegularFile(Path(folder, candidate.root)) as file:
                return self._judge(file, candidate, deep=deep)
        except (OSError, Malformed) as error:
            return Verdict.incomplete(str(error))

    def hardlink_safe(self, path: str) -> bool:  # noqa: ARG002 - the same for every member
        """Return False: Keras truncates and rewrites the file in place."""
        return False

    def _judge(self, file: RegularFile, candidate: Candidate, *, deep: bool) -> Verdict:
        members = {member.name: member for member in zip_archive.read_members(file)}
        if "config.json" not in members or "metadata.json" not in members:
            return Verdict.foreign("a zip archive without Keras's config.json and metadata.json")
        weights = next((member for name, member in members.items() if name.endswith(_WEIGHTS)), None)
        if weights is None:
            return Verdict.incomplete("the archive holds no weights")
        if deep:
            try:
                zip_archive.verify(file, tuple(members.values()))
            except Malformed as error:
                return Verdict.corrupt(str(error))
        try:
            metadata = _metadata(file, members)
            step, facts = _weights_facts(file, weights, deep=deep)
        except (Malformed, ValueError) as error:
            return Verdict.corrupt(str(error))
        named_step, epoch = step_and_epoch(Path(candidate.root).name, bare="epoch")
        return Verdict.complete(
            Checkpoint(
                self.name,
                self.model_type,
                candidate.root,
                (candidate.root,),
                named_step if step is None else step,
                epoch,
                metadata | facts,
            )
        )


def _metadata(file: RegularFile, members: dict[str, ZipMember]) -> dict[str, JsonValue]:
    """Return what the two JSON members tell. Raise ValueError or `Malformed` when they are damaged."""
    about = loads_foreign(zip_archive.content(file, members["metadata.json"], limit_bytes=_TEXT_LIMIT_BYTES))
    facts = {
        key: about[key] for key in ("keras_version", "date_saved") if isinstance(about, dict) and isinstance(about.get(key), str)
    }
    return facts | describe_config(zip_archive.content(file, members["config.json"], limit_bytes=_TEXT_LIMIT_BYTES))


def _weights_facts(file: RegularFile, member: ZipMember, *, deep: bool) -> tuple[int | None, dict[str, JsonValue]]:
    """Return the step and what the weights tell; nothing of weights that are not HDF5, or compressed and too large to unpack."""
    if not member.name.endswith(".weights.h5"):
        return None, {}
    source: ByteSource
    if member.method == STORED:
        source = Span(file, member.offset, member.size)
    elif deep and member.size <= _INFLATED_LIMIT_BYTES:
        source = Memory(zip_archive.content(file, member, limit_bytes=_INFLATED_LIMIT_BYTES))
    else:
        return None, {}
    contents = read_contents(source, require_closed(source))
    return read_iterations(source, contents), describe_weights(contents)
