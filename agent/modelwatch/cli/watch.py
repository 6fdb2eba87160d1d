"""`modelwatch watch`: the agent, as a sidecar, once over an existing folder, or as the supervisor's child."""

from __future__ import annotations

import argparse
import errno
import os
import queue
import shlex
import signal
import stat
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from types import FrameType

from modelwatch.cli.arguments import Subparsers, add_options, settings_of
from modelwatch.cli.logs import logging_to
from modelwatch.config.settings import Settings
from modelwatch.core import log
from modelwatch.core.clock import SystemClock
from modelwatch.core.errors import DiskFullError, ModelwatchError, NotFoundError, StateError
from modelwatch.core.threads import Worker
from modelwatch.daemon.agent import Agent, Ended, Trainer
from modelwatch.daemon.health import Health
from modelwatch.daemon.io_priority import let_others_go_first
from modelwatch.daemon.last_resort import LastResort
from modelwatch.daemon.memory import use_one_arena
from modelwatch.daemon.state_folder import owned, state_folder
from modelwatch.lineage.command import from_argument
from modelwatch.sinks.opening import open_sinks
from modelwatch.supervisor.say import say
from modelwatch.watch.endings.base import Ending
from modelwatch.watch.endings.sidecar import sidecar_ending
from modelwatch.watch.endings.supervisor_pipe import SupervisorPipe

NAME = "watch"

_EXAMPLES = """\
examples:
  modelwatch watch --modelPath /artifacts              beside a training, until SIGTERM or Ctrl-C
  modelwatch watch --modelPath /artifacts --waitFor train.py --exitCodeFile /shared/exit-code
  modelwatch watch --once --modelPath ./old-run        register what a folder holds, then end
"""

_SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter while the watcher waits for it: a checkpoint may live no longer than Python's own 5 ms."""

_OVERTIME_SECONDS = 4.0
"""Beyond the drain timeout, for an end that keeps its own deadline; then the process is ended as it is. Less than the supervisor allows."""

_MISSING_SECONDS = 0.2
_NO_ROOM_SECONDS = 5.0


def add_to(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        NAME,
        help="watch a model path and register what becomes complete",
        description="Watch a model path and register every checkpoint that becomes complete, with its metrics.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--once", action="store_true", help="register what is there, deliver it, and end")
    parser.add_argument("--supervisorFd", "--supervisor-fd", type=int, dest="supervisor_fd", help=argparse.SUPPRESS)
    parser.add_argument("--trainerCommand", dest="trainer_command", type=from_argument, help=argparse.SUPPRESS)
    parser.add_argument("--trainerBegan", dest="trainer_began", type=float, help=argparse.SUPPRESS)
    add_options(parser, groups=("agent", "target", "sidecar", "log"))
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the agent until it has been asked to end; return 0, 75 when deliveries remain, 70 when a part of it failed."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    settings = settings_of(arguments)
    with logging_to(settings):
        trainer = None if arguments.trainer_command is None else Trainer(arguments.trainer_command, arguments.trainer_began)
        return _Watch(settings, once=arguments.once, supervisor_fd=arguments.supervisor_fd, trainer=trainer).run()


