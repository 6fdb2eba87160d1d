"""
Every option, declared once: its name, what it means, how it is read and what it is when nobody says.

The command line, the environment, YAML files and the documentation are all made from this table. An option `modelPath` is the flag
``--modelPath`` or ``--model-path``, the variable ``MODELWATCH_MODEL_PATH`` (or a file named by ``MODELWATCH_MODEL_PATH_FILE``) and the YAML key
``modelPath`` or ``model-path``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from modelwatch.config import reading, snapshot_budget
from modelwatch.config.address import DEFAULT, SERVER_DEFAULT, address, external_url, host_pattern, listening_address
from modelwatch.config.surroundings import Surroundings
from modelwatch.config.wait_for import wait_for
from modelwatch.config.workers import Workers
from modelwatch.core.entities import Lifetime, ModelType, Storage
from modelwatch.core.mounts import WatchMethod

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
        example: A value as YAML writes it, for the annotated file.
        metavar: What stands for the value in help.
        group: ``target`` (which repository and team), ``agent`` (what and how to watch), ``sidecar`` (when training has ended), ``server`` or ``log``.
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
    example: str
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


LINEAGE_ENVIRONMENT = (
    *("HP_*", "HPARAM_*", "HYPERPARAMETER_*", "SM_HP_*"),
    *("LEARNING_RATE", "LR", "BATCH_SIZE", "EPOCHS", "NUM_EPOCHS", "TRAIN_EPOCHS", "TRAIN_STEPS", "MAX_STEPS", "EVAL_SECS"),
    *("SEED", "OPTIMIZER", "MOMENTUM", "DROPOUT", "WEIGHT_DECAY"),
)
"""Names under which hyperparameters are given: those of sample programs, and the prefix of SageMaker's training toolkit."""

# -------------------------------------------------------------------------------------------------------------------- table

