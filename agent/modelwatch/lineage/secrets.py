"""
What looks like a secret, by its name or by itself.

Lineage is read by everyone who may read the model. What is masked without need costs a reader a look elsewhere, what is shown without need costs
a key, so every doubt is decided for masking. Not recognised: a secret whose name says nothing (``-p hunter2``, ``-u name:secret``) and which
has no shape of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MASK = "***"

_WORDS = frozenset(
    [
        "AUTH",
        "BEARER",
        "CERT",
        "COOKIE",
        "COOKIES",
        "CREDS",
        "DSN",
        "JWT",
        "KEY",
        "KEYS",
        "LOGIN",
        "OTP",
        "PASS",
        "PAT",
        "PIN",
        "PW",
        "PWD",
        "SALT",
        "SAS",
        "SESSION",
        "SIG",
        "SIGNATURE",
        "WEBHOOK",
    ]
)
_ENDINGS = ("KEY", "TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE")
_PARTS = ("PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "CREDENTIAL", "APIKEY", "ACCESSKEY", "PRIVATEKEY", "AUTHORIZATION")

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAMED = re.compile(r"(?<![\w.-])-*([A-Za-z_][\w.-]*)[\"']?\s*[=:]")
_FLAG = re.compile(r"--?([A-Za-z][\w.-]*)")
_FLAG_IN_TEXT = re.compile(r"(?<!\S)--?([A-Za-z][\w.-]*)\s")
_ASSIGNED = re.compile(r"(-{0,2}([A-Za-z_][\w.-]*)=)(.*)", re.DOTALL)
_PARAMETER = re.compile(r"(?<=[?&;])([^=&;#\s]+)=([^&;#\s]*)")
_USER_IN_ADDRESS = re.compile(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]*://)[^/\s]*@")
_SHAPES = re.compile(
    r"""
      \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                     # AWS access key
    | \bgh[opsur]_[0-9A-Za-z]{20,} | \bgithub_pat_\w{20,} | \bglpat-[\w-]{20,}
    | \bmw_[a-z2-9]{8}_[\w-]{20,}                       # our own API keys
    | \bhf_[0-9A-Za-z]{20,}                             # Hugging Face
    | \bsk-[\w-]{20,}                                   # OpenAI, Anthropic
    | \bxox[abeoprs]-[\w-]{10,}                         # Slack
    | \bAIza[\w-]{35}                                   # Google
    | \beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?            # JSON Web Token
    | -----BEGIN[ ].*                                   # PEM
    | (?<![A-Za-z0-9/+])(?=[a-zA-Z/+]*[0-9])(?=[a-z0-9/+]*[A-Z])(?=[A-Z0-9/+]*[a-z])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])  # AWS secret key
    """,
    re.VERBOSE | re.DOTALL,
)


def is_secret_name(name: str) -> bool:
    """Return whether what has this name (of a variable, an option, a field) may be a secret."""
    words = [word for word in re.split(r"[^A-Z0-9]+", _CAMEL.sub("_", name).upper()) if word]
    joined = "".join(words)
    return any(word in _WORDS or word.endswith(_ENDINGS) for word in words) or any(part in joined for part in _PARTS)


def masked(text: str) -> str:
    """Return one word of a command, or one value, without what looks like a secret."""
    shown = ""
    while assigned := _ASSIGNED.fullmatch(text):
        shown += assigned[1]
        if is_secret_name(assigned[2]):
            return shown + MASK
        text = assigned[3]
    return shown + _masked_value(text)


def _masked_value(text: str) -> str:
    text = _USER_IN_ADDRESS.sub(rf"\1{MASK}@", text)
    if "://" in text:
        text = _PARAMETER.sub(lambda found: f"{found[1]}={MASK}" if is_secret_name(found[1]) else found[0], text)
        named = _NAMED.findall(_PARAMETER.sub("", text))
    else:
        named = _NAMED.findall(text)
    if any(map(is_secret_name, [*named, *_FLAG_IN_TEXT.findall(text)])):
        return MASK  # a script, JSON, a header: where the secret ends is its language's business
    return _SHAPES.sub(MASK, text)


def masked_command(words: Sequence[str]) -> list[str]:
    """Return a command without what looks like a secret: the word after ``--password`` is one."""
    shown: list[str] = []
    secret_follows = False
    for word in words:
        shown.append(MASK if secret_follows else masked(word))
        flag = _FLAG.fullmatch(word)
        secret_follows = flag is not None and is_secret_name(flag[1])
    return shown
