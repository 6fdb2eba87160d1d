"""What `modelwatch doctor` looks at. Each check says what it found as values; none leaves anything behind."""

from __future__ import annotations

import contextlib
import enum
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelwatch.client.address import is_server
from modelwatch.config.load import Loaded
from modelwatch.config.settings import Settings
from modelwatch.core.clock import SystemClock
from modelwatch.core.entities import VerdictKind
from modelwatch.core.errors import ConfigError, ModelwatchError, StateError
from modelwatch.core.log import printable
from modelwatch.core.mounts import WatchMethod, is_container_layer, mount_of, watch_method
from modelwatch.core.tree import FileTree
from modelwatch.daemon.state_folder import journal_path, state_folder
from modelwatch.daemon.status import read_status
from modelwatch.formats.registry import claim, formats_for
from modelwatch.scalars.logdir import is_event_file
from modelwatch.sinks.opening import open_sinks
from modelwatch.snapshot.probe import probe
from modelwatch.watch.inotify_hints import InotifyHints, InotifyUnavailableError
from modelwatch.watch.scan import ModelPathError, Scanner

_SHOWN = 10
_INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")
_LITTLE_BYTES = 1_000_000_000


class Level(enum.Enum):
    """How good or bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing that was looked at.

    Attributes:
        subject: What.
        text: What was found, in one line.
        level: How good or bad it is.
        advice: What to do about it, or an empty string.
        details: More lines, for people.
        exit_code: What the command ends with because of it; 0 unless it is a problem.
    """

    subject: str
    text: str
    level: Level = Level.OK
    advice: str = ""
    details: tuple[str, ...] = ()
    exit_code: int = 0


def _problem(subject: str, text: str, advice: str, *, exit_code: int = StateError.exit_code) -> Finding:
    return Finding(subject, text, Level.PROBLEM, advice, exit_code=exit_code)


def examine(loaded: Loaded) -> list[Finding]:
    """Return every finding, in the order in which the agent would come upon it."""
    settings = loaded.settings
    findings = [_options(loaded)]
    if settings.model_path:
        findings += _model_path(settings)
    else:
        findings.append(
            _problem("model path", "nothing says which folder to watch", "give --modelPath", exit_code=ConfigError.exit_code)
        )
    findings += _repository(settings)
    return findings


def _options(loaded: Loaded) -> Finding:
    given = sum(origin != "default" for origin in loaded.origins.values())
    if loaded.warnings:
        return Finding("options", f"{given} given", Level.WARNING, "see `modelwatch config show --origin`", loaded.warnings)
    return Finding("options", f"{given} given; see `modelwatch config show --origin`")


# ---------------------------------------------------------------------------------------------------------------- model path


def _model_path(settings: Settings) -> Iterator[Finding]:
    tree: FileTree | None = None
    try:
        tree = Scanner(settings.model_path, ignore=settings.ignore).full()
    except ModelPathError as error:
        if Path(settings.model_path).exists():
            yield _problem("model path", error.message, error.hint)
            return
        yield Finding("model path", f"{settings.model_path} does not exist yet", Level.WARNING, "training has to make it")
    else:
        skipped = tuple(f"not looked at: {entry.path} ({entry.reason})" for entry in tree.skipped)
        yield Finding("model path", f"{settings.model_path}, {tree.file_count()} files", details=_few(skipped))
    yield _file_system("file system", settings.model_path, for_what="a snapshot")
    yield _changes(settings, tree)
    yield from _state(settings)
    if tree is not None:
        yield _event_files(settings, tree)
        yield _models(settings, tree)


def _few(lines: tuple[str, ...]) -> tuple[str, ...]:
    return lines if len(lines) <= _SHOWN else (*lines[:_SHOWN], f"and {len(lines) - _SHOWN} more")


def _nearest_existing(path: Path) -> Path:
    return next((each for each in (path, *path.parents) if each.exists()), Path("/"))


def _file_system(subject: str, path: str, *, for_what: str) -> Finding:
    mount = mount_of(path)
    free = shutil.disk_usage(_nearest_existing(Path(path))).free
    text = f"{mount.fstype} mounted at {mount.target}, {free / 1e9:.1f} GB free"
    if free < _LITTLE_BYTES:
        return Finding(subject, text, Level.WARNING, f"make room: {for_what} needs as much as its checkpoint")
    return Finding(subject, text)


def _changes(settings: Settings, tree: FileTree | None) -> Finding:
    method, why = watch_method(mount_of(settings.model_path))
    if settings.watch_method is not None:
        method, why = settings.watch_method, "as --watchMethod says"
    if method is WatchMethod.POLL:
        return Finding("changes", f"polling every {settings.poll_seconds:g} s: {why}")
    directories = 1 if tree is None else len(tree.directories)
    limit = _inotify_limit()
    try:
        if tree is not None:
            InotifyHints(tree.root, ignore=settings.ignore).close()
    except InotifyUnavailableError as error:
        return Finding(
            "changes",
            f"polling every {settings.poll_seconds:g} s: inotify cannot be used ({error})",
            Level.WARNING,
            "raise fs.inotify.max_user_watches and max_user_instances on the host",
        )
    text = f"inotify: {why}; {directories} of {limit or 'any number of'} folders that may be watched"
    if limit and directories > limit // 2:
        return Finding("changes", text, Level.WARNING, "raise fs.inotify.max_user_watches on the host")
    return Finding("changes", text)


