"""Merging the sources into `Settings`, and finding every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwatch.config.options import OPTIONS, Option
from modelwatch.config.settings import Git, Settings
from modelwatch.config.sources import Given, Source, from_environment, from_project_file, from_yaml, nearest
from modelwatch.config.surroundings import ClusterError, Surroundings
from modelwatch.core.entities import Lifetime, Storage
from modelwatch.core.errors import ConfigError, ConfigProblem

CONFIG_VARIABLE = "MODELWATCH_CONFIG"
OPTIONS_FILE_VARIABLE = "MODELWATCH_OPTIONS_FILE"
_CONFIG_FILES = ("modelwatch.yaml", "/etc/modelwatch/modelwatch.yaml")
_PROJECT_FILE = ".ps_project/config.yaml"
_DEFAULT = "default"
_OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, OPTIONS_FILE_VARIABLE, "MODELWATCH_DEBUG"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """
    The outcome of `load`.

    Attributes:
        settings: The merged options.
        values: Each option's value by its name.
        origins: Where each value comes from; ``default`` when nobody said.
        warnings: Variables that look like ours and are not.
    """

    settings: Settings
    values: Mapping[str, Any]
    origins: Mapping[str, str]
    warnings: tuple[str, ...]


def load(
    flags: Mapping[str, Sequence[str]],
    environment: Mapping[str, str],
    directory: str,
    *,
    config: str | None = None,
    options_file: str | None = None,
) -> Loaded:
    """
    Merge all sources.

    Args:
        flags: Option name → texts given on the command line.

        environment: The process's environment.

        directory: Absolute path of the working directory; relative paths start there.

        config: `--config`: our YAML file, which must exist then.

        options_file: `--optionsFile`: Gradient's options file, which must exist then.

    Raises:
        ConfigError: With every problem that there is.
    """
    problems: list[ConfigProblem] = []
    here = Path(directory)
    sources: list[Source] = [
        {name: Given(tuple(texts), f"flag --{name}") for name, texts in flags.items()},
        from_environment(environment, problems),
    ]
    ours = config or environment.get(CONFIG_VARIABLE) or _first_existing(here)
    if ours:
        sources.append(from_yaml(here / ours, problems))
    theirs = options_file or environment.get(OPTIONS_FILE_VARIABLE)
    if theirs:
        sources.append(from_yaml(here / theirs, problems, gradient=True))
    if (here / _PROJECT_FILE).is_file():
        sources.append(from_project_file(here / _PROJECT_FILE, problems))
    surroundings = Surroundings(environment, directory)
    values, origins = _merge(sources, surroundings, problems)
    _check_together(values, origins, problems)
    if problems:
        raise ConfigError(tuple(problems), hint="`modelwatch config show --origin` lists every option; see docs/options.md")
    return Loaded(_settings(values, environment, here), values, origins, _strangers(environment))


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
            shown = surroundings.environment.get(error.variable, "")[:80]
            problems.append(ConfigProblem(error.variable, shown, f"environment {error.variable}", error.problem))
            values[option.name], origins[option.name] = None, _DEFAULT
    return values, origins


def _parsed(option: Option, given: Given, problems: list[ConfigProblem]) -> Any:  # noqa: ANN401 - an option's value has the type that its parser gives
    parsed = []
    for text in given.texts:
        try:
            parsed.append(option.parse(text))
        except ValueError as error:
            near = nearest(text.lower(), [choice.lower() for choice in option.choices])
            spelled = next((choice for choice in option.choices if near.endswith(f" {choice.lower()}?")), None)
            hint = f"; did you mean {spelled}?" if spelled else ""
            problems.append(ConfigProblem(option.name, "(secret)" if option.secret else text, given.origin, f"{error}{hint}"))
    if option.repeated:
        return tuple(parsed)
    return parsed[-1] if parsed else None


def _check_together(values: Mapping[str, Any], origins: Mapping[str, str], problems: list[ConfigProblem]) -> None:
    if values["storage"] is Storage.REFERENCE and values["lifetime"] is Lifetime.EXPERIMENT:
        problems.append(
            ConfigProblem(
                "storage",
                Storage.REFERENCE.value,
                origins["storage"],
                f"files that go with their experiment cannot only be referred to (lifetime is {Lifetime.EXPERIMENT.value}); use copy",
            )
        )


def _strangers(environment: Mapping[str, str]) -> tuple[str, ...]:
    known = {option.variable for option in OPTIONS}
    known |= {f"{name}_FILE" for name in known} | _OTHER_VARIABLES
    return tuple(
        f"environment {name}: there is no such option{nearest(name, sorted(known))}"
        for name in sorted(environment)
        if name.startswith("MODELWATCH_") and name not in known
    )


def _settings(values: Mapping[str, Any], environment: Mapping[str, str], here: Path) -> Settings:
    git = Git(
        environment.get("PS_GRADIENT_CI_GIT_REF"),
        environment.get("PS_GRADIENT_CI_GIT_SHA"),
        environment.get("PS_GRADIENT_CI_GIT_REPO_URL"),
    )

    def absolute(path: str) -> str:
        return path if "://" in path else str(here / Path(path).expanduser())

    return Settings(
        model_path=absolute(values["modelPath"]),
        model_type=values["modelType"],
        model_name=values["modelName"],
        repository=absolute(values["repository"]),
        team=values["team"],
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
        drain_timeout_seconds=values["drainTimeout"],
        snapshot_method=values["snapshotMethod"],
        state_dir=absolute(values["stateDir"]) if values["stateDir"] else None,
        log_level=values["logLevel"],
        log_format=values["logFormat"],
        log_file=absolute(values["logFile"]) if values["logFile"] else None,
        notes=values["notes"],
        git=git if git.to_json() else None,
    )
