"""The table of options, as people read it: an annotated YAML file and a table for the documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from modelwatch.config.options import OPTIONS, Option

_WIDTH = 100

_TITLES = {
    "agent": "What to watch, and how",
    "target": "Where models are registered",
    "sidecar": "When a sidecar ends",
    "server": "The team's server",
    "log": "What the agent tells",
}

_HEAD = """\
# Options of modelwatch. Copy this file to ./modelwatch.yaml or /etc/modelwatch/modelwatch.yaml, or name it with --config,
# and take the # away before what you want to change.
#
# Flags and variables of the environment come before this file, defaults after it: `modelwatch config show --origin` says who won.
# Times are written 20, 0.5, 500ms, 20s, 2m or 1h. Keys may be written with hyphens, too: model-path.
"""


def annotated_yaml() -> str:
    """Return a YAML file of every option, each with its meaning and default and commented out."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for group, title in _TITLES.items():
        yield f"# {f' {title} ':-^{_WIDTH}}\n"
        for option in _of(group):
            yield "\n".join([*_remarks(option), f"# {option.name}: {option.example}", ""])


def _of(group: str) -> list[Option]:
    return [option for option in OPTIONS if option.group == group]


def _remarks(option: Option) -> Iterator[str]:
    remarks = [option.help]
    if option.choices:
        remarks.append(f"Choices: {', '.join(option.choices)}.")
    remarks.append(f"Default: {option.default_help}.")
    remarks.append(f"Environment: {', '.join([option.variable, *option.variables])}.")
    for remark in remarks:
        yield from textwrap.wrap(remark, _WIDTH, initial_indent="## ", subsequent_indent="##   ", break_on_hyphens=False)


def markdown_tables() -> str:
    """Return the options as one Markdown table for each group, below a heading."""
    return "\n".join(line for group in _TITLES for line in _table(group))


def _table(group: str) -> Iterator[str]:
    yield f"## {_TITLES[group]}\n"
    yield "| option | meaning | default | environment |"
    yield "| --- | --- | --- | --- |"
    for option in _of(group):
        choices = f" One of {', '.join(f'`{choice}`' for choice in option.choices)}." if option.choices else ""
        variables = ", ".join(f"`{name}`" for name in (option.variable, *option.variables))
        cells = (f"`--{option.name} {option.metavar}`", option.help + choices, option.default_help, variables)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""
