"""
HDF5 files that Keras writes: ``.weights.h5`` and, before Keras 3, ``.h5`` and ``.hdf5``.

The library clears the superblock's flag with its very last write, so that a copy of a file that did not change while it was copied is
whole when the flag is clear. Data has no checksums: what is damaged later is not noticed. docs/formats/keras.md has the measurements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelwatch.core.entities import Candidate, Checkpoint, ModelType, Verdict
from modelwatch.core.files import RegularFile
from modelwatch.core.json import JsonValue, loads_foreign
from modelwatch.core.tree import FileTree
from modelwatch.formats.base import Evidence
from modelwatch.formats.keras_config import describe_compile, describe_config, describe_weights, read_iterations
from modelwatch.formats.names import step_and_epoch
from modelwatch.formats.temporary import is_temporary
from modelwatch.formats.wire.hdf5 import SIGNATURE, require_closed
from modelwatch.formats.wire.hdf5_objects import Attribute, Contents, read_contents
from modelwatch.formats.wire.protobuf import Malformed

SHARD: Final = re.compile(r"(?P<stem>.*)_[0-9]{5}\.weights\.h5", re.DOTALL)
"""Names of the parts of a sharded weights file, which are nothing by themselves."""

_KERAS_ATTRIBUTES: Final = frozenset({"keras_version", "backend", "layer_names", "model_config"})
_KERAS_GROUPS: Final = frozenset({"layers", "_layer_checkpoint_dependencies", "model_weights", "vars"})


class Hdf5:
    """Models and weights that Keras writes as HDF5."""

    name = "hdf5"
    title = "Keras HDF5 file"
    model_type = ModelType.TENSORFLOW
    evidence = Evidence.PROOF

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every ``.h5`` and ``.hdf5`` file that is not a part of sharded weights."""
        for listing in tree.directories.values():
            for name, stat in listing.files.items():
                if name.endswith((".h5", ".hdf5")) and not SHARD.fullmatch(name) and not is_temporary(stat.path):
                    yield Candidate(self.name, stat.path, (stat,))

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:  # noqa: ARG002 - there are no checksums to look at
        """Judge the superblock and the places of everything in the file. HDF5 that is not Keras's is FOREIGN: a data set."""
        try:
            with RegularFile(Path(folder, candidate.root)) as file:
                if file.size >= len(SIGNATURE) and file.read_at(0, 1) not in {SIGNATURE[:1], b"\0"}:
                    return Verdict.foreign("not an HDF5 file")
                superblock = require_closed(file)
                try:
                    contents = read_contents(file, superblock)
                except Malformed as error:
                    return Verdict.corrupt(str(error))
                if not _is_keras(candidate.root, contents):
                    return Verdict.foreign("an HDF5 file that Keras did not write")
                step = read_iterations(file, contents)
        except (OSError, Malformed) as error:
            return Verdict.incomplete(str(error))
        named_step, epoch = step_and_epoch(Path(candidate.root).name, bare="epoch")
        return Verdict.complete(
            Checkpoint(
                self.name,
                self.model_type,
                candidate.root,
                (candidate.root,),
                named_step if step is None else step,
                epoch,
                _describe(contents),
            )
        )

    def hardlink_safe(self, path: str) -> bool:  # noqa: ARG002 - the same for every member
        """Return False: Keras truncates and rewrites the file in place."""
        return False


def _is_keras(path: str, contents: Contents) -> bool:
    if path.endswith(".weights.h5") or contents.uncharted:
        return True
    return bool(_KERAS_ATTRIBUTES & contents.attributes.get("", {}).keys() or _KERAS_GROUPS & contents.groups)


def _describe(contents: Contents) -> dict[str, JsonValue]:
    attributes: dict[str, Attribute] = contents.attributes.get("model_weights", {}) | contents.attributes.get("", {})
    facts: dict[str, JsonValue] = {
        key: attributes[key] for key in ("keras_version", "backend") if isinstance(attributes.get(key), str)
    }
    layers = attributes.get("layer_names")
    if isinstance(layers, tuple):
        facts["layers"] = len(layers)
    for key, read in (("model_config", describe_config), ("training_config", describe_training)):
        text = attributes.get(key)
        if isinstance(text, str):
            try:
                facts |= read(text)
            except ValueError:
                continue  # the configuration is only told about, the weights do not depend on it
    return facts | describe_weights(contents)


def describe_training(text: str) -> dict[str, JsonValue]:
    """Return ``compile`` out of a legacy file's ``training_config``. Raise ValueError when it is not JSON."""
    compiled = describe_compile(loads_foreign(text))
    return {"compile": compiled} if compiled else {}
