"""What the process finds around itself: its environment and what Gradient's platform says in it."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TASK_KINDS = ("chief", "master", "worker", "ps", "evaluator")


class ClusterError(ValueError):
    """The description of the cluster cannot be understood; the message says which variable and why."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(problem)
        self.variable = variable
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    Where options that were not given get their defaults.

    Attributes:
        environment: The process's environment.
        directory: Absolute path of the working directory.
    """

    environment: Mapping[str, str]
    directory: str

    def artifacts(self) -> str:
        """Return Gradient's folder of an experiment."""
        return self.environment.get("PS_ARTIFACTS") or "/artifacts"

    def jobspace(self) -> str:
        """Return Gradient's permanent folder."""
        return self.environment.get("PS_JOBSPACE") or "/storage"

    def nodes(self) -> int:
        """
        Return how many machines train together.

        Sources: TF_CONFIG (TensorFlow's `tf.distribute` guide), PS_CONFIG (the same, urlsafe base64), WORKER_HOSTS and PS_HOSTS (Gradient).

        Raises:
            ClusterError: A variable is set but cannot be understood.
        """
        for variable, decode in (("TF_CONFIG", _json), ("PS_CONFIG", _base64_json)):
            text = self.environment.get(variable, "").strip()
            if text:
                return _count(variable, decode(variable, text))
        hosts = [self.environment.get(name, "") for name in ("WORKER_HOSTS", "PS_HOSTS")]
        return max(1, sum(len([host for host in listed.split(",") if host.strip()]) for listed in hosts))

    def user_data_folder(self) -> Path:
        """Return the folder of this user's application data, as the platform names it."""
        home = Path(self.environment.get("HOME") or Path.home())
        if sys.platform == "win32":
            return Path(self.environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
        if sys.platform == "darwin":
            return home / "Library" / "Application Support"
        return Path(self.environment.get("XDG_DATA_HOME") or home / ".local" / "share")

    def default_repository(self) -> str:
        """Return the permanent folder's repository where there is one to write to, else the user's own."""
        jobspace = Path(self.jobspace())
        if jobspace.is_dir() and os.access(jobspace, os.W_OK):
            return str(jobspace / "modelwatch")
        return str(self.user_data_folder() / "modelwatch" / "repository")


def _json(variable: str, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ClusterError(variable, f"not JSON: {error}") from error


def _base64_json(variable: str, text: str) -> object:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return json.loads(data)
    except ValueError as error:
        raise ClusterError(variable, "not JSON in urlsafe base64") from error


def _count(variable: str, value: object) -> int:
    if not isinstance(value, dict):
        raise ClusterError(variable, "not a JSON object with a cluster in it")
    cluster = value.get("cluster") or {}
    if not isinstance(cluster, dict):
        raise ClusterError(variable, "its cluster is not an object of lists of hosts")
    hosts = [listed for kind in _TASK_KINDS if isinstance(listed := cluster.get(kind), list)]
    return max(1, sum(len(listed) for listed in hosts))
