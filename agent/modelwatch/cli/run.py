"""`modelwatch run -- COMMAND…`: the entrypoint. Checks the options, then becomes the supervisor."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import modelwatch
from modelwatch.cli.answering import answers_in_time
from modelwatch.cli.arguments import Subparsers, add_options, flags_of, settings_of
from modelwatch.config.settings import Settings
from modelwatch.core.environment import original_environment
from modelwatch.core.errors import ModelwatchError, UsageError
from modelwatch.core.identifiers import new_ulid
from modelwatch.lineage.command import to_argument
from modelwatch.supervisor.launch import Launch
from modelwatch.supervisor.say import say

NAME = "run"

_EXAMPLES = """\
examples:
  modelwatch run -- python train.py
  modelwatch run --modelPath /storage/models --modelName digits -- python train.py --epochs 10

The exit code is the training's own; 127 when the command is not found, 126 when it cannot be executed, and
125 when modelwatch itself fails before the training has started, wrong options included.
"""

_PACKAGE = Path(modelwatch.__file__).absolute().parent
_ANSWER_SECONDS = 5.0
"""How long disks and mounts may take to answer before the training starts all the same."""

_STRAGGLER_SECONDS = 5.0
"""How long what the trainer left running in its group may still write before the last scan."""


def add_to(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        NAME,
        help="run a training and register what it saves",
        usage="modelwatch run [options] -- COMMAND [ARGUMENT ...]",
        description="Run a training and register every checkpoint that it completes, with its metrics, without touching it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, groups=("agent", "target", "log"))
    parser.add_argument(
        "training", nargs=argparse.REMAINDER, metavar="COMMAND", help="the training's command, as it would be without us"
    )
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> NoReturn:
    """Become the supervisor of the training. Returns never; raises when that cannot be."""
    command = [*arguments.training]
    if command[:1] == ["--"]:
        del command[0]
    if not command:
        raise UsageError("there is no command to run", hint="give the training's command after --")
    if answers_in_time(lambda: _settings(arguments), _ANSWER_SECONDS):
        settings = _settings(arguments)
    else:
        say("a disk or a mount does not answer: the training starts, and its agent follows when it can")
        settings = settings_of(arguments, blind=True)
    launch = _launch(settings, flags_of(arguments), command)
    try:
        _become_supervisor(launch)
    except OSError as error:
        raise ModelwatchError(f"the supervisor cannot be started: {error}") from error


def _settings(arguments: argparse.Namespace) -> Settings:
    """
    Return the settings, after looking whether they can be used.

    Raises:
        ConfigError, UsageError: They cannot: better said before a week of training than after it.
    """
    settings = settings_of(arguments)
    if Path(settings.model_path).is_file():
        raise UsageError(
            f"the model path {settings.model_path} is not a folder", hint="give the folder that the training writes into"
        )
    return settings


def _launch(settings: Settings, options: Sequence[str], command: Sequence[str]) -> Launch:
    """
    Put together what the supervisor is told: the agent gets the same options, and sees the same environment and folder.

    On a node that registers nothing there is no agent, and the training is the same.
    """
    if settings.bystander is not None:
        say(f"{settings.bystander}: its chief registers the models; no agent here")
    run = [] if settings.run else ["--runId", new_ulid()]  # every agent of this training, restarted or not, is of one run
    return Launch(
        model_path=settings.model_path,
        drain_seconds=settings.drain_timeout_seconds,
        straggler_seconds=min(_STRAGGLER_SECONDS, settings.drain_timeout_seconds),
        signal_group=settings.signal_group,
        signal_mask=tuple(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
        agent=() if settings.bystander else _agent(options, run, command),
        command=tuple(command),
    )


def _agent(options: Sequence[str], run: Sequence[str], command: Sequence[str]) -> tuple[str, ...]:
    told = ("--trainerCommand", to_argument(command), "--trainerBegan", repr(time.time()))  # it may log before its agent is up
    return (sys.executable, "-I", str(_PACKAGE / "__main__.py"), "watch", *options, *run, *told)


def _become_supervisor(launch: Launch) -> NoReturn:
    """
    Execute the supervisor in this process. Every signal from here on is kept for it (docs/adr/0010-exec-chain.md).

    Raises:
        OSError: It cannot be executed; the signals are as before.
    """
    arguments = [sys.executable, "-I", "-S", str(_PACKAGE / "supervisor" / "__main__.py"), *launch.arguments()]
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        os.execve(sys.executable, arguments, original_environment())  # noqa: S606 -- no shell is wanted
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, launch.signal_mask)
        raise
