"""What forms carry, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelwatch.core.errors import UsageError
from modelwatch.core.json import JsonValue, loads_foreign
from modelwatch.server.endpoint import Call

_LONGEST_TAG: Final = 200


def text_of(call: Call, name: str) -> str:
    """Return a field of the form, empty when it is not there or is a file."""
    value = None if call.form is None else call.form.get(name)
    return value if isinstance(value, str) else ""


def checked_tag(text: str) -> str:
    """Return a tag without the spaces around it. Raise UsageError for what is none."""
    tag = text.strip()
    if not tag or len(tag) > _LONGEST_TAG or not tag.isprintable():
        raise UsageError(f"not a tag: {text[:50]!r}", hint=f"a word or a phrase of at most {_LONGEST_TAG} characters")
    return tag


def tags_in(text: str) -> Sequence[str]:
    """Return the tags of a text that has commas between them. Raise UsageError when one is none."""
    return sorted({checked_tag(tag) for tag in text.split(",") if tag.strip()})


def summary_in(text: str) -> JsonValue:
    """
    Return the summary that a person wrote: JSON, or lines of ``name=value``; None when it is empty.

    Raises:
        UsageError: It is neither.
    """
    if not text.strip():
        return None
    try:
        return loads_foreign(text)
    except ValueError as error:
        if text.lstrip()[0] in '{["':
            raise UsageError(f"the summary is not JSON: {error}") from error
    pairs = [line.partition("=") for line in text.replace(";", "\n").splitlines() if line.strip()]
    if not all(sign and name.strip() for name, sign, _ in pairs):
        raise UsageError("the summary is neither JSON nor lines of name=value", hint="for example accuracy=0.92")
    return {name.strip(): _value(value.strip()) for name, _, value in pairs}


def _value(text: str) -> JsonValue:
    try:
        return loads_foreign(text)
    except ValueError:
        return text
