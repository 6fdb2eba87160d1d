"""Merging the sources into `Settings`, and finding every problem at once."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwatch.config.options import OPTIONS, Option
from modelwatch.config.settings import Git, Settings
from modelwatch.config.sources import Given, Source, clipped, from_environment, nearest
from modelwatch.config.surroundings import Surroundings
from modelwatch.config.workers import ClusterError, Workers, bystander
from modelwatch.core.entities import Lifetime, Storage
from modelwatch.core.errors import ConfigError, ConfigProblem

CONFIG_VARIABLE = "MODELWATCH_CONFIG"
OPTIONS_FILE_VARIABLE = "MODELWATCH_OPTIONS_FILE"
_CONFIG_FILES = ("modelwatch.yaml", "/etc/modelwatch/modelwatch.yaml")
_PROJECT_FILE = ".ps_project/config.yaml"
_DEFAULT = "default"
_LIKENESS_OF_VARIABLES = 0.85
_NO_MODEL_PATH = ConfigProblem(
    "modelPath",
    "",
    _DEFAULT,
    "nothing says which folder training writes into: give --modelPath DIR, or set PS_MODEL_PATH or MODELWATCH_MODEL_PATH",
)
_STATE_FOLDER = ".modelwatch"
"""Where the agent keeps its state in the model path if nothing else is said: the one folder in it that is not watched."""

_OF_MODEL_PATH = frozenset({"modelPath", "TF_CONFIG", "PS_CONFIG"})
"""Options and variables whose problems are also problems of the model path."""
_OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, OPTIONS_FILE_VARIABLE, "MODELWATCH_DEBUG"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """
    The outcome of `load`.

    Attributes:
        settings: The merged options.
        values: Each option's value by its name.
        origins: Where each value comes from; ``default`` when nobody said.
        warnings: What may be a mistake and stops nothing: variables that look like ours and are not, a project file that cannot be read.
    """

    settings: Settings
    values: Mapping[str, Any]
    origins: Mapping[str, str]
    warnings: tuple[str, ...]


def load(  # noqa: PLR0913 - one parameter a source, the later ones by keyword
    flags: Mapping[str, Sequence[str]],
    environment: Mapping[str, str],
    directory: str,
    *,
    config: str | None = None,
    options_file: str | None = None,
    needs_model_path: bool = False,
    blind: bool = False,
) -> Loaded:
    """
    Merge all sources.

    Args:
        flags: Option name → texts given on the command line.

        environment: The process's environment.

        directory: Absolute path of the working directory; relative paths start there.

        config: `--config`: our YAML file, which must exist then.

        options_file: `--optionsFile`: Gradient's options file, which must exist then.

        needs_model_path: It is a problem when nothing says what to watch.

        blind: Look at no file or folder, because a mount may not answer. Files of options are passed over.

    Raises:
        ConfigError: With every problem that there is.
    """
    problems: list[ConfigProblem] = []
    here = Path(directory)
    sources: list[Source] = [
        {name: Given(tuple(texts), f"flag --{name}") for name, texts in flags.items()},
        from_environment(environment, problems),
    ]
    not_ours: list[ConfigProblem] = []  # a file of GradientCI, which nobody has pointed us at, must stop nothing
    ours = config or environment.get(CONFIG_VARIABLE) or (None if blind else _first_existing(here))
    theirs = options_file or environment.get(OPTIONS_FILE_VARIABLE)
    project = here / _PROJECT_FILE
    if not blind and (ours or theirs or project.is_file()):
        from modelwatch.config import yaml_files  # noqa: PLC0415 - a quarter of the time that loading options takes; most have no file

        if ours:
            sources.append(yaml_files.from_yaml(here / ours, problems))
        if theirs:
            sources.append(yaml_files.from_yaml(here / theirs, problems, gradient=True))
        if project.is_file():
            sources.append(yaml_files.from_project_file(project, not_ours))
    surroundings = Surroundings(environment, directory, blind=blind)
    values, origins = _merge(sources, surroundings, problems)
    _check_together(values, origins, problems)
    if not blind:
        _check_places(values, origins, problems, here)
    why_not = _bystander(values, environment, problems if needs_model_path else [])
    if needs_model_path and not values["modelPath"] and not any(problem.field in _OF_MODEL_PATH for problem in problems):
        problems.append(_NO_MODEL_PATH)
    if problems:
        raise ConfigError(tuple(problems), hint="`modelwatch config example` explains every option")
    warnings = (*_strangers(environment), *(f"{problem.origin}: {problem.problem}" for problem in not_ours))
    return Loaded(_settings(values, environment, here, why_not), values, origins, warnings)


def _first_existing(here: Path) -> str | None:
    return next((name for name in _CONFIG_FILES if (here / name).is_file()), None)


def _merge(
    sources: Sequence[Source], surroundings: Surroundings, problems: list[ConfigProblem]
) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for option in OPTIONS:
        given = next((source[option.name] for source in sources if option.name in source), None)
        if given is not None:
            values[option.name], origins[option.name] = _parsed(option, given, problems), given.origin
            continue
        try:
            values[option.name], origins[option.name] = option.default(surroundings, values), _DEFAULT
        except ClusterError as error:
            problems.append(_of_cluster(error, surroundings.environment, error.problem))
            values[option.name], origins[option.name] = None, _DEFAULT
        except ValueError as error:
            problems.append(ConfigProblem(option.name, "", _DEFAULT, str(error)))
            values[option.name], origins[option.name] = None, _DEFAULT
    return values, origins


def _parsed(option: Option, given: Given, problems: list[ConfigProblem]) -> Any:  # noqa: ANN401 - an option's value has the type that its parser gives
    parsed = []
    for text in given.texts:
        try:
            parsed.append(option.parse(text))
        except ValueError as error:
            shown = "(secret)" if option.secret else clipped(text)
            problems.append(ConfigProblem(option.name, shown, given.origin, f"{error}{nearest(text, option.choices)}"))
    if option.repeated:
        return tuple(parsed)
    return parsed[-1] if parsed else None


def _problem(values: Mapping[str, Any], origins: Mapping[str, str], name: str, problem: str) -> ConfigProblem:
    value = values[name].value if isinstance(values[name], enum.Enum) else values[name]
    return ConfigProblem(name, value, origins[name], problem)


def _check_together(values: Mapping[str, Any], origins: Mapping[str, str], problems: list[ConfigProblem]) -> None:
    """Add the problems of values that are right alone and wrong together."""

    def add(name: str, problem: str) -> None:
        problems.append(_problem(values, origins, name, problem))

    if values["lifetime"] is Lifetime.EXPERIMENT:
        if values["storage"] is Storage.REFERENCE:
            add("storage", "files that go with their experiment (lifetime is experiment) cannot only be referred to; use copy")
        if not values["experimentId"] and not any(problem.field == "experimentId" for problem in problems):
            add("lifetime", "there is no experiment to go with; give --experimentId")


def _check_places(values: Mapping[str, Any], origins: Mapping[str, str], problems: list[ConfigProblem], here: Path) -> None:
    """Add the problems of folders that lie in one another, whatever links lead there."""

    def add(name: str, problem: str) -> None:
        problems.append(_problem(values, origins, name, problem))

    if values["modelPath"] and values["repository"] and "://" not in values["repository"]:
        model_path, repository = (Path(os.path.realpath(_absolute(values[name], here))) for name in ("modelPath", "repository"))
        if repository.is_relative_to(model_path):
            add("repository", f"is in the model path {model_path}, which would watch its own copies; give a folder outside of it")
        elif model_path.is_relative_to(repository):
            add("modelPath", f"is in the repository {repository}; give a folder outside of it")
    if values["modelPath"] and values["stateDir"]:
        model_path, state = (Path(os.path.realpath(_absolute(values[name], here))) for name in ("modelPath", "stateDir"))
        if state.is_relative_to(model_path) and not state.is_relative_to(model_path / _STATE_FOLDER):
            add(
                "stateDir",
                f"is in the model path {model_path}, which would watch our copies; only {_STATE_FOLDER} in it is not watched",
            )


def _bystander(values: Mapping[str, Any], environment: Mapping[str, str], problems: list[ConfigProblem]) -> str | None:
    """Return why this node registers nothing, or None; add what the environment says of it and cannot be understood."""
    if values["workers"] is not Workers.CHIEF:
        return None
    try:
        return bystander(environment)
    except ClusterError as error:
        if not any(problem.field == error.variable for problem in problems):
            problem = f"{error.problem}; correct it, or register from every node with --workers all"
            problems.append(_of_cluster(error, environment, problem))
        return None


def _of_cluster(error: ClusterError, environment: Mapping[str, str], problem: str) -> ConfigProblem:
    shown = clipped(environment.get(error.variable, ""))
    return ConfigProblem(error.variable, shown, f"environment {error.variable}", problem)


def _absolute(path: str, here: Path) -> str:
    """Return an absolute path or an address; ``~`` stands for a home folder where there is one."""
    return path if "://" in path else os.path.normpath(here / os.path.expanduser(path))  # noqa: PTH111 - Path's own raises for users without a home


def _strangers(environment: Mapping[str, str]) -> tuple[str, ...]:
    known = {option.variable for option in OPTIONS}
    known |= {f"{name}_FILE" for name in known} | _OTHER_VARIABLES
    return tuple(
        f"environment {name}: there is no such option{nearest(name, sorted(known), likeness=_LIKENESS_OF_VARIABLES)}"
        for name in sorted(environment)
        if name.startswith("MODELWATCH_") and name not in known
    )


def _settings(values: Mapping[str, Any], environment: Mapping[str, str], here: Path, why_not: str | None) -> Settings:
    git = Git(
        environment.get("PS_GRADIENT_CI_GIT_REF"),
        environment.get("PS_GRADIENT_CI_GIT_SHA"),
        environment.get("PS_GRADIENT_CI_GIT_REPO_URL"),
    )

    def absolute(path: str) -> str:
        return _absolute(path, here)

    return Settings(
        model_path=absolute(values["modelPath"]) if values["modelPath"] else "",
        model_type=values["modelType"],
        model_name=values["modelName"],
        repository=absolute(values["repository"]),
        team=values["team"],
        api_key=values["apiKey"],
        experiment=values["experimentId"],
        project=values["projectId"],
        run=values["runId"],
        log_dirs=tuple(absolute(path) for path in values["logDir"]),
        storage=values["storage"],
        lifetime=values["lifetime"],
        settle_seconds=values["settleTime"],
        quiet_seconds=values["quietTime"],
        rescan_seconds=values["rescanInterval"],
        poll_seconds=values["pollInterval"],
        scalars_seconds=values["scalarsInterval"],
        watch_method=values["watchMethod"],
        commit_markers=values["commitMarker"],
        ignore=values["ignore"],
        signal_group=values["signalTarget"] == "group",
        drain_timeout_seconds=values["drainTimeout"],
        state_dir=absolute(values["stateDir"]) if values["stateDir"] else None,
        log_level=values["logLevel"],
        log_format=values["logFormat"],
        log_file=absolute(values["logFile"]) if values["logFile"] else None,
        notes=values["notes"],
        git=git if git.to_json() else None,
        ready_file=absolute(values["readyFile"]) if values["readyFile"] else None,
        health_address=values["healthAddress"],
        wait_for=values["waitFor"],
        start_timeout_seconds=values["startTimeout"],
        end_marker=absolute(values["endMarker"]) if values["endMarker"] else None,
        exit_code_file=absolute(values["exitCodeFile"]) if values["exitCodeFile"] else None,
        idle_seconds=values["idleTimeout"],
        snapshot_budget=values["snapshotBudget"],
        lineage_environment=values["lineageEnv"],
        server_address=values["serverAddress"],
        external_url=values["externalUrl"],
        allowed_hosts=values["allowedHost"],
        audit_days=values["auditDays"],
        workers=values["workers"],
        bystander=why_not,
    )