OPTIONS: tuple[Option, ...] = (
    Option(
        "experimentId",
        "Experiment that the versions belong to.",
        reading.optional_name,
        lambda surroundings, _merged: surroundings.workload_experiment(),
        "PAPERSPACE_METRIC_WORKLOAD_ID of an experiment, else none",
        metavar="ID",
        variables=("PAPERSPACE_EXPERIMENT_ID",),
        example="esro6mbmiulvbl",
    ),
    Option(
        "projectId",
        "Project that the experiment belongs to.",
        reading.optional_name,
        _always(None),
        "none",
        metavar="ID",
        example="prmr22ve0",
    ),
    Option(
        "runId",
        "Identifies this training run; the same run registers the same checkpoint once.",
        reading.optional_name,
        _always(None),
        "the job's id, else made by the agent",
        metavar="ID",
        variables=("PS_JOB_ID",),
        example="jsy2ibsz1l026y",
    ),
    Option(
        "modelPath",
        "Folder that training writes checkpoints and models into.",
        reading.path_text,
        _default_model_path,
        "/artifacts on one node, /storage/models/<experiment id> on several, where they exist",
        metavar="DIR",
        variables=("PS_MODEL_PATH",),
        example="/artifacts",
    ),
    Option(
        "modelType",
        "What to look for; everything that is recognised when absent.",
        reading.one_of(ModelType, absent="auto"),
        _always(None),
        "auto",
        metavar="TYPE",
        choices=reading.spellings(ModelType, "auto"),
        example="Tensorflow",
    ),
    Option(
        "modelName",
        "Name of the registered model that each checkpoint is a version of.",
        reading.one_name,
        _default_model_name,
        "the experiment's id, else the name of the working directory",
        metavar="NAME",
        gradient_names=("name",),
        example="digits",
    ),
    Option(
        "repository",
        "Folder of the model repository, made by the first registration, or the address of a server.",
        reading.path_text,
        lambda surroundings, _merged: surroundings.default_repository(),
        "/storage/modelwatch where /storage can be written, else the user's data folder",
        metavar="DIR|URL",
        group="target",
        example="/storage/modelwatch",
    ),
    Option(
        "team",
        "Team that the models belong to.",
        reading.one_name,
        _always("default"),
        "default",
        metavar="NAME",
        group="target",
        example="default",
    ),
    Option(
        "apiKey",
        "API key for a repository that is a server.",
        reading.optional_secret,
        _always(None),
        "none",
        metavar="KEY",
        group="target",
        variables=("PAPERSPACE_API_KEY",),
        example="mw_4kq7m2xa_...",
        secret=True,
    ),
    Option(
        "workers",
        "Which nodes of a training on several register what they see.",
        reading.one_of(Workers),
        _always(Workers.CHIEF),
        "chief: by TF_CONFIG, PS_CONFIG, TYPE and INDEX, RANK, OMPI_COMM_WORLD_RANK or SLURM_PROCID",
        metavar="WHICH",
        choices=reading.spellings(Workers),
        example="chief",
    ),
    Option(
        "logDir",
        "Folder with TensorBoard event files; may be given several times.",
        reading.path_text,
        _always(()),
        "the model path",
        metavar="DIR",
        repeated=True,
        example="[/artifacts/logs, /artifacts/eval]",
    ),
    Option(
        "storage",
        "Copy files into the repository, or only refer to them where they are (for permanent paths).",
        reading.one_of(Storage),
        _always(Storage.COPY),
        "copy",
        metavar="HOW",
        choices=reading.spellings(Storage),
        example="copy",
    ),
    Option(
        "lifetime",
        "Whether versions are deleted together with their experiment.",
        reading.one_of(Lifetime),
        _default_lifetime,
        "experiment below /artifacts when the experiment is known, else permanent",
        metavar="HOW",
        choices=reading.spellings(Lifetime),
        example="permanent",
    ),
    Option(
        "notes", "Text to keep with every version.", reading.free_text, _always(""), "none", example="baseline with augmentation"
    ),
    Option(
        "lineageEnv",
        "Glob of variables kept with every version as hyperparameters, never one that looks like a secret; may be given several times.",
        reading.one_name,
        _always(LINEAGE_ENVIRONMENT),
        ", ".join(LINEAGE_ENVIRONMENT),
        metavar="GLOB",
        repeated=True,
        example="[HP_*, LAYERS]",
    ),
    Option(
        "commitMarker",
        "Name of a file that says that its folder is complete (Custom models); may be given several times.",
        reading.file_name,
        _always(()),
        "_SUCCESS, commit_success.txt or .complete",
        metavar="NAME",
        repeated=True,
        example="[DONE]",
    ),
    Option(
        "ignore",
        "Glob of names or paths that are not looked at; may be given several times.",
        reading.one_name,
        _always(()),
        "nothing",
        metavar="GLOB",
        repeated=True,
        example='["*.tmp", "scratch/*"]',
    ),
    Option(
        "settleTime",
        "How long a model whose files do not prove that they are whole must be unchanged.",
        reading.seconds,
        _always(2.0),
        "2s",
        metavar="TIME",
        example="2s",
    ),
    Option(
        "quietTime",
        "How long files that tell nothing of themselves (Custom) must be unchanged.",
        reading.seconds,
        _always(10.0),
        "10s",
        metavar="TIME",
        example="10s",
    ),
    Option(
        "watchMethod",
        "How changes are noticed.",
        reading.one_of(WatchMethod, absent="auto"),
        _always(None),
        "auto: inotify on local file systems, else poll",
        metavar="HOW",
        choices=reading.spellings(WatchMethod, "auto"),
        example="auto",
    ),
    Option(
        "rescanInterval",
        "Time between full scans, whatever was noticed.",
        reading.positive_seconds,
        _always(30.0),
        "30s",
        metavar="TIME",
        example="30s",
    ),
    Option(
        "pollInterval",
        "Time between scans where changes are not told.",
        reading.positive_seconds,
        _always(2.0),
        "2s",
        metavar="TIME",
        example="2s",
    ),
    Option(
        "scalarsInterval",
        "Time between readings of the event files.",
        reading.positive_seconds,
        _always(5.0),
        "5s",
        metavar="TIME",
        example="5s",
    ),
    Option(
        "drainTimeout",
        "Time for delivering what is left after training has ended; the rest is kept.",
        reading.seconds,
        _always(20.0),
        "20s",
        metavar="TIME",
        example="20s",
    ),
    Option(
        "signalTarget",
        "Which of the training's processes get a signal that `modelwatch run` gets: its whole group, or only the one that it started.",
        reading.word_of("group", "process"),
        _always("group"),
        "group",
        metavar="WHICH",
        choices=("group", "process"),
        example="group",
    ),
    Option(
        "stateDir",
        "Folder of the journal and the snapshots.",
        reading.path_text,
        _always(None),
        ".modelwatch in the model path",
        metavar="DIR",
        example="/storage/state/digits",
    ),
    Option(
        "snapshotBudget",
        "The most that snapshots may hold until they are delivered, as a size or a share of what is free at the start; one is always allowed.",
        snapshot_budget.snapshot_budget,
        _always(snapshot_budget.DEFAULT),
        "50%",
        metavar="SIZE",
        example="20GB",
    ),
    Option(
        "readyFile",
        "File that is there while everything that becomes complete is seen; for startup probes.",
        reading.path_text,
        _always(None),
        "none",
        metavar="FILE",
        example="/shared/modelwatch-ready",
    ),
    Option(
        "healthAddress",
        "Address that answers /healthz, /readyz, /status and /metrics; off for none.",
        address,
        _always(DEFAULT),
        "127.0.0.1:9321 where it is free",
        metavar="HOST:PORT",
        example='"0.0.0.0:9321"',
    ),
    Option(
        "waitFor",
        "End when these processes have: others (the pod's other containers), a process id, a part of a command line or "
        "/a regular expression/; may be given several times, and then all must have ended.",
        wait_for,
        _always(()),
        "none: until SIGTERM",
        metavar="PROCESS",
        group="sidecar",
        repeated=True,
        example="[train.py]",
    ),
    Option(
        "startTimeout",
        "How long a process of waitFor may stay unseen while nothing is written, before its training counts as over.",
        reading.positive_seconds,
        _always(600.0),
        "10m",
        metavar="TIME",
        group="sidecar",
        example="10m",
    ),
    Option(
        "endMarker",
        "File whose appearance says that training has ended.",
        reading.path_text,
        _always(None),
        "none",
        metavar="FILE",
        group="sidecar",
        example="/shared/training-ended",
    ),
    Option(
        "exitCodeFile",
        "File that the training's exit code is written into at its end.",
        reading.path_text,
        _always(None),
        "none",
        metavar="FILE",
        group="sidecar",
        example="/shared/exit-code",
    ),
    Option(
        "idleTimeout",
        "End when nothing was written to the model path and the event files for this time.",
        reading.positive_seconds,
        _always(None),
        "never",
        metavar="TIME",
        group="sidecar",
        example="30m",
    ),
    Option(
        "serverAddress",
        "Address that `modelwatch serve` answers at; any but this machine's own demands keys.",
        listening_address,
        _always(SERVER_DEFAULT),
        "127.0.0.1:9320",
        metavar="HOST:PORT",
        group="server",
        example='"0.0.0.0:9320"',
    ),
    Option(
        "externalUrl",
        "Where people and agents reach the server, when a proxy stands before it; links begin with it.",
        external_url,
        _always(None),
        "the host that each request names",
        metavar="URL",
        group="server",
        example="https://models.example.org",
    ),
    Option(
        "allowedHost",
        "Name that requests may give in their Host header besides localhost and externalUrl's; `*` for any; may be given several times.",
        host_pattern,
        _always(()),
        "any numeric address that the server listens at",
        metavar="NAME",
        group="server",
        repeated=True,
        example="[models.example.org]",
    ),
    Option(
        "auditDays",
        "How many days `modelwatch serve` keeps its audit, at least 30; `forever` for ever.",
        reading.days_of_audit,
        _always(400),
        "400",
        metavar="DAYS",
        group="server",
        example="400",
    ),
    Option(
        "logLevel",
        "How much to tell.",
        reading.word_of("debug", "info", "warning", "error"),
        _always("info"),
        "info",
        metavar="LEVEL",
        group="log",
        choices=("debug", "info", "warning", "error"),
        example="info",
    ),
    Option(
        "logFormat",
        "Text, or one JSON object a line.",
        reading.word_of("text", "json"),
        _always("text"),
        "text",
        metavar="FORMAT",
        group="log",
        choices=("text", "json"),
        example="text",
    ),
    Option(
        "logFile",
        "File to write log lines to.",
        reading.path_text,
        _always(None),
        "standard error",
        metavar="FILE",
        group="log",
        example="/artifacts/modelwatch.log",
    ),
)
