"""
Which of several nodes or processes of one training this is, from the environment alone.

One of them, the chief, writes the checkpoints that count; agents beside the others would only find the same files again, or copies of the
model that nobody asked for. The rules, the first that finds several processes decides:

1. ``TF_CONFIG``, else ``PS_CONFIG`` (the same in urlsafe base64): the chief is the first of ``chief``, ``master``, ``worker`` that the
   cluster has, with the lowest index. Parameter servers and evaluators never are: what they write lies in the chief's folder.
   (TensorFlow, `multi_worker_util.is_chief`, but for its evaluator, which is a chief to itself; gradient-utils, `multi_node.py`.)
2. ``WORKER_HOSTS`` and ``PS_HOSTS`` with more than one host: ``TYPE`` and ``INDEX`` say who this is. (gradient-utils, `utils.py`.)
3. ``WORLD_SIZE`` above 1: ``RANK`` 0. (torchrun's "Environment Variables"; Kubeflow's PyTorchJob sets the same for its pods.)
4. ``OMPI_COMM_WORLD_SIZE`` above 1: ``OMPI_COMM_WORLD_RANK`` 0. (mpirun(1) of Open MPI, "Environmental variables".)
5. ``SLURM_STEP_NUM_TASKS``, else ``SLURM_NTASKS``, above 1: ``SLURM_PROCID`` 0. (srun(1), "Output environment variables".)

Where nothing says that there are several, or nothing says which one this is, it is the chief: a version that two agents register is made
once (`Registration.key`), one that nobody registers is lost.
"""

from __future__ import annotations

import base64
import enum
from collections.abc import Mapping
from dataclasses import dataclass

from modelwatch.core.json import loads

_TASK_KINDS = ("chief", "master", "worker", "ps", "evaluator")
_CHIEF_KINDS = ("chief", "master", "worker")
"""Those that can be the chief, in order of precedence."""

_HOSTS = {"worker": "WORKER_HOSTS", "ps": "PS_HOSTS"}
_RANKS = (
    (("WORLD_SIZE",), "RANK"),
    (("OMPI_COMM_WORLD_SIZE",), "OMPI_COMM_WORLD_RANK"),
    (("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"), "SLURM_PROCID"),
)
"""(variables with the number of processes, the first that is set counts; the variable with this one's number)"""

_LONGEST_NUMBER = 20
"""Characters."""


class Workers(enum.Enum):
    """Which nodes of a training register what they see."""

    CHIEF = "chief"
    ALL = "all"


class ClusterError(ValueError):
    """The description of the cluster cannot be understood; the message says which variable and why."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(problem)
        self.variable = variable
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Cluster:
    """
    The nodes that train together.

    Attributes:
        hosts: Kind of task → the indices that it has, without those kinds that have none.
        kind: This node's kind of task; empty when nothing says.
        index: This node's index within its kind.
        variable: Where it says so.
    """

    hosts: Mapping[str, tuple[int, ...]]
    kind: str
    index: int
    variable: str

    @property
    def nodes(self) -> int:
        """How many nodes there are; at least this one."""
        return max(1, sum(len(indices) for indices in self.hosts.values()))

    @property
    def chief(self) -> tuple[str, int] | None:
        """The kind and index of the chief; None when nobody in the cluster trains."""
        return next(((kind, min(self.hosts[kind])) for kind in _CHIEF_KINDS if kind in self.hosts), None)


def cluster(environment: Mapping[str, str]) -> Cluster | None:
    """
    Return the cluster that TensorFlow's or Gradient's variables describe; None when they describe none.

    Raises:
        ClusterError: A variable is set but cannot be understood.
    """
    for variable, decode in (("TF_CONFIG", _json), ("PS_CONFIG", _base64_json)):
        text = environment.get(variable, "").strip()
        if text:
            return _of_tensorflow(variable, decode(variable, text))
    return _of_gradient(environment)


def bystander(environment: Mapping[str, str]) -> str | None:
    """
    Return why this is not the chief, for people; None when it is.

    Raises:
        ClusterError: A variable is set but cannot be understood.
    """
    described = cluster(environment)
    if described is not None and described.nodes > 1:
        if not described.kind or described.chief in {None, (described.kind, described.index)}:
            return None
        return f"{described.variable} makes this {described.kind} {described.index} of {described.nodes} nodes"
    for size_variables, rank_variable in _RANKS:
        size_variable = next((name for name in size_variables if environment.get(name, "").strip()), None)
        if size_variable is None or not environment.get(rank_variable, "").strip():
            continue
        size = _number(environment, size_variable)
        if size > 1:
            rank = _number(environment, rank_variable)
            return f"{rank_variable} makes this process {rank} of {size}" if rank else None
    return None


# ------------------------------------------------------------------------------------------------------------------ sources


def _of_tensorflow(variable: str, value: object) -> Cluster:
    if not isinstance(value, dict):
        raise ClusterError(variable, "not a JSON object with a cluster in it")
    listed, task = value.get("cluster") or {}, value.get("task") or {}
    if not isinstance(listed, dict):
        raise ClusterError(variable, "its cluster is not an object of lists of hosts")
    if not isinstance(task, dict):
        raise ClusterError(variable, "its task is not an object with type and index")
    hosts = {kind: _indices(variable, listed.get(kind) or ()) for kind in _TASK_KINDS}
    kind, index = task.get("type") or "", task.get("index") or 0
    if not isinstance(kind, str):
        raise ClusterError(variable, "the type of its task is not a text")
    return Cluster({kind: indices for kind, indices in hosts.items() if indices}, kind.lower(), _whole(variable, index), variable)


def _of_gradient(environment: Mapping[str, str]) -> Cluster | None:
    counts = {
        kind: len([host for host in environment.get(variable, "").split(",") if host.strip()]) for kind, variable in _HOSTS.items()
    }
    if not any(counts.values()):
        return None
    kind = environment.get("TYPE", "").strip().lower()
    if kind not in _TASK_KINDS or sum(counts.values()) == 1:
        kind = ""  # TYPE is a common word: another program's value says nothing
    hosts = {kind: tuple(range(count)) for kind, count in counts.items() if count}
    index = _number(environment, "INDEX") if kind and environment.get("INDEX", "").strip() else 0
    if kind in {"chief", "master"}:
        hosts[kind] = (index,)  # Gradient lists workers and parameter servers only
    return Cluster(hosts, kind, index, "TYPE")


def _indices(variable: str, listed: object) -> tuple[int, ...]:
    """Return the indices of one kind of task, which TensorFlow takes as a list of hosts or as an object from index to host."""
    if isinstance(listed, dict):
        return tuple(_whole(variable, index) for index in listed)
    return tuple(range(len(listed))) if isinstance(listed, (list, tuple)) else ()


def _whole(variable: str, value: object) -> int:
    if isinstance(value, (int, str)) and (number := _decimal(str(value))) is not None:
        return number
    raise ClusterError(variable, "an index of a task is not a whole number")


def _number(environment: Mapping[str, str], variable: str) -> int:
    number = _decimal(environment[variable])
    if number is None:
        raise ClusterError(variable, "not a whole number")
    return number


def _decimal(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() and len(text) < _LONGEST_NUMBER else None


def _json(variable: str, text: str) -> object:
    try:
        return loads(text)
    except ValueError as error:
        raise ClusterError(variable, f"not JSON: {error}") from error


def _base64_json(variable: str, text: str) -> object:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return loads(data)
    except ValueError as error:
        raise ClusterError(variable, "not JSON in urlsafe base64") from error
