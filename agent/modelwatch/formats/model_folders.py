"""
Automatic mode's folders: checkpoints that are a folder of files, as Hugging Face, DeepSpeed and many training loops write them.

A folder is one when its name says so (``checkpoint-500``, ``global_step100``, ``epoch_3``) and there are weights below it, or when
``config.json`` lies beside weights. Everything below it belongs to it, but for folders inside that are checkpoints themselves, event
files and logs. The model path itself can only be one by ``config.json``, and then with the files directly in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from modelwatch.core.entities import Candidate, Checkpoint, ModelType, Verdict
from modelwatch.core.files import RegularFile, read_whole
from modelwatch.core.json import JsonValue, loads_foreign
from modelwatch.core.tree import FileStat, FileTree, join
from modelwatch.formats.base import Evidence
from modelwatch.formats.companions import is_event_file, is_log
from modelwatch.formats.model_content import describe_content
from modelwatch.formats.names import step_and_epoch
from modelwatch.formats.temporary import is_temporary
from modelwatch.formats.wire.protobuf import Malformed

_NAMED: Final = re.compile(r"(?:checkpoint|ckpt|global_?step|step|iter(?:ation)?|epoch)[-_=]?[0-9]+", re.IGNORECASE)
_WEIGHTS: Final = (".safetensors", ".pt", ".pth", ".bin", ".msgpack", ".ckpt", ".pdparams", ".distcp")
_BESIDE_CONFIG: Final = re.compile(
    r"(?:(?:diffusion_pytorch_|pytorch_|adapter_|flax_|tf_)?model(?:-[0-9]{5}-of-[0-9]{5})?)\.(?:safetensors|bin|msgpack|h5)"
    r"|consolidated.*\.pth"
)
_INDEX: Final = re.compile(r"(?:pytorch_)?model.*\.(?:safetensors|bin)\.index\.json")
_STRUCTURED: Final = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
_JSON_LIMIT_BYTES: Final = 64 << 20


class ModelFolders:
    """Folders that are one checkpoint."""

    name = "model-folder"
    title = "Model folder"
    model_type = ModelType.CUSTOM
    evidence = Evidence.SILENCE

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every folder that is a checkpoint by its name or its content."""
        folders = {folder for folder in tree.directories if not is_temporary(folder) and _is_model_folder(tree, folder)}
        for folder in sorted(folders):
            members = sorted(_members(tree, folder, folders))
            if any(member.name.endswith(_WEIGHTS) or _BESIDE_CONFIG.fullmatch(member.name) for member in members):
                yield Candidate(self.name, folder, tuple(members))

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:
        """Accept a folder whose files are as they were seen, whole where they have a structure, and whose shards are all there."""
        facts: dict[str, JsonValue] = {}
        try:
            for member in candidate.members:
                if (Path(folder) / member.path).lstat().st_size != member.size:
                    return Verdict.incomplete(f"{member.path} has changed its size")
                if member.name.endswith(_STRUCTURED):
                    with RegularFile(Path(folder, member.path)) as file:
                        describe_content(file, member.name, deep=deep)
                if _INDEX.fullmatch(member.name):
                    missing = _shards(folder, member) - candidate.paths
                    if missing:
                        return Verdict.incomplete(f"{min(missing)} is not there (yet)")
            state = _json(folder, candidate, "trainer_state.json")
            facts |= _facts(_json(folder, candidate, "config.json"), state)
        except Malformed as error:
            return Verdict.incomplete(f"{member.path}: {error}")
        except (OSError, ValueError) as error:
            return Verdict.incomplete(str(error))
        step, epoch = step_and_epoch(candidate.root.rpartition("/")[2])
        told = state.get("global_step")
        if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < 1 << 63:
            step = told
        return Verdict.complete(
            Checkpoint(
                self.name,
                self.model_type,
                candidate.root,
                tuple(member.path for member in candidate.members),
                step,
                epoch,
                facts,
            )
        )

    def hardlink_safe(self, path: str) -> bool:  # noqa: ARG002 - the same for every member
        """Return False: most of these are written in place."""
        return False


def _is_model_folder(tree: FileTree, folder: str) -> bool:
    if folder and _NAMED.fullmatch(folder.rpartition("/")[2]):
        return True
    files = tree.files_in(folder)
    return "config.json" in files and any(_BESIDE_CONFIG.fullmatch(name) for name in files)


def _members(tree: FileTree, folder: str, folders: set[str]) -> Iterator[FileStat]:
    """Give the files of a model folder, without those of model folders inside it."""
    pending = [folder]
    while pending:
        path = pending.pop()
        for name, stat in tree.files_in(path).items():
            if not (is_event_file(name) or is_log(name) or is_temporary(stat.path)):
                yield stat
        if folder:
            below = [join(path, name) for name in tree.subdirectories_of(path)]
            pending.extend(inner for inner in below if inner not in folders)


def _shards(folder: str, index: FileStat) -> set[str]:
    """Return the paths that a Hugging Face index names. Raise ValueError when it is none."""
    value = loads_foreign(read_whole(Path(folder, index.path), limit_bytes=_JSON_LIMIT_BYTES))
    weight_map = value.get("weight_map") if isinstance(value, Mapping) else None
    if not isinstance(weight_map, Mapping):
        raise ValueError(f"{index.path}: no weight_map")  # noqa: TRY004 - about content, like damaged JSON
    return {join(index.directory, str(name)) for name in weight_map.values()}


def _json(folder: str, candidate: Candidate, name: str) -> Mapping[str, JsonValue]:
    """Return the JSON object in a file directly in the candidate's folder, empty if there is none. Raise ValueError if it is not JSON."""
    path = join(candidate.root, name)
    if path not in candidate.paths:
        return {}
    value = loads_foreign(read_whole(Path(folder, path), limit_bytes=_JSON_LIMIT_BYTES))
    return value if isinstance(value, Mapping) else {}


def _facts(config: Mapping[str, JsonValue], state: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    facts = {key: config[key] for key in ("architectures", "model_type", "transformers_version", "torch_dtype") if key in config}
    facts |= {key: state[key] for key in ("epoch", "best_metric", "best_model_checkpoint") if state.get(key) is not None}
    return facts
