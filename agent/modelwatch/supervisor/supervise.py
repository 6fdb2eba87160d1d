"""The one loop of the supervisor: wait for a signal or a deadline, reap, act."""

from __future__ import annotations

import enum
import errno
import os
import shlex
import signal
import time

from modelwatch.core.environment import original_environment
from modelwatch.supervisor.agent import FINISHED, Agent
from modelwatch.supervisor.ending import NOT_EXECUTABLE, NOT_FOUND, OWN_FAILURE, Ending
from modelwatch.supervisor.launch import Launch
from modelwatch.supervisor.linux import adopt_orphans
from modelwatch.supervisor.say import say
from modelwatch.supervisor.spawn import Disposition, start_trainer
from modelwatch.supervisor.terminal import Terminal

_SI_KERNEL = 0x80
"""si_code of a signal that the kernel sent, for the terminal among others (asm-generic/siginfo.h)."""

_STOP_REQUESTS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP})
"""What people and platforms send to end a program; the second of them ends the drain."""

_DRAIN_MARGIN_SECONDS = 5.0
"""What the agent gets beyond its drain timeout: it keeps its own deadline, and this one is for an agent that does not."""

_TERMINATE_SECONDS = 3.0
"""From the agent's SIGTERM to its SIGKILL, and from that to leaving it behind."""

_STRAGGLER_POLL_SECONDS = 0.05
"""The kernel does not tell when a group becomes empty."""


class Phase(enum.Enum):
    """Where the supervisor stands."""

    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"
    """The trainer has ended; what it left running in its group is waited for."""
    DRAINING = "draining"
    """The agent does its last work."""
    STOPPING = "stopping"
    """The agent has been told to stop."""
    KILLED = "killed"
    """The agent was killed. It ends when the kernel lets go of it, which one that waits for a disk can make wait, too."""
    EXITED = "exited"


_MOVES = {
    Phase.STARTING: {Phase.RUNNING, Phase.EXITED},
    Phase.RUNNING: {Phase.ENDED},
    Phase.ENDED: {Phase.DRAINING},
    Phase.DRAINING: {Phase.STOPPING, Phase.EXITED},
    Phase.STOPPING: {Phase.KILLED, Phase.EXITED},
    Phase.KILLED: {Phase.EXITED},
    Phase.EXITED: set[Phase](),
}


