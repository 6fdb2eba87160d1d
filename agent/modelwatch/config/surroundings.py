"""What the process finds around itself: its environment and what Gradient's platform says in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwatch.config import workers


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    Where options that were not given get their defaults.

    Attributes:
        environment: The process's environment.
        directory: Absolute path of the working directory.
        blind: Look at no folder, because its mount may not answer: each is taken to be there, and writable.
    """

    environment: Mapping[str, str]
    directory: str
    blind: bool = False

    def artifacts(self) -> str:
        """Return Gradient's folder of an experiment."""
        return self.environment.get("PS_ARTIFACTS") or "/artifacts"

    def jobspace(self) -> str:
        """Return Gradient's permanent folder."""
        return self.environment.get("PS_JOBSPACE") or "/storage"

    def has_artifacts(self) -> bool:
        """Return whether the platform promises its folder of an experiment, or it is there."""
        return bool(self.environment.get("PS_ARTIFACTS")) or self._is_folder(self.artifacts())

    def has_jobspace(self) -> bool:
        """Return whether the platform promises its permanent folder, or it is there."""
        return bool(self.environment.get("PS_JOBSPACE")) or self._is_folder(self.jobspace())

    def _is_folder(self, path: str) -> bool:
        return self.blind or Path(path).is_dir()

    def workload_experiment(self) -> str | None:
        """
        Return the experiment that Gradient's metrics are told of, when the workload is one.

        Source: gradient-utils, `metrics/env.py`.
        """
        kind = self.environment.get("PAPERSPACE_METRIC_WORKLOAD_TYPE", "")
        return (self.environment.get("PAPERSPACE_METRIC_WORKLOAD_ID") or None) if kind.lower() == "experiment" else None

    def nodes(self) -> int:
        """
        Return how many machines train together.

        Raises:
            ClusterError: A variable is set but cannot be understood.
        """
        described = workers.cluster(self.environment)
        return 1 if described is None else described.nodes

    def user_data_folder(self) -> Path:
        """
        Return the folder of this user's application data, as the platform names it.

        Raises:
            ValueError: The user has no home folder, as those that a container runs under a number alone.
        """
        given = self.environment.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_DATA_HOME")
        if given and sys.platform != "darwin":
            return Path(given)
        try:
            home = Path(self.environment.get("HOME") or Path.home())
        except RuntimeError as error:
            raise ValueError("this user has no home folder; give a folder") from error
        if sys.platform == "win32":
            return home / "AppData" / "Local"
        return home / ("Library/Application Support" if sys.platform == "darwin" else ".local/share")

    def default_repository(self) -> str:
        """
        Return the permanent folder's repository where there is one to write to, else the user's own.

        Raises:
            ValueError: There is neither.
        """
        jobspace = self.jobspace()
        if self._is_folder(jobspace) and (self.blind or os.access(jobspace, os.W_OK)):
            return str(Path(jobspace, "modelwatch"))
        return str(self.user_data_folder() / "modelwatch" / "repository")
