"""
Every option, declared once: its name, what it means, how it is read and what it is when nobody says.

The command line, the environment, YAML files and the documentation are all made from this table. An option `modelPath` is the flag
``--modelPath`` or ``--model-path``, the variable ``MODELWATCH_MODEL_PATH`` (or a file named by ``MODELWATCH_MODEL_PATH_FILE``) and the YAML key
``modelPath`` or ``model-path``.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from modelwatch.config.surroundings import Surroundings
from modelwatch.core.entities import Lifetime, ModelType, Storage
from modelwatch.core.mounts import WatchMethod

_NAME_BYTES = 200

Default = Callable[[Surroundings, Mapping[str, Any]], Any]
"""(surroundings, options already merged, in order of declaration) → value; may raise ValueError."""


@dataclass(frozen=True, slots=True)
class Option:
    """
    One option.

    Attributes:
        name: In camelCase, as Gradient writes options.
        help: One sentence.
        parse: From text to the value; raises ValueError with what is wrong.
        default: The value when nobody says.
        default_help: That value in words.
        metavar: What stands for the value in help.
        group: ``target`` (which repository and team), ``agent`` (what and how to watch) or ``log``.
        variables: Gradient's own variables, read after ours.
        gradient_names: What Gradient's options file calls it, where that is another name.
        choices: The values in their own spelling, when they are few.
        repeated: Several values: the flag is given again, the variable and YAML text separate by commas, YAML may hold a list.
        secret: Never shown.
    """

    name: str
    help: str
    parse: Callable[[str], Any]
    default: Default
    default_help: str
    metavar: str = "TEXT"
    group: str = "agent"
    variables: tuple[str, ...] = ()
    gradient_names: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    repeated: bool = False
    secret: bool = False

    @property
    def kebab(self) -> str:
        """The name with hyphens."""
        return re.sub(r"(?<!^)([A-Z])", r"-\1", self.name).lower()

    @property
    def variable(self) -> str:
        """Our own variable."""
        return "MODELWATCH_" + self.kebab.replace("-", "_").upper()


# ------------------------------------------------------------------------------------------------------------------- parsing


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


def _path(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; give a folder")
    return _text(text)


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be printable text")
    if len(text.encode("utf-8", "surrogateescape")) > _NAME_BYTES:
        raise ValueError(f"is longer than {_NAME_BYTES} bytes")
    return text.strip()


def _file_name(text: str) -> str:
    name = _name(text)
    if "/" in name or name in {".", ".."}:
        raise ValueError("is a path; give the name of a file")
    return name


def _optional_name(text: str) -> str | None:
    return _name(text) if text.strip() else None


def _seconds(text: str) -> float:
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(ms|s|m|h|)\s*", text)
    if not match:
        raise ValueError("is not a time: write 20, 0.5, 500ms, 20s, 2m or 1h")
    value = float(match[1]) * {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}[match[2]]
    if not math.isfinite(value) or value > 7 * 24 * 3600:
        raise ValueError("is longer than a week")
    return value


def _positive_seconds(text: str) -> float:
    value = _seconds(text)
    if value < 0.01:
        raise ValueError("must be at least 0.01 s")
    return value


def _one_of(kind: type[Any], *, absent: str = "") -> Callable[[str], Any]:
    """Return a parser of an enumeration's values in any case, with `absent` standing for None."""

    def parse(text: str) -> Any:  # noqa: ANN401 - a member of `kind`, or None
        wanted = text.strip().lower()
        if absent and wanted in {absent, ""}:
            return None
        for member in kind:
            if member.value.lower() == wanted:
                return member
        raise ValueError(f"choose one of {', '.join(_spellings(kind, absent))}")

    return parse


def _spellings(kind: type[Any], absent: str = "") -> tuple[str, ...]:
    return (*((absent,) if absent else ()), *(member.value for member in kind))


def _word_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        wanted = text.strip().lower()
        if wanted not in words:
            raise ValueError(f"choose one of {', '.join(words)}")
        return wanted

    return parse


# ------------------------------------------------------------------------------------------------------------------ defaults


def _always(value: object) -> Default:
    return lambda _surroundings, _merged: value


def _default_model_path(surroundings: Surroundings, merged: Mapping[str, Any]) -> str | None:
    if surroundings.nodes() == 1:
        return surroundings.artifacts() if surroundings.has_artifacts() else None
    folder = PurePath(surroundings.jobspace(), "models", merged.get("experimentId") or "")
    return str(folder) if surroundings.has_jobspace() else None


def _default_model_name(surroundings: Surroundings, merged: Mapping[str, Any]) -> str:
    return merged.get("experimentId") or PurePath(surroundings.directory).name or "model"


def _default_lifetime(surroundings: Surroundings, merged: Mapping[str, Any]) -> Lifetime:
    path = PurePath(os.path.normpath(PurePath(surroundings.directory, merged.get("modelPath") or "")))
    if merged.get("experimentId") and path.is_relative_to(surroundings.artifacts()):
        return Lifetime.EXPERIMENT
    return Lifetime.PERMANENT


# -------------------------------------------------------------------------------------------------------------------- table

