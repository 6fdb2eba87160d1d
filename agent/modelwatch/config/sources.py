"""
Where options come from, strongest first: flags, environment, our YAML file, Gradient's options file, GradientCI's project file.

Each source gives raw texts with their origin; nothing is parsed here, so that every problem of every source can be reported at once. The
files are in `yaml_files`, which is loaded when there is one.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelwatch.config.options import OPTIONS, Option
from modelwatch.core.errors import ConfigProblem

_LARGEST_FILE_BYTES = 1 << 20
_LONGEST_WORD = 100
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Given:
    """
    A value as somebody wrote it.

    Attributes:
        texts: One text, or several for an option that may be repeated.
        origin: For people: ``flag --modelPath``, ``environment PS_MODEL_PATH``, ``modelwatch.yaml line 3``.
    """

    texts: tuple[str, ...]
    origin: str


Source = Mapping[str, Given]
"""Option name → what one source says."""


def nearest(word: str, words: Sequence[str], *, likeness: float = 0.6) -> str:
    """
    Return a hint at the word that was probably meant, or an empty string.

    Args:
        word: What was written. Case, hyphens and underscores make no difference.

        words: What would have been right; of two that differ in case and hyphens only, the first is named.

        likeness: How alike they must be, from 0 to 1 (`difflib.SequenceMatcher.ratio`); more for words that all begin alike.
    """
    spelled: dict[str, str] = {}
    for each in words:
        spelled.setdefault(_bare(each), each)
    found = difflib.get_close_matches(_bare(word[:_LONGEST_WORD]), list(spelled), n=1, cutoff=likeness)
    return f"; did you mean {spelled[found[0]]}?" if found else ""


def clipped(text: str) -> str:
    """Return the beginning of a text, enough to tell which one it is."""
    return text[:_SHOWN_CHARACTERS]


def _bare(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")


# -------------------------------------------------------------------------------------------------------------- environment


def from_environment(environment: Mapping[str, str], problems: list[ConfigProblem]) -> Source:
    """
    Read every option's variables: ours, ours with ``_FILE`` (the value is in that file, as for mounted secrets), then Gradient's own.

    An empty variable counts as absent, as Gradient's platform and Compose files leave them.
    """
    source: dict[str, Given] = {}
    for option in OPTIONS:
        for name in (option.variable, *option.variables):
            text = environment.get(name, "")
            path = environment.get(f"{name}_FILE", "") if name == option.variable else ""
            if text:
                source[option.name] = Given(split(option, text), f"environment {name}")
            elif path:
                given = _from_value_file(option, name, path, problems)
                if given is not None:
                    source[option.name] = given
            if option.name in source:
                break
    return source


def _from_value_file(option: Option, name: str, path: str, problems: list[ConfigProblem]) -> Given | None:
    origin = f"environment {name}_FILE"
    try:
        text = read_text(Path(path)).strip()
    except (OSError, ValueError) as error:
        problems.append(ConfigProblem(option.name, path, origin, f"the file cannot be read: {why(error)}"))
        return None
    return Given(split(option, text), f"{origin} ({path})")


def split(option: Option, text: str) -> tuple[str, ...]:
    """Return the values in one text: an option that may be repeated has commas between them."""
    if not option.repeated:
        return (text,)
    return tuple(part.strip() for part in text.split(",") if part.strip())


# -------------------------------------------------------------------------------------------------------------------- files


def read_text(path: Path) -> str:
    """Return a file's text. It may be a pipe, as a shell's ``<(…)`` is, and a link, as mounted secrets are."""
    with path.open("rb") as file:
        data = file.read(_LARGEST_FILE_BYTES + 1)
    if len(data) > _LARGEST_FILE_BYTES:
        raise ValueError("it is larger than 1 MiB")
    return data.decode("utf-8-sig")


def why(error: Exception) -> str:
    """Return what was wrong with a file that could not be read, for people."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
