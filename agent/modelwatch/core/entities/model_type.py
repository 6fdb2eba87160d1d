"""Gradient's model types, and how long and in what form a version is kept."""

from __future__ import annotations

import enum


class ModelType(enum.Enum):
    """Gradient's model types. The value is Gradient's spelling."""

    TENSORFLOW = "Tensorflow"
    ONNX = "ONNX"
    CUSTOM = "Custom"

    @classmethod
    def parse(cls, text: str) -> ModelType:
        """Read a model type in any case. Raise ValueError with the choices for anything else."""
        for member in cls:
            if member.value.lower() == text.strip().lower():
                return member
        raise ValueError(f"not a model type: {text!r}; choose {', '.join(member.value for member in cls)}")


class Lifetime(enum.Enum):
    """How long a version's files are kept: Gradient's meaning of ``/artifacts`` and ``/storage``."""

    EXPERIMENT = "experiment"
    PERMANENT = "permanent"


class Storage(enum.Enum):
    """Whether the repository holds a version's bytes or only their paths and digests."""

    COPY = "copy"
    REFERENCE = "reference"