class Supervisor:
    """
    Two children and their signals.

    Every signal must be blocked when this is made: signals are waited for, never handled.

    Args:
        launch: What to supervise.

        disposition: The signal settings that the trainer gets.
    """

    def __init__(self, launch: Launch, disposition: Disposition) -> None:
        self._launch = launch
        self._disposition = disposition
        self._environment = original_environment()
        self._terminal = Terminal()
        self._agent = Agent(launch.agent, self._environment, time.monotonic)
        self._phase = Phase.STARTING
        self._trainer = 0
        self._ending = Ending(OWN_FAILURE, None)
        self._stop_requests = 0
        self._deadline = 0.0

    def run(self) -> Ending:
        """
        Start both children and return when both have ended.

        Returns:
            How to end: as the trainer did; with 127, 126 or 125 when it could not be started.
        """
        adopt_orphans()
        if not self._start():
            return self._ending
        try:
            self._agent.start()
            while self._phase is not Phase.EXITED:
                self._wait()
                self._reap()
                self._advance()
        except Exception as error:  # noqa: BLE001 -- the top: an error of ours must not take the training down with us
            say(f"internal error, the training goes on without modelwatch: {type(error).__name__}: {error}")
            self._only_wait()
        return self._ending

    def _only_wait(self) -> None:
        """Forward signals and wait for the trainer, with as little of our own code as that takes."""
        ended = self._phase not in {Phase.STARTING, Phase.RUNNING}
        while not ended:
            number = signal.sigwait(signal.valid_signals())
            if number != signal.SIGCHLD:
                _kill(-self._trainer if self._terminal.own_group else self._trainer, number)
            for pid, status in iter(_ended_child, None):
                if pid == self._trainer:
                    self._ending, ended = Ending.from_wait_status(status), True

    # ------------------------------------------------------------------------------------------------------------- the start

    def _start(self) -> bool:
        environment = dict(self._environment)
        if self._launch.model_path:
            environment.setdefault(b"PS_MODEL_PATH", os.fsencode(self._launch.model_path))
        try:
            self._trainer = start_trainer(
                self._launch.command,
                environment,
                self._disposition,
                own_group=self._terminal.own_group,
                terminal=self._terminal.hand_over,
            )
        except OSError as error:
            say(f"cannot run {shlex.quote(self._launch.command[0])}: {error.strerror}")
            self._ending = Ending(_exit_code_of(error), None)
            self._move(Phase.EXITED)
            return False
        self._terminal.trainer_started(self._trainer)
        _let_go_of_descriptors(self._terminal.descriptor)
        self._move(Phase.RUNNING)
        return True

    # -------------------------------------------------------------------------------------------------------------- the loop

    def _move(self, phase: Phase) -> None:
        if phase not in _MOVES[self._phase]:
            raise AssertionError(f"{self._phase} cannot become {phase}")
        self._phase = phase

    def _next_timeout_seconds(self) -> float | None:
        """Return how long nothing is to be done unless a signal comes; None for ever."""
        now = time.monotonic()
        if self._phase is Phase.RUNNING:
            return None if self._agent.due is None else max(0.0, self._agent.due - now)
        left = max(0.0, self._deadline - now)
        return min(left, _STRAGGLER_POLL_SECONDS) if self._phase is Phase.ENDED else left

    def _wait(self) -> None:
        """Wait for the next signal or deadline, and act on the signal."""
        timeout = self._next_timeout_seconds()
        everything = signal.valid_signals()
        info = signal.sigwaitinfo(everything) if timeout is None else signal.sigtimedwait(everything, timeout)
        if info is None or info.si_signo == signal.SIGCHLD:
            return
        if info.si_signo == signal.SIGPIPE and info.si_pid == os.getpid():
            return  # from our own writing to a standard error that nobody reads
        if info.si_signo in _STOP_REQUESTS:
            self._stop_requests += 1
        if self._phase in {Phase.RUNNING, Phase.ENDED}:
            self._forward(info)
        elif info.si_signo == signal.SIGTSTP:
            self._terminal.stop()
        elif info.si_signo in _STOP_REQUESTS and self._phase is Phase.DRAINING:
            self._asked_to_stop_draining()

    def _forward(self, info: signal.struct_siginfo) -> None:
        """Pass a signal on to the trainer's group, or to the trainer alone if that was asked for, or if it shares our group."""
        if info.si_signo == signal.SIGCONT and self._phase is Phase.RUNNING:
            self._terminal.continued()
        elif self._terminal.own_group and self._launch.signal_group:
            _kill(-self._trainer, info.si_signo)
        elif self._phase is Phase.RUNNING and (self._terminal.own_group or info.si_code != _SI_KERNEL):
            _kill(self._trainer, info.si_signo)  # what the terminal sent to a shared group has reached it already

    def _reap(self) -> None:
        """Collect every child that has ended or stopped, our own two and those that lost their parents."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                if pid == self._trainer:
                    self._terminal.trainer_stopped(os.WSTOPSIG(status))
            elif pid == self._trainer:
                self._trainer_ended(Ending.from_wait_status(status))
            elif pid == self._agent.pid:
                self._agent.ended(Ending.from_wait_status(status))

    def _advance(self) -> None:
        """Do what the phase and the time ask for."""
        now = time.monotonic()
        if self._phase is Phase.RUNNING:
            if self._agent.due is not None and now >= self._agent.due:
                self._agent.start()
        elif self._phase is Phase.ENDED:
            if now >= self._deadline or not self._stragglers():
                self._begin_drain()
        elif self._agent.pid is None:
            self._say_what_is_left()
            self._move(Phase.EXITED)
        elif now >= self._deadline:
            self._stop_agent()

    # --------------------------------------------------------------------------------------------------------------- the end

    def _trainer_ended(self, ending: Ending) -> None:
        self._ending = ending
        if ending.signal in _STOP_REQUESTS and self._stop_requests == 0:
            self._stop_requests = 1  # from the keyboard, which the trainer's group has, or from elsewhere past us
        self._terminal.take_back()
        self._deadline = time.monotonic() + self._launch.straggler_seconds
        self._move(Phase.ENDED)

    def _stragglers(self) -> bool:
        """Return whether the trainer left something running in its group."""
        return self._terminal.own_group and _kill(-self._trainer, 0)

    def _begin_drain(self) -> None:
        self._agent.tell(self._ending)
        self._deadline = time.monotonic() + self._launch.drain_seconds + _DRAIN_MARGIN_SECONDS
        self._move(Phase.DRAINING)
        if self._agent.pid is None:
            self._advance()

    def _asked_to_stop_draining(self) -> None:
        if self._stop_requests >= 2:
            self._stop_agent()
        else:
            say(
                f"the training has ended; finishing its last models, {self._launch.drain_seconds:g} s at most (once more to stop now)"
            )

    def _stop_agent(self) -> None:
        """End the drain: ask, then, at the next deadline, kill, and at the next one leave it behind: the trainer's status is due."""
        if self._phase is Phase.DRAINING:
            self._agent.stop(signal.SIGTERM)
            self._move(Phase.STOPPING)
        elif self._phase is Phase.STOPPING:
            self._agent.stop(signal.SIGKILL)
            self._move(Phase.KILLED)
        else:
            say(
                f"the agent cannot be killed, because a disk or a mount does not answer: leaving it behind; {self._what_finishes_it()}"
            )
            self._move(Phase.EXITED)
        self._deadline = time.monotonic() + _TERMINATE_SECONDS

    def _say_what_is_left(self) -> None:
        """Speak for an agent that could not; one that has finished has said itself what it leaves."""
        last = self._agent.last
        if last is not None and last.exit_code not in FINISHED:
            say(f"the agent ended with {last} before its work was done: {self._what_finishes_it()}")

    def _what_finishes_it(self) -> str:
        return f"`modelwatch watch --once --modelPath {shlex.quote(self._launch.model_path)}` finishes it"


def _exit_code_of(error: OSError) -> int:
    """Return the exit code for a trainer that could not be started."""
    if error.errno in {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}:
        return OWN_FAILURE  # there was no room for another process or pipe: the command is not to blame
    return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE


def _ended_child() -> tuple[int, int] | None:
    """Reap a child that has ended and return its process id and wait status; None when there is none."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _kill(target: int, number: int) -> bool:
    """Send a signal to a process, or, negative, to a group; return whether there is one."""
    try:
        os.kill(target, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _let_go_of_descriptors(terminal: int | None) -> None:
    """
    Close what is the trainer's alone: a reader of its output must see the end of it when the trainer closes it, not when we end.

    Standard error stays, for the agent's messages and ours.
    """
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    try:
        names = os.listdir("/proc/self/fd")  # noqa: PTH208 -- pathlib is too much for the supervisor
    except OSError:
        names = []
    for name in names:
        if int(name) > 2 and int(name) != terminal:
            try:
                os.close(int(name))
            except OSError:
                continue  # the descriptor of the listing itself
