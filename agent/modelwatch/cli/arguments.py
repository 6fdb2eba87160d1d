"""From the table of options to argparse and back to settings."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from modelwatch.config.load import Loaded, load
from modelwatch.config.options import OPTIONS, Option
from modelwatch.config.settings import Settings
from modelwatch.config.sources import nearest
from modelwatch.core.errors import UsageError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for what add_subparsers returns
else:
    Subparsers = object

_PREFIX = "option_"
_INVALID_CHOICE = re.compile(r"invalid choice: '(?P<given>.*)' \(choose from (?P<choices>.*)\)")


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError, with the nearest right word, instead of ending the process with code 2."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type] # argparse's own parameters, passed on as they are

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - typeshed's overloads of this method cannot be repeated in an override
        """Parse; an option that this parser does not know is an error here, where its neighbours are known."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
            word = unknown[0].partition("=")[0]
            raise UsageError(f"unknown argument {word}{nearest(word, flags)}", hint=f"see `{self.prog} --help`")
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        """Raise UsageError; of words to choose from, name the nearest."""
        if choice := _INVALID_CHOICE.search(message):
            words = [word.strip("'") for word in choice["choices"].split(", ")]  # Python 3.12 writes them without quotes
            message += nearest(choice["given"], words)
        raise UsageError(message, hint=f"see `{self.prog} --help`")


def add_options(parser: argparse.ArgumentParser, *, names: Sequence[str] = (), groups: Sequence[str] = ()) -> None:
    """Add the options with these names or of these groups, each in camelCase and kebab-case, and the two that name files of options."""
    section = parser.add_argument_group("options", "each also as MODELWATCH_<NAME> in the environment and in modelwatch.yaml")
    for option in OPTIONS:
        if option.name in names or option.group in groups:
            section.add_argument(
                *_flags(option.name, option.kebab),
                dest=_PREFIX + option.name,
                action="append",
                metavar=option.metavar,
                help=f"{option.help}{_choices(option)} [{option.default_help}]".replace("%", "%%"),
            )
    section.add_argument(
        "--config", metavar="FILE", help="YAML file with options [modelwatch.yaml, /etc/modelwatch/modelwatch.yaml]"
    )
    section.add_argument(
        *_flags("optionsFile", "options-file"), dest="options_file", metavar="FILE", help="options file of Gradient's client"
    )


def _choices(option: Option) -> str:
    return f" One of {', '.join(option.choices)}." if option.choices else ""


def _flags(camel: str, kebab: str) -> list[str]:
    return [f"--{camel}"] if camel == kebab else [f"--{camel}", f"--{kebab}"]


def loaded_of(arguments: argparse.Namespace, *, needs_model_path: bool = False, blind: bool = False) -> Loaded:
    """
    Merge what the command line says with the other sources.

    Args:
        arguments: Of a parser that was given to `add_options`.

        needs_model_path: It is a problem when nothing says what to watch.

        blind: As in `modelwatch.config.load.load`.

    Raises:
        ConfigError: With every problem.
    """
    given: dict[str, Sequence[str]] = {}
    for option in OPTIONS:
        texts = getattr(arguments, _PREFIX + option.name, None)
        if texts is not None:
            given[option.name] = texts if option.repeated else texts[-1:]
    return load(
        given,
        os.environ,
        os.getcwd(),  # noqa: PTH109 - text, as `load` takes it
        config=arguments.config,
        options_file=arguments.options_file,
        needs_model_path=needs_model_path,
        blind=blind,
    )


def settings_of(arguments: argparse.Namespace, *, blind: bool = False) -> Settings:
    """Return the merged settings; a command that has `--modelPath` needs one. Raise ConfigError with every problem. `blind`: look at no file."""
    return loaded_of(arguments, needs_model_path=hasattr(arguments, f"{_PREFIX}modelPath"), blind=blind).settings


def flags_of(arguments: argparse.Namespace) -> list[str]:
    """Return the options that were given, as flags: another process that is given them reads the same."""
    flags = []
    for option in _given(arguments):
        for text in getattr(arguments, _PREFIX + option.name):
            flags += [f"--{option.name}={text}"]
    if arguments.config is not None:
        flags += [f"--config={arguments.config}"]
    if arguments.options_file is not None:
        flags += [f"--optionsFile={arguments.options_file}"]
    return flags


def _given(arguments: argparse.Namespace) -> list[Option]:
    return [option for option in OPTIONS if getattr(arguments, _PREFIX + option.name, None) is not None]
