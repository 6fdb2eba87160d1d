"""
The supervisor's program, started by path: ``python -I -S supervisor/__main__.py <the arguments of Launch>``.

Without the site module no ``.pth`` file of the image can run here or make this process grow.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Block every signal, supervise, and end as the trainer did."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120 -- lean
    from modelwatch.supervisor.ending import OWN_FAILURE, Ending, end_like  # noqa: PLC0415 -- importable only now
    from modelwatch.supervisor.launch import Launch  # noqa: PLC0415 -- as above
    from modelwatch.supervisor.say import say  # noqa: PLC0415 -- as above
    from modelwatch.supervisor.spawn import Disposition  # noqa: PLC0415 -- as above
    from modelwatch.supervisor.supervise import Supervisor  # noqa: PLC0415 -- as above

    _occupy_standard_descriptors()
    try:
        launch = Launch.from_arguments(sys.argv[1:])
    except ValueError as error:
        say(f"the supervisor is started by `modelwatch run`, not by hand: {error}")
        end_like(Ending(OWN_FAILURE, None))
    disposition = Disposition(frozenset(launch.signal_mask), signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_like(Supervisor(launch, disposition).run())


def _occupy_standard_descriptors() -> None:
    """Put the null device where a standard stream is closed, so that no file of ours lands there; the trainer finds it closed."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


if __name__ == "__main__":
    main()
