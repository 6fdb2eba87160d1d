"""
Step and epoch out of a file's or folder's name: the last resort, after the content.

Rules, for names without regard to case:

1. A number that follows a word which says what it counts: ``step``, ``global_step``, ``iter``, ``iteration``, ``update``, ``batch``
   count steps; ``epoch`` and ``ep`` count epochs. Between word and number nothing, or one of ``- _ = .``: ``step_00100``,
   ``global_step500``, ``epoch=3-step=1200.ckpt``. The last such number of each kind counts.
2. Else a number behind ``-``, ``_`` or ``=`` and a word that means "a saved model" (``model``, ``checkpoint``, ``ckpt``, ``weights``, …) counts steps,
   or, where the writer's own template counts epochs (Keras), epochs: ``model-100.pt``, ``checkpoint-500``, ``weights.05-0.23.keras``.
   ``checkpoint`` and ``ckpt`` may stand directly before the number. Any other word before a number names an architecture or a version: ``resnet-50``, ``vgg16``, ``model-v2``.
3. A number that is part of a decimal fraction, a word, a date or a clock time is not a count: ``val_loss=0.25``, ``10k``, ``20240501``,
   ``2024-05-01``, ``1557442950``.
"""

from __future__ import annotations

import re
from typing import Final, Literal

_END: Final = r"(?![0-9a-z]|\.[0-9])"  # not the beginning of a word or of a decimal fraction
_LABELLED: Final = re.compile(
    r"(?:^|[^a-z])(?:(?P<step>(?:train|global|optimizer)?[-_]?steps?|iter(?:ation)?s?|updates?|batch)|(?P<epoch>epochs?|ep))"
    r"[-_=.]?(?P<number>[0-9]{1,18})" + _END
)
_WORDS: Final = (
    "model|checkpoint|ckpt|chkpt|ck|cp|weights?|snapshot|saved?|state|params?|network|net|policy|agent|actor|critic|generator|"
    "discriminator|encoder|decoder|classifier|backup"
)
_BARE: Final = re.compile(
    rf"(?:^|[^a-z])(?:(?:{_WORDS})[-_=]|(?:checkpoint|ckpt))(?P<number>[0-9]{{1,18}})(?P<rest>.*)$",
    re.DOTALL,
)
_KERAS_BARE: Final = re.compile(
    rf"(?:^|[^a-z])(?:(?:{_WORDS})[-_=.]|(?:checkpoint|ckpt))(?P<number>[0-9]{{1,18}})(?P<rest>.*)$", re.DOTALL
)
_DATE: Final = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[0-9]{4}|[0-9]{6})?")
_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}")
_NEXT_NUMBER: Final = re.compile(r"[-_.t]?[0-9]+(?!\.[0-9])(?![0-9])")


def step_and_epoch(name: str, *, bare: Literal["step", "epoch"] = "step") -> tuple[int | None, int | None]:
    """
    Return the step and the epoch that a name tells; None for what it does not tell.

    Args:
        name: The last part of a path, with or without its extension.

        bare: What a number without a word of its own counts (rule 2).
    """
    lowered = name.lower()
    found: dict[str, int] = {}
    for match in _LABELLED.finditer(lowered):
        found["step" if match["step"] else "epoch"] = int(match["number"])
    if not found:
        number = _bare_number(lowered, bare)
        if number is not None:
            found[bare] = number
    return found.get("step"), found.get("epoch")


def _bare_number(name: str, bare: str) -> int | None:
    match = (_BARE if bare == "step" else _KERAS_BARE).search(name)
    if match is None:
        return None
    number, rest = match["number"], match["rest"]
    if re.match(r"[0-9a-z]|\.[0-9]", rest) or len(number) >= 10 or _DATE.fullmatch(number):
        return None
    following = _NEXT_NUMBER.match(rest)
    if following and (bare == "step" or _YEAR.fullmatch(number)):
        return None  # ``ckpt_3_1200``, ``model-2024-05-01``: which of them counts what is not said
    return int(number)
