"""Why a request failed, in plain words and as one of our errors."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator, Mapping
from datetime import UTC

import requests
import urllib3.exceptions

from modelwatch.core.errors import (
    AccessError,
    ModelwatchError,
    NotFoundError,
    PermanentError,
    TransientError,
    UsageError,
)
from modelwatch.core.json import JsonValue, loads

_LONGEST_WAIT_SECONDS = 3600.0
_SHOWN_CHARACTERS = 500
_OF_STATUS: Mapping[int, type[ModelwatchError]] = {400: UsageError, 404: NotFoundError}
KEY_HINT = "give a key that it knows with --apiKey, or in MODELWATCH_APIKEY_HINT; `modelwatch keys add` makes one"
_REACHABLE = "is the server running, and is its address right?"


class BrokenError(TransientError):
    """The connection broke: what was asked for may have been done or not, and may be asked for again at once."""


def unreachable(url: str, error: Exception) -> TransientError:
    """Return the error for a request that got no answer, or only a part of one."""
    if isinstance(error, requests.exceptions.SSLError):
        return TransientError(
            f"cannot trust {url}: {_cause(error)}",
            hint="name the certificate of the authority that signed the server's in REQUESTS_CA_BUNDLE",
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return TransientError(
            f"cannot reach {url} through the proxy: {_cause(error)}", hint="see HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return TransientError(f"cannot reach {url}: nothing answered in time", hint=_REACHABLE)
    if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return TransientError(f"{url} took too long to answer")
    if isinstance(error, ValueError) or any(isinstance(each, urllib3.exceptions.NewConnectionError) for each in _chain(error)):
        return TransientError(f"cannot reach {url}: {_cause(error)}", hint=_REACHABLE)
    return BrokenError(f"the connection to {url} broke: {_cause(error)}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an error and what it was made of: urllib3 keeps that in its arguments and in `reason`, others in their cause."""
    seen: list[BaseException] = []
    left = [error]
    while left:
        each = left.pop()
        if each in seen:
            continue
        seen.append(each)
        yield each
        inner = [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
        left += [other for other in reversed(inner) if isinstance(other, BaseException)]


def _cause(error: Exception) -> str:
    """Return the innermost reason that the system gave, else the last words of the error."""
    for each in _chain(error):
        if isinstance(each, urllib3.exceptions.NameResolutionError):
            return "its name is not known here"
        if isinstance(each, OSError) and not isinstance(each, requests.RequestException) and each.strerror:
            return each.strerror
    return str([*_chain(error)][-1]).rpartition("object at ")[2][:_SHOWN_CHARACTERS] or type(error).__name__


def no_server(url: str, what: str) -> TransientError:
    """Return the error for an answer that is none of a modelwatch server."""
    return TransientError(f"{url} does not answer as a modelwatch server does: {what}", hint=_REACHABLE)


def refused(url: str, status: int, headers: Mapping[str, str], body: bytes) -> ModelwatchError:
    """
    Return the error for an answer that is one.

    Args:
        url: The server's address.

        status: The HTTP status, 300 or more.

        headers: The answer's.

        body: What it says.
    """
    if status < 400:
        where = headers.get("Location", "")[:_SHOWN_CHARACTERS] or f"HTTP status {status}"
        return TransientError(
            f"{url} answers that it is elsewhere: {where}", hint="give the server's own address with --repository"
        )
    told = _told(body)
    message, hint = told or (f"HTTP status {status}", "")
    if status == 401:
        error: ModelwatchError = AccessError(f"{url} refuses: {message}", hint=KEY_HINT)
    elif status == 403:
        error = AccessError(f"{url} refuses: {message}", hint=hint)
    elif status in {408, 421, 429} or status >= 500:
        wait = retry_after_seconds(headers)
        error = TransientError(f"{url} cannot do it now: {message}", hint=hint, retry_after_seconds=wait)
    elif status == 413:
        error = PermanentError(
            f"too large for {url}: {message}", hint=hint or "a proxy before a server may allow less than the server"
        )
    elif told is None:
        error = no_server(url, message)
    else:
        error = _OF_STATUS.get(status, PermanentError)(message, hint=hint)
    return error


def _told(body: bytes) -> tuple[str, str] | None:
    """Return message and hint of an error as the server tells it, or None when somebody else answered."""
    try:
        error: JsonValue = loads(body)["error"]
        return str(error["message"])[:_SHOWN_CHARACTERS], str(error.get("hint") or "")[:_SHOWN_CHARACTERS]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return how long the server wants to be left alone: a number of seconds or a date (RFC 9110, section 10.2.3); None when it says nothing."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT_SECONDS)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time()
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS)
