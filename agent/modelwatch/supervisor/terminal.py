"""
The controlling terminal, and which process group the trainer runs in because of it.

A trainer normally leads a group of its own, so that a signal sent to us reaches all of it. Where a person works at a terminal, the
group in the foreground receives what the keyboard sends and may read:

- we are alone in our group (``modelwatch run -- X`` at a prompt, ``docker run -it``): the trainer's group takes our place in the
  foreground, and we stop and go on together with it, so that the shell's job control works on us as it would on the trainer;
- we share our group (``modelwatch run -- X | less``, a script): the trainer stays in it, where the terminal treats it as it would
  without us. Taking the foreground away would stop the others.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

_TERMINAL_STOPS = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
"""The stops that a terminal causes; the kernel discards them for a group that no shell could wake again."""


@dataclass(frozen=True, slots=True)
class _Relations:
    parent: int
    group: int
    session: int


def _relations(pid: int) -> _Relations | None:
    """Return what ``/proc`` says of a process; None when it is gone or not shown."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        text = os.read(descriptor, 4096)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    parent, group, session = text.rpartition(b")")[2].split()[1:4]  # a command's name may hold spaces and brackets
    return _Relations(int(parent), int(group), int(session))


def _alone_in_group() -> bool:
    """Return whether no other process shares our process group."""
    group, own = os.getpgrp(), os.getpid()
    try:
        others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own]  # noqa: PTH208 -- no pathlib here
    except OSError:
        return True
    return not any(relations and relations.group == group for relations in map(_relations, others))


def _group_is_orphaned() -> bool:
    """Return whether nobody in our session outside our group could wake our group again (POSIX's orphaned process group)."""
    own = _relations(os.getpid())
    ancestor = own
    while own and ancestor and (parent := _relations(ancestor.parent)):
        if parent.session != own.session:
            return True
        if parent.group != own.group:
            return False
        ancestor = parent
    return True


class Terminal:
    """
    Our controlling terminal, or the absence of one.

    SIGTTOU must be blocked: handing over the foreground from the background is what it is there to stop.

    Attributes:
        descriptor: The terminal, or None.
        own_group: Whether the trainer is to lead a process group of its own.
        hand_over: The terminal's descriptor when the trainer's group is to be put in the foreground, else None.
    """

    def __init__(self) -> None:
        try:
            self.descriptor: int | None = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            self.descriptor = None
        self.own_group = self.descriptor is None or _alone_in_group()
        self._trainer = 0
        self.hand_over = self.descriptor if self.own_group and self._foreground() == os.getpgrp() else None

    def trainer_started(self, pid: int) -> None:
        """Remember whom to hand the foreground to."""
        self._trainer = pid

    def trainer_stopped(self, number: int) -> None:
        """
        Stop as the trainer did, when its terminal stopped it and a shell can wake us; wake it when none can.

        Returns after we have been continued. Any other stop is between the trainer and who stopped it.
        """
        if self.descriptor is None or number not in _TERMINAL_STOPS:
            return
        if not _group_is_orphaned():
            self.stop()
        elif self.own_group:
            self._wake_unattended(number)

    def _wake_unattended(self, number: int) -> None:
        """Treat a stop as the kernel would in a group that no shell can wake: discard it, or end the wait for input."""
        in_front = self._foreground() == os.getpgrp()
        if number != signal.SIGTSTP and not in_front:
            self._signal_trainer(signal.SIGHUP)
        self.continued()

    def stop(self) -> None:
        """Stop this process until a shell continues it; do nothing when none could."""
        if self.descriptor is not None and not _group_is_orphaned():
            os.kill(os.getpid(), signal.SIGSTOP)

    def continued(self) -> None:
        """Continue the trainer, in the foreground if that is where we have been put."""
        if self.descriptor is not None and self.own_group and self._foreground() == os.getpgrp():
            self._give_to(self._trainer)
        self._signal_trainer(signal.SIGCONT)

    def take_back(self) -> None:
        """After the trainer's end: take the foreground back from its group, or from a dead one that it left there."""
        if self.descriptor is None or not self.own_group:
            return
        holder = self._foreground()
        if holder and (holder == self._trainer or not _group_exists(holder)):
            self._give_to(os.getpgrp())

    def _foreground(self) -> int:
        """Return the terminal's foreground group; 0 when there is none to be had."""
        try:
            return 0 if self.descriptor is None else os.tcgetpgrp(self.descriptor)
        except OSError:
            return 0

    def _give_to(self, group: int) -> None:
        try:
            if self.descriptor is not None:
                os.tcsetpgrp(self.descriptor, group)
        except OSError:
            return  # hung up, or the group has just gone: there is nothing left to hand over

    def _signal_trainer(self, number: int) -> None:
        try:
            os.kill(-self._trainer if self.own_group else self._trainer, number)
        except ProcessLookupError:
            return


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