def _inotify_limit() -> int:
    try:
        return int(_INOTIFY_LIMIT.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


# --------------------------------------------------------------------------------------------------------- state, snapshots


def _state(settings: Settings) -> Iterator[Finding]:
    folder = state_folder(settings.model_path, settings.state_dir)
    existing = _nearest_existing(folder)
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        yield _problem("state folder", f"{folder} cannot be made or written", "choose another with --stateDir")
        return
    try:
        yield _known_state(folder)
        if Path(settings.model_path).is_dir():
            yield _snapshots(Path(settings.model_path), folder)
        else:  # to try would take making the model path, and a training may insist on making it itself
            yield Finding("snapshots", "known once the model path exists")
    except OSError as error:
        yield _problem("state folder", f"{folder} cannot be written: {error.strerror}", "choose another with --stateDir")


def _known_state(folder: Path) -> Finding:
    if not journal_path(folder).exists():
        return Finding("state folder", f"{folder}, made when watching begins")
    try:
        status = read_status(folder, SystemClock(), limit=0)
    except ModelwatchError as error:
        return _problem("state folder", error.message, error.hint)
    agent = "an agent is running" if status.running else "no agent is running"
    return Finding("state folder", f"{folder}, {sum(status.figures.checkpoints.values())} checkpoints seen, {agent}")


def _snapshots(model_path: Path, folder: Path) -> Finding:
    with _made(folder):
        methods = probe(folder, model_path)
    if methods.reflink:
        return Finding("snapshots", "reflink: shares blocks, costs no room")
    if methods.hardlink:
        return Finding("snapshots", "hard link where the writer replaces its files, else copy")
    if mount_of(folder) != mount_of(model_path):
        return Finding(
            "snapshots",
            f"copy: the state folder {folder} is on another mount than the model path",
            Level.WARNING,
            "a --stateDir on the mount of the model path makes snapshots faster",
        )
    return Finding("snapshots", "copy: this file system has neither reflinks nor hard links")


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Have the state folder exist; afterwards everything is as it was."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for path in made:
            with contextlib.suppress(OSError):  # an agent, or the training, has begun to use it meanwhile
                path.rmdir()


# ---------------------------------------------------------------------------------------------------------- what there is now


def _event_files(settings: Settings, tree: FileTree) -> Finding:
    trees = [tree]
    if settings.log_dirs:
        trees = []
        for directory in settings.log_dirs:
            try:
                trees.append(Scanner(directory).full())
            except ModelPathError as error:
                return Finding("event files", error.message, Level.WARNING, "training has to make it, or --logDir is wrong")
    found = Counter(file.directory for each in trees for file in each.files_below("") if is_event_file(file.name))
    where = ", ".join(each.root for each in trees)
    if not found:
        text = f"none yet below {where}: versions will have no loss and accuracy until there are"
        return Finding("event files", text, advice="" if settings.log_dirs else "give --logDir when they are written elsewhere")
    lines = tuple(f"{directory or '.'}: {count}" for directory, count in sorted(found.items()))
    return Finding("event files", f"{found.total()} in {len(found)} folders below {where}", details=_few(lines))


def _models(settings: Settings, tree: FileTree) -> Finding:
    formats = {each.name: each for each in formats_for(settings.model_type, commit_markers=settings.commit_markers)}
    kind = settings.model_type.value if settings.model_type else "every type"
    lines = []
    states: Counter[str] = Counter()
    for candidate in claim(tuple(formats.values()), tree):
        verdict = formats[candidate.format].inspect(tree.root, candidate, deep=False)
        if verdict.kind is VerdictKind.FOREIGN:
            continue
        states[verdict.kind.value] += 1
        reason = f": {verdict.reason}" if verdict.reason else ""
        lines.append(f"{candidate.root or '.'}: {formats[candidate.format].title}, {verdict.kind.value}{reason}")
    if not lines:
        return Finding("models", f"none yet (looking for {kind})")
    counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return Finding("models", f"{counted} at first sight (looking for {kind})", details=_few(tuple(lines)))


# ---------------------------------------------------------------------------------------------------------------- repository


def _repository(settings: Settings) -> Iterator[Finding]:
    try:
        sinks = open_sinks(settings)
    except ModelwatchError as error:
        yield _problem("repository", error.message, error.hint, exit_code=ConfigError.exit_code)
        return
    for sink in sinks:
        with contextlib.closing(sink):
            try:
                yield Finding("repository", sink.check())
            except ModelwatchError as error:
                yield _problem("repository", error.message, error.hint)
                return
    if is_server(settings.repository):
        return
    path = Path(settings.repository)
    existing = _nearest_existing(path)
    if not os.access(existing, os.W_OK | os.X_OK):
        yield _problem("repository", f"{printable(str(existing))} cannot be written", "give another folder with --repository")
    elif is_container_layer(mount_of(path)):
        yield Finding(
            "repository",
            f"{path} is in the container's own layer and goes away with it",
            Level.WARNING,
            "give a folder of a mounted volume with --repository",
        )
    else:
        yield _file_system("repository on", settings.repository, for_what="a version")
