"""
Automatic mode's last resort: single files with the extensions of well-known model formats.

An extension that data sets have too counts only together with a name that says "model"; what a training saves beside its model
(optimizer, scheduler, random state, tokenizer) is not one. docs/formats/custom.md has the lists' reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelwatch.core.entities import Candidate, Checkpoint, ModelType, Verdict
from modelwatch.core.files import RegularFile
from modelwatch.core.tree import FileTree
from modelwatch.formats.base import Evidence
from modelwatch.formats.model_content import describe_content
from modelwatch.formats.names import step_and_epoch
from modelwatch.formats.temporary import is_temporary
from modelwatch.formats.wire.protobuf import Malformed

_ALWAYS: Final = (
    *(".pt", ".pth", ".ckpt", ".safetensors", ".pt2", ".ptl", ".mar"),  # PyTorch, Lightning, Hugging Face
    *(".tflite", ".mlmodel", ".gguf", ".ggml", ".engine", ".trt", ".pdparams", ".pdmodel"),  # for inference; Paddle
    *(".bst", ".ubj", ".cbm", ".skops", ".msgpack"),  # XGBoost, CatBoost, scikit-learn, flax
)
_WITH_A_NAME: Final = (".pkl", ".pickle", ".joblib", ".npz", ".bin", ".pb", ".model", ".t7")
_SAYS_MODEL: Final = re.compile(
    r"(?:^|[^a-z])(?:model|weights?|params?|checkpoint|ckpt|best|final|last|state[-_]dict|policy|agent|graph|frozen|classifier|clf|"
    r"regressor|reg|estimator|pipeline|net|network|ggml|xgb(?:oost)?|lgbm?|lightgbm|catboost|svm|forest|kmeans)(?:[^a-z]|$)"
)
_SAYS_OTHER: Final = re.compile(
    r"(?:^|[^a-z])(?:optimizer|optim|opt[-_]state|scheduler|rng[-_]state|training[-_]args|scaler|tokenizer|spiece|sentencepiece|vocab|"
    r"data|dataset|features|labels|embeddings?|cache|buffer|replay|history|metrics|results|predictions|preds|saved[-_]model|"
    r"fingerprint|keras[-_]metadata|train|test|valid|val|[xy])(?:[^a-z]|$)"
)


def is_model_name(name: str) -> bool:
    """Return whether a file of this name, seen alone, is taken for a model."""
    lowered = name.lower()
    if lowered.endswith(_ALWAYS):
        return _SAYS_OTHER.search(lowered) is None or _SAYS_MODEL.search(lowered) is not None
    return lowered.endswith(_WITH_A_NAME) and _SAYS_MODEL.search(_stem(lowered)) is not None and _SAYS_OTHER.search(lowered) is None


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


class ModelFiles:
    """Single model files of frameworks that have no format of their own here."""

    name = "model-file"
    title = "Model file"
    model_type = ModelType.CUSTOM
    evidence = Evidence.SILENCE

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every file that has a model's name."""
        for listing in tree.directories.values():
            for name, stat in listing.files.items():
                if not name.startswith(".") and is_model_name(name) and not is_temporary(stat.path):
                    yield Candidate(self.name, stat.path, (stat,))

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:
        """Accept a file that is not empty and, where its kind has a structure, is whole."""
        name = candidate.root.rpartition("/")[2]
        try:
            with RegularFile(Path(folder, candidate.root)) as file:
                facts = describe_content(file, name.lower(), deep=deep)
        except (OSError, Malformed) as error:
            return Verdict.incomplete(str(error))
        step, epoch = step_and_epoch(name)
        return Verdict.complete(Checkpoint(self.name, self.model_type, candidate.root, (candidate.root,), step, epoch, facts))

    def hardlink_safe(self, path: str) -> bool:  # noqa: ARG002 - the same for every member
        """Return False: most of these are written in place."""
        return False
