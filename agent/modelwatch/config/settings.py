"""The options of one invocation, merged and checked."""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.config.address import Address
from modelwatch.config.snapshot_budget import SnapshotBudget
from modelwatch.config.wait_for import WaitFor
from modelwatch.config.workers import Workers
from modelwatch.core.entities import Lifetime, ModelType, Storage
from modelwatch.core.json import JsonValue
from modelwatch.core.mounts import WatchMethod


@dataclass(frozen=True, slots=True)
class Git:
    """
    The commit that is being trained, as GradientCI tells it.

    Attributes:
        ref: Branch or tag.
        sha: Commit.
        repository: Address.
    """

    ref: str | None = None
    sha: str | None = None
    repository: str | None = None

    def to_json(self) -> JsonValue:
        """Return the fields that are known."""
        fields = {"ref": self.ref, "sha": self.sha, "repository": self.repository}
        return {key: value for key, value in fields.items() if value}


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What the user asked for. config/modelwatch.yaml describes each option.

    Attributes:
        model_path: Where training writes checkpoints and models; empty when nothing says.
        model_type: None to recognise it.
        model_name: Name of the registered model.
        repository: Folder of the repository, or the address of a server.
        team: Owner of the models.
        api_key: For a repository that is a server, or None.
        experiment: Gradient's experiment id, or None.
        project: Gradient's project id, or None.
        run: Identifies the training run, or None to let the agent make one.
        log_dirs: Where event files are; empty for the model path.
        storage: Whether files are copied into the repository.
        lifetime: Whether versions go with their experiment.
        settle_seconds: How long a structurally whole model must be unchanged.
        quiet_seconds: How long files that tell nothing of themselves must be unchanged.
        rescan_seconds: Between full scans.
        poll_seconds: Between scans where changes are not told.
        scalars_seconds: Between readings of the event files.
        watch_method: None to choose by the file system.
        commit_markers: Names of files that say that their folder is complete.
        ignore: Globs of what is not looked at.
        signal_group: Whether signals go to the training's whole process group; to the process that was started if not.
        drain_timeout_seconds: For delivering what is left after training has ended.
        state_dir: Where the journal and the snapshots are, or None for the default.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        log_format: ``text`` or ``json``.
        log_file: None for standard error.
        notes: For every version.
        git: What GradientCI says of the commit, or None.
        ready_file: Made while everything that becomes complete is seen, or None.
        health_address: Where the status is told over HTTP, or None for nowhere.
        wait_for: The processes whose end is the end of training.
        start_timeout_seconds: How long one of them may stay unseen while nothing is written.
        end_marker: File that says that training has ended, or None.
        exit_code_file: File that holds the training's exit code once it has ended, or None.
        idle_seconds: How long nothing is written once training has ended, or None when that tells nothing.
        snapshot_budget: The most that snapshots may hold.
        lineage_environment: Globs of the variables that hold hyperparameters.
        server_address: Where `modelwatch serve` answers.
        external_url: Where people reach it, or None when that is what requests say.
        allowed_hosts: Names that requests may give as its host, lower-case.
        audit_days: How long its audit is kept, None for ever.
        workers: Which nodes of a training register what they see.
        bystander: Why this node is not one of them, for people; None when it is.
    """

    model_path: str
    model_type: ModelType | None
    model_name: str
    repository: str
    team: str
    api_key: str | None
    experiment: str | None
    project: str | None
    run: str | None
    log_dirs: tuple[str, ...]
    storage: Storage
    lifetime: Lifetime
    settle_seconds: float
    quiet_seconds: float
    rescan_seconds: float
    poll_seconds: float
    scalars_seconds: float
    watch_method: WatchMethod | None
    commit_markers: tuple[str, ...]
    ignore: tuple[str, ...]
    signal_group: bool
    drain_timeout_seconds: float
    state_dir: str | None
    log_level: str
    log_format: str
    log_file: str | None
    notes: str
    git: Git | None
    ready_file: str | None
    health_address: Address | None
    wait_for: tuple[WaitFor, ...]
    start_timeout_seconds: float
    end_marker: str | None
    exit_code_file: str | None
    idle_seconds: float | None
    snapshot_budget: SnapshotBudget
    lineage_environment: tuple[str, ...]
    server_address: Address
    external_url: str | None
    allowed_hosts: tuple[str, ...]
    audit_days: int | None
    workers: Workers
    bystander: str | None