class _Watch:
    """One invocation: waits for the model path, holds the state folder, turns signals and endings into the agent's end."""

    def __init__(self, settings: Settings, *, once: bool, supervisor_fd: int | None, trainer: Trainer | None) -> None:
        self._settings = settings
        self._trainer = trainer
        self._once = once
        self._clock = SystemClock()
        self._ended: Ended | None = None
        self._end = threading.Event()
        self._agent: Agent | None = None
        self._changing = threading.Lock()  # of `_ended`, `_agent` and `_signals`; never taken in a signal handler
        self._caught: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._signals = 0
        self._supervised = supervisor_fd is not None
        told = (None, None) if once else (settings.health_address, settings.ready_file)  # nobody waits for a single look
        self._health = Health(*told, self._clock)
        finish = shlex.join(["modelwatch", "watch", "--once", "--modelPath", settings.model_path])
        self._last_resort = LastResort(self._clock, say, finish)
        self._ending: Ending | None = None
        if supervisor_fd is not None:
            self._ending = SupervisorPipe(supervisor_fd)
        elif not once:
            self._ending = sidecar_ending(settings, self._clock)

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        let_others_go_first()  # before the first thread, for each inherits it
        use_one_arena()
        with ExitStack() as stack:
            stack.callback(self._last_resort.disarm)
            self._health.start()
            stack.callback(self._health.close)
            signals = Worker("signals", self._obey_signals, lambda: None)
            signals.start()
            stack.callback(signals.join)
            stack.callback(self._caught.put, None)
            if self._ending is not None:
                self._ending.start(lambda reason: self._stop(Ended(reason, training_over=True)))
                stack.callback(self._ending.close)
            if self._settings.bystander is not None:
                return self._stand_by(self._settings.bystander)
            while True:
                if not self._wait_for_model_path():
                    return 0
                code = self._watch_with_room()
                if self._agent is None or not self._agent.vanished or self._end.is_set():
                    return code
                # The same training goes on: what it has registered is known by its run.
                self._settings = replace(self._settings, run=self._agent.run_id)

    def _stand_by(self, why: str) -> int:
        """Register nothing on a node that is not the chief, and be gone when its training is; a platform that waits for us may go on."""
        log.info(f"{why}: its chief registers the models; nothing is watched here (--workers all changes that)")
        self._health.ready()
        if not self._once:
            self._clock.wait(self._end, threading.TIMEOUT_MAX)
        return 0

    def _watch_with_room(self) -> int:
        """Watch, once there is room for a journal. Raise DiskFullError when the end comes first, or nobody is to wait."""
        said = False
        while True:
            try:
                code = self._watch()
            except DiskFullError as error:
                if self._once or self._end.is_set():
                    raise
                if not said:
                    log.warning("cannot watch yet; trying again", why=error.message, hint=error.hint)
                said = True
                self._clock.wait(self._end, _NO_ROOM_SECONDS)
            else:
                return code

    def _watch(self) -> int:
        folder = state_folder(self._settings.model_path, self._settings.state_dir)
        with owned(folder):
            sinks = open_sinks(self._settings)
            agent = Agent(self._settings, folder, sinks, self._clock, on_armed=self._health.ready, trainer=self._trainer)
            with self._changing:
                self._agent = agent
                if self._ended is not None:
                    agent.end(self._ended)
            with self._health.watching(folder, lambda: agent.failed):
                return agent.run(once=self._once)

    def _wait_for_model_path(self) -> bool:
        """
        Wait until the model path is a folder that can be read; return False when the end came first.

        Raises:
            NotFoundError, StateError: It is a file, or it is to be registered once and cannot be read.
        """
        path = self._settings.model_path
        said = ""
        while trouble := _trouble(path):
            if self._once:
                raise trouble
            if trouble.message != said:
                log.info(f"waiting: {trouble.message}", hint=trouble.hint)
                said = trouble.message
            self._health.ready()  # the trainer, which makes the folder, may itself wait for us
            if self._clock.wait(self._end, _MISSING_SECONDS):
                if trouble := _trouble(path):
                    log.warning(f"nothing was registered: to the end, {trouble.message}")
                return trouble is None
        return True

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Only pass it on: setting an event here would wait for ever if the signal came while this thread was in that event's lock."""
        self._caught.put(number)

    def _obey_signals(self) -> None:
        while (number := self._caught.get()) is not None:
            self._stop(Ended(f"signal {signal.Signals(number).name}", training_over=False), by_signal=True)

    def _stop(self, ended: Ended, *, by_signal: bool = False) -> None:
        """
        End; asked again by a signal, end at once.

        A platform's first signal and the training's own end come in either order, and both mean the same: only a second signal is
        impatience. From the supervisor, which tells of the training's end first, the first is.
        """
        with self._changing:
            first = self._ended is None
            if first:
                self._ended = ended
                self._last_resort.arm(self._settings.drain_timeout_seconds + _OVERTIME_SECONDS)
            self._signals += by_signal
            at_once = by_signal and not first and (self._supervised or self._signals > 1)
            if at_once:
                self._last_resort.arm(_OVERTIME_SECONDS)
            self._end.set()
            self._health.ending()
            if self._agent is not None and (first or at_once):
                self._agent.end(ended)


def _trouble(path: str) -> ModelwatchError | None:
    """
    Return why a model path cannot be watched now, or None when it can.

    Raises:
        StateError: It is a file, which will not become a folder.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - pathlib answers a folder that may not be entered in three ways
    except FileNotFoundError:
        return NotFoundError(f"the model path {path} does not exist", hint="training may make it later")
    except OSError as error:
        return StateError(
            f"the model path {path} cannot be read: {error.strerror}", hint="let this user enter the folders above it"
        )
    if not stat.S_ISDIR(mode):
        raise StateError(f"the model path {path} is not a folder", hint="give the folder that the training writes into")
    if not os.access(path, os.R_OK | os.X_OK):
        return StateError(
            f"the model path {path} cannot be read: {os.strerror(errno.EACCES)}", hint="let this user read the folder"
        )
    return None
