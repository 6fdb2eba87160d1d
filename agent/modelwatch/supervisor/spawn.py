"""
Starting the two children.

fork and execve rather than posix_spawn: between the two the child must take the terminal and may have to ignore a signal, and
posix_spawn of Python can do neither (docs/adr/0012-fork-rather-than-posix-spawn.md). The supervisor has one thread, so fork is safe.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

_DEFAULT_PATH = b"/bin:/usr/bin"
"""Where execvp(3) of glibc looks when there is no PATH."""

_LOOK_FURTHER = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV, errno.ETIMEDOUT})
"""What execvp(3) of glibc takes as "not in this folder"."""

_AGENT_NICENESS = 10
"""Ten steps below the training, which also lowers the priority of its reads and writes (ioprio_set(2): (nice + 20) / 5)."""


@dataclass(frozen=True, slots=True)
class Disposition:
    """
    The signal settings that modelwatch was started with, for the trainer to be started with.

    Attributes:
        mask: The signals that were blocked.
        children_ignored: Whether SIGCHLD was ignored; we must not ignore it, or the kernel would reap our children unasked.
    """

    mask: frozenset[int]
    children_ignored: bool

    def restore(self) -> None:
        """
        Make these the settings of this process, a child about to call execve.

        Python ignores SIGPIPE and SIGXFSZ from its start on; what they were before cannot be known, and default is what they are
        everywhere but below another Python. Ignored signals, other than those, we never touched.
        """
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        if self.children_ignored:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)


def candidates(name: bytes, environment: Mapping[bytes, bytes]) -> list[bytes]:
    """Return the paths at which execvp(3) would look for the command `name`."""
    if b"/" in name or not name:
        return [name]
    return [folder + b"/" + name if folder else name for folder in environment.get(b"PATH", _DEFAULT_PATH).split(b":")]


def execute(command: Sequence[str], environment: Mapping[bytes, bytes]) -> OSError:
    """
    Replace this process by `command`, looked for as execvp(3) does, a script without ``#!`` being given to /bin/sh.

    Returns:
        Why it could not be done; never returns when it could.
    """
    arguments = [os.fsencode(argument) for argument in command]
    failure = OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    for path in candidates(arguments[0], environment):
        error = _replace(path, arguments, environment)
        if error.errno == errno.ENOEXEC:
            return _replace(b"/bin/sh", [b"/bin/sh", path, *arguments[1:]], environment)
        if error.errno == errno.EACCES:
            failure = error
        elif error.errno not in _LOOK_FURTHER:
            return error
    return failure


def _replace(path: bytes, arguments: list[bytes], environment: Mapping[bytes, bytes]) -> OSError:
    try:
        os.execve(path, arguments, environment)  # noqa: S606 -- no shell is wanted
    except OSError as error:
        return error


def _start(prepare: Callable[[], None], command: Sequence[str], environment: Mapping[bytes, bytes]) -> int:
    """
    Fork, call `prepare` in the child, and execute `command` there.

    Returns:
        The child's process id, once it runs the command.

    Raises:
        OSError: The child could not be made, prepared, or run the command; it has been reaped.
    """
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if pid == 0:
        number = errno.EIO
        try:
            prepare()
            number = execute(command, environment).errno or errno.EIO
        except OSError as error:
            number = error.errno or errno.EIO
        finally:
            os.write(writing, str(number).encode("ascii"))
            os._exit(1)
    os.close(writing)
    failure = os.read(reading, 16)  # end of file as soon as the command runs: the pipe is closed on exec
    os.close(reading)
    if failure:
        os.waitpid(pid, 0)
        raise OSError(int(failure), os.strerror(int(failure)))
    return pid


def start_trainer(
    command: Sequence[str], environment: Mapping[bytes, bytes], disposition: Disposition, *, own_group: bool, terminal: int | None
) -> int:
    """
    Start the trainer with our standard streams and every other descriptor that we were given.

    Args:
        command: What to execute; never empty.

        environment: What it finds in its environment, all of it.

        disposition: The signal settings it starts with.

        own_group: Whether it leads a process group of its own.

        terminal: The terminal whose foreground group it becomes, or None. Needs `own_group`, and SIGTTOU blocked.

    Raises:
        OSError: As for `_start`; FileNotFoundError when there is no such command.
    """

    def prepare() -> None:
        if own_group:
            os.setpgid(0, 0)
            if terminal is not None:
                os.tcsetpgrp(terminal, os.getpid())
        disposition.restore()

    return _start(prepare, command, environment)


def start_agent(command: Sequence[str], environment: Mapping[bytes, bytes], supervisor: int) -> int:
    """
    Start the agent where nothing meant for the training reaches it, and where it does not stand in the training's way.

    A session of its own, no standard input, all output on standard error; behind the training for the processor, before it for the
    out-of-memory killer.

    Args:
        command: What to execute, but for the option ``--supervisor-fd``.

        environment: What it finds in its environment, all of it.

        supervisor: The read end of the pipe on which the agent hears of the training's end, its only descriptor but the standard ones.

    Raises:
        OSError: As for `_start`.
    """

    def prepare() -> None:
        os.setsid()
        os.set_inheritable(supervisor, True)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        _step_back()
        _reset(signal.valid_signals())

    return _start(prepare, [*command, "--supervisor-fd", str(supervisor)], environment)


def _step_back() -> None:
    try:
        os.nice(_AGENT_NICENESS)
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:  # noqa: PTH123 -- pathlib is too much for the supervisor
            file.write(b"1000")
    except OSError:
        return  # a sandbox may forbid either; the agent then competes as an equal


def _reset(signals: Iterable[int]) -> None:
    for number in signals:
        if number not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
