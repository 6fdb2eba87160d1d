"""
The sources that are YAML files: ours, an options file of Gradient's client, GradientCI's project file.

The nodes of the text are read, not the values that YAML would make of them: every value has a line, and ``no`` stays the text that it is.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from modelwatch.config.options import OPTIONS, Option
from modelwatch.config.sources import Given, Source, clipped, nearest, read_text, split, why
from modelwatch.core.errors import ConfigProblem

_GRADIENT_ONLY = frozenset(
    """
    apiKey args cluster clusterId command container containerUser datasetRef datasetName datasetUri deploymentType dockerfilePath
    env experimentEnv experimentType hyperparameters id ignoreFiles imageTag imageUsername instanceCount isPreemptible jobEnv
    machineType masterCommand masterContainer masterCount masterMachineType modelSummary name optionsFile parameterServerCommand
    parameterServerContainer parameterServerCount parameterServerMachineType PATH path ports project registryPassword registryUsername
    tag tags teamId tensorboard timeout useDockerfile vpc workerCommand workerContainer workerCount workerMachineType workingDirectory
    workspace workspaceArchive workspacePassword workspaceRef workspaceUrl workspaceUsername
    """.split()  # noqa: SIM905 - a list of words is easier to read and to compare as text
)
"""Options of Gradient's client that mean nothing here (its `--createOptionsFile` writes all of a command's options)."""


_NULL = "tag:yaml.org,2002:null"
_OF_PROJECT_FILE = {"type": "modelType", "path": "modelPath"}


def from_yaml(path: Path, problems: list[ConfigProblem], *, gradient: bool = False) -> Source:
    """
    Read a YAML file whose keys are option names in camelCase or kebab-case.

    Args:
        path: The file.

        problems: Everything wrong with it is added here.

        gradient: It is an options file of Gradient's client: its other options are passed over, and its own names are known.
    """
    mapping = _load(path, problems)
    source: dict[str, Given] = {}
    if mapping is None:
        return source
    names = {key: option for option in OPTIONS for key in (option.name, option.kebab)}
    if gradient:
        names |= {key: option for option in OPTIONS for key in option.gradient_names}
    for key_node, value_node in mapping.value:
        origin = f"{path} line {key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(ConfigProblem(_shown(key_node), _shown(value_node), origin, "the name of an option must be one word"))
            continue
        key = key_node.value
        option = names.get(key)
        if option is None:
            if not (gradient and key in _GRADIENT_ONLY):
                problems.append(
                    ConfigProblem(clipped(key), _shown(value_node), origin, f"there is no such option{nearest(key, list(names))}")
                )
        elif option.name in source:
            problems.append(
                ConfigProblem(option.name, _shown(value_node), origin, f"given twice, first at {source[option.name].origin}")
            )
        else:
            texts = _texts(option, value_node, origin, problems)
            if texts is not None:
                source[option.name] = Given(texts, origin)
    return source


def from_project_file(path: Path, problems: list[ConfigProblem]) -> Source:
    """Read the model's type and path out of GradientCI's `.ps_project/config.yaml`, version 1 (``model: {type, path}``)."""
    source: dict[str, Given] = {}
    mapping = _load(path, problems)
    for key_node, value_node in mapping.value if mapping is not None else ():
        if key_node.value != "model" or not isinstance(value_node, yaml.MappingNode):
            continue
        for name_node, scalar in value_node.value:
            name = _OF_PROJECT_FILE.get(name_node.value) if isinstance(name_node, yaml.ScalarNode) else None
            if name is not None and isinstance(scalar, yaml.ScalarNode) and scalar.tag != _NULL:
                source[name] = Given((scalar.value,), f"{path} line {name_node.start_mark.line + 1}")
    return source


def _load(path: Path, problems: list[ConfigProblem]) -> yaml.MappingNode | None:
    """Return the file's top mapping; add a problem and return None when there is none. An empty file says nothing."""
    try:
        node = yaml.compose(read_text(path), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path} line {mark.line + 1}" if mark is not None else str(path)
        problems.append(ConfigProblem("config", str(path), where, f"not YAML: {getattr(error, 'problem', None) or error}"))
        return None
    except (OSError, ValueError, RecursionError) as error:
        problems.append(ConfigProblem("config", str(path), "the file itself", f"cannot be read: {why(error)}"))
        return None
    if node is None:
        return None
    if not isinstance(node, yaml.MappingNode):
        problems.append(ConfigProblem("config", str(path), f"{path} line 1", "must hold options, one `name: value` a line"))
        return None
    return node


def _texts(option: Option, node: yaml.Node, origin: str, problems: list[ConfigProblem]) -> tuple[str, ...] | None:
    if isinstance(node, yaml.ScalarNode):
        if node.tag == _NULL:
            return None
        return split(option, node.value) if option.repeated else (node.value,)
    if isinstance(node, yaml.SequenceNode) and option.repeated and all(isinstance(item, yaml.ScalarNode) for item in node.value):
        return tuple(item.value for item in node.value)
    wanted = "a value or a list of values" if option.repeated else "one value"
    problems.append(ConfigProblem(option.name, _shown(node), origin, f"must be {wanted}"))
    return None


def _shown(node: yaml.Node) -> str:
    return (
        clipped(node.value)
        if isinstance(node, yaml.ScalarNode)
        else "a list"
        if isinstance(node, yaml.SequenceNode)
        else "a mapping"
    )
