"""
A child that prints ``ready <pid>`` and then the name of each signal it gets, one a line.

Ends with exit code 3 when it gets SIGUSR2.
"""

import os
import signal

CATCHABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}


def main() -> None:
    """Print signals until SIGUSR2."""
    signal.pthread_sigmask(signal.SIG_BLOCK, CATCHABLE)
    print("ready", os.getpid(), flush=True)
    number = 0
    while number != signal.SIGUSR2:
        number = signal.sigwait(CATCHABLE)
        print(number.name if isinstance(number, signal.Signals) else f"SIG{number}", flush=True)
    os._exit(3)


if __name__ == "__main__":
    main()