OPTIONS: tuple[Option, ...] = (
    Option(
        "experimentId",
        "Experiment that the versions belong to.",
        _optional_name,
        lambda surroundings, _merged: surroundings.workload_experiment(),
        "none",
        metavar="ID",
        variables=("PAPERSPACE_EXPERIMENT_ID",),
    ),
    Option("projectId", "Project that the experiment belongs to.", _optional_name, _always(None), "none", metavar="ID"),
    Option(
        "runId",
        "Identifies this training run; the same run registers the same checkpoint once.",
        _optional_name,
        _always(None),
        "the job's id, else made by the agent",
        metavar="ID",
        variables=("PS_JOB_ID",),
    ),
    Option(
        "modelPath",
        "Folder that training writes checkpoints and models into.",
        _path,
        _default_model_path,
        "/artifacts on one node, /storage/models/<experiment id> on several, where they exist",
        metavar="DIR",
        variables=("PS_MODEL_PATH",),
    ),
    Option(
        "modelType",
        "What to look for; everything that is recognised when absent.",
        _one_of(ModelType, absent="auto"),
        _always(None),
        "auto",
        metavar="TYPE",
        choices=_spellings(ModelType, "auto"),
    ),
    Option(
        "modelName",
        "Name of the registered model that each checkpoint is a version of.",
        _name,
        _default_model_name,
        "the experiment's id, else the name of the working directory",
        metavar="NAME",
        gradient_names=("name",),
    ),
    Option(
        "repository",
        "Folder of the model repository; made by the first registration.",
        _path,
        lambda surroundings, _merged: surroundings.default_repository(),
        "/storage/modelwatch where /storage can be written, else the user's data folder",
        metavar="DIR",
        group="target",
    ),
    Option("team", "Team that the models belong to.", _name, _always("default"), "default", metavar="NAME", group="target"),
    Option(
        "logDir",
        "Folder with TensorBoard event files; may be given several times.",
        _path,
        _always(()),
        "the model path",
        metavar="DIR",
        repeated=True,
    ),
    Option(
        "storage",
        "Copy files into the repository, or only refer to them where they are (for permanent paths).",
        _one_of(Storage),
        _always(Storage.COPY),
        "copy",
        metavar="HOW",
        choices=_spellings(Storage),
    ),
    Option(
        "lifetime",
        "Whether versions are deleted together with their experiment.",
        _one_of(Lifetime),
        _default_lifetime,
        "experiment below /artifacts when the experiment is known, else permanent",
        metavar="HOW",
        choices=_spellings(Lifetime),
    ),
    Option("notes", "Text to keep with every version.", _text, _always(""), "none"),
    Option(
        "commitMarker",
        "Name of a file that says that its folder is complete (Custom models); may be given several times.",
        _file_name,
        _always(()),
        "_SUCCESS, commit_success.txt or .complete",
        metavar="NAME",
        repeated=True,
    ),
    Option(
        "ignore",
        "Glob of names or paths that are not looked at; may be given several times.",
        _name,
        _always(()),
        "nothing",
        metavar="GLOB",
        repeated=True,
    ),
    Option(
        "settleTime",
        "How long a model whose files do not prove that they are whole must be unchanged.",
        _seconds,
        _always(2.0),
        "2s",
        metavar="TIME",
    ),
    Option(
        "quietTime",
        "How long files that tell nothing of themselves (Custom) must be unchanged.",
        _seconds,
        _always(10.0),
        "10s",
        metavar="TIME",
    ),
    Option(
        "watchMethod",
        "How changes are noticed.",
        _one_of(WatchMethod, absent="auto"),
        _always(None),
        "auto: inotify on local file systems, else poll",
        metavar="HOW",
        choices=_spellings(WatchMethod, "auto"),
    ),
    Option(
        "rescanInterval", "Time between full scans, whatever was noticed.", _positive_seconds, _always(30.0), "30s", metavar="TIME"
    ),
    Option("pollInterval", "Time between scans where changes are not told.", _positive_seconds, _always(2.0), "2s", metavar="TIME"),
    Option("scalarsInterval", "Time between readings of the event files.", _positive_seconds, _always(5.0), "5s", metavar="TIME"),
    Option(
        "drainTimeout",
        "Time for delivering what is left after training has ended; the rest is kept.",
        _seconds,
        _always(20.0),
        "20s",
        metavar="TIME",
    ),
    Option(
        "stateDir",
        "Folder of the journal and the snapshots.",
        _path,
        _always(None),
        ".modelwatch in the model path",
        metavar="DIR",
    ),
    Option(
        "logLevel",
        "How much to tell.",
        _word_of("debug", "info", "warning", "error"),
        _always("info"),
        "info",
        metavar="LEVEL",
        group="log",
        choices=("debug", "info", "warning", "error"),
    ),
    Option(
        "logFormat",
        "Text, or one JSON object a line.",
        _word_of("text", "json"),
        _always("text"),
        "text",
        metavar="FORMAT",
        group="log",
        choices=("text", "json"),
    ),
    Option("logFile", "File to write log lines to.", _path, _always(None), "standard error", metavar="FILE", group="log"),
)

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}
