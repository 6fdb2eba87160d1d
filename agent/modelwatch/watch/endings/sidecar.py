"""How a sidecar learns that training has ended: it looks at signs, and the first that says so decides."""

from __future__ import annotations

import select
from collections.abc import Sequence

from modelwatch.config.settings import Settings
from modelwatch.core.clock import Clock
from modelwatch.watch.endings.activity import Activity
from modelwatch.watch.endings.base import Sign
from modelwatch.watch.endings.exit_code_file import ExitCodeFile
from modelwatch.watch.endings.idle import Idle
from modelwatch.watch.endings.marker_file import MarkerFile
from modelwatch.watch.endings.process import Processes
from modelwatch.watch.endings.threaded import ThreadedEnding

_LOOK_MILLISECONDS = 500


class SidecarEnding(ThreadedEnding):
    """
    Looks at signs, in a thread of its own.

    Args:
        signs: Looked at in this order, so that those that tell more come first. They are closed with this.
    """

    def __init__(self, signs: Sequence[Sign]) -> None:
        super().__init__()
        self._signs = signs

    def _wait(self, stop: int) -> str | None:
        while True:
            for sign in self._signs:
                if (reason := sign.look()) is not None:
                    return reason
            poll = select.poll()
            poll.register(stop, select.POLLIN)
            for sign in self._signs:
                for descriptor in sign.descriptors():
                    poll.register(descriptor, select.POLLIN)
            if any(descriptor == stop for descriptor, _ in poll.poll(_LOOK_MILLISECONDS)):
                return None

    def _let_go(self) -> None:
        for sign in self._signs:
            sign.close()


def sidecar_ending(settings: Settings, clock: Clock) -> SidecarEnding | None:
    """Return what waits for the end in the ways that were asked for, or None when only a signal ends the sidecar."""
    signs: list[Sign] = []
    if settings.exit_code_file is not None:
        signs.append(ExitCodeFile(settings.exit_code_file, clock))
    if settings.end_marker is not None:
        signs.append(MarkerFile(settings.end_marker))
    roots = [settings.model_path, *settings.log_dirs]
    ours = [path for path in (settings.log_file, settings.ready_file) if path]
    if settings.wait_for:
        activity = Activity(roots, clock, within_seconds=settings.start_timeout_seconds, ours=ours)
        signs.append(Processes(settings.wait_for, settings.start_timeout_seconds, activity.quiet_seconds, clock))
    if settings.idle_seconds is not None:
        signs.append(Idle(Activity(roots, clock, within_seconds=settings.idle_seconds, ours=ours), settings.idle_seconds))
    return SidecarEnding(signs) if signs else None
