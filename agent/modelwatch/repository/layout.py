"""
Where everything is in a repository: the keys, and the names in them. docs/repository.md is the specification.

A key is a relative path with ``/`` as separator, the same in a directory and in a bucket. Pure: nothing here touches a disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from modelwatch.core.digest import Digest
from modelwatch.core.identifiers import make_ulid, ulid_milliseconds

FORMAT_VERSION = 1
"""The version of the layout that this program writes, and the newest that it reads."""

HEADER = "repository.json"
BLOBS = "blobs/sha256"
MODELS = "models"
STAGING = "staging"
STAGED_UPLOAD = "upload-"
"""How the names of staged uploads begin: files that arrive in pieces, and are held under no lock between two of them."""

LOCK = ".lock"

_LITERAL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")
_ESCAPE = re.compile(r"%([0-9a-f]{2})")
_RESERVED_STEM = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)")  # device names of Windows, with any extension
_LONGEST_COMPONENT = 200  # file systems allow 255 bytes, and temporary names add to it
_KEPT_OF_LONG = 120
_COMPONENT = re.compile(r"[a-z0-9_%~-][a-z0-9_.%~-]*\Z")
_VERSION_FILE = re.compile(r"([0-9]{8,15})\.json\Z")  # no more digits than a JSON number keeps everywhere
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def encode_name(name: str) -> str:
    """
    Return a team's, model's, alias's or run's name as one path component that is safe on every file system.

    Lower-case ASCII letters, digits, ``_``, ``-`` and inner dots stand for themselves; every other byte of the UTF-8 text becomes
    ``%`` and two lower-case digits, so that names differing in case or in Unicode form stay different where the file system would
    fold them. A longer result than fits is cut, and ``~`` and the name's digest follow: only then `decode_name` cannot undo it.

    Raises:
        ValueError: The name is empty.
    """
    if not name:
        raise ValueError("a name cannot be empty")
    data = name.encode("utf-8", "surrogatepass")
    parts = [chr(byte) if chr(byte) in _LITERAL else f"%{byte:02x}" for byte in data]
    for index in (0, -1):
        if parts[index] == ".":
            parts[index] = "%2e"
    if _RESERVED_STEM.match("".join(parts)):
        parts[0] = f"%{data[0]:02x}"
    component = "".join(parts)
    if len(component) <= _LONGEST_COMPONENT:
        return component
    kept = _KEPT_OF_LONG - (_KEPT_OF_LONG % 3)
    cut = component[:kept]
    return f"{cut[: cut.rfind('%')] if '%' in cut[-2:] else cut}~{Digest.of_bytes(data).hex}"


def decode_name(component: str) -> str | None:
    """Undo `encode_name`. Return None for a component that was cut or that it never makes."""
    if "~" in component:
        return None
    data = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), component)
    try:
        name = data.encode("latin-1").decode("utf-8", "surrogatepass")
        return name if encode_name(name) == component else None
    except ValueError:
        return None


def as_component(value: object) -> str:
    """Return what `encode_name` may have made as it is. Raise ValueError for anything else: it could lead out of its directory."""
    if not isinstance(value, str) or not _COMPONENT.match(value):
        raise ValueError(f"not an encoded name: {value!r}")
    return value


def version_number(file_name: str) -> int | None:
    """Return the number in the name of a version's file, or None when it is something else."""
    match = _VERSION_FILE.match(file_name)
    return int(match[1]) if match and int(match[1]) > 0 else None


def blob_key(digest: Digest) -> str:
    """Return the key of the content with this digest."""
    return f"{BLOBS}/{digest.hex[:2]}/{digest.hex}"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """
    Where one model's documents are.

    Attributes:
        team_part: The team's name, encoded.
        model_part: The model's name, encoded.
    """

    team_part: str
    model_part: str

    @classmethod
    def of(cls, team: str, model: str) -> Place:
        """Return the place of a model by name. Raise ValueError when a name is empty."""
        return cls(encode_name(team), encode_name(model))

    @property
    def prefix(self) -> str:
        """The directory of the model."""
        return f"{MODELS}/{self.team_part}/{self.model_part}"

    @property
    def registrations(self) -> str:
        """The directory of the claims."""
        return f"{self.prefix}/registrations"

    @property
    def versions(self) -> str:
        """The directory of the versions."""
        return f"{self.prefix}/versions"

    @property
    def aliases(self) -> str:
        """The directory of the aliases."""
        return f"{self.prefix}/aliases"

    @property
    def events(self) -> str:
        """The directory of the events."""
        return f"{self.prefix}/events"

    @property
    def runs(self) -> str:
        """The directory of the run reports."""
        return f"{self.prefix}/runs"

    @property
    def renamed(self) -> str:
        """The document of a name that leads to a model elsewhere."""
        return f"{self.prefix}/renamed.json"

    @property
    def lock(self) -> str:
        """The file that writers of this model lock."""
        return f"{self.prefix}/{LOCK}"

    def registration(self, key: str) -> str:
        """Return the key of the claim of a registration."""
        return f"{self.registrations}/{key}.json"

    def version(self, number: int) -> str:
        """Return the key of a version."""
        return f"{self.versions}/{number:08d}.json"

    def alias(self, name: str) -> str:
        """Return the key of an alias."""
        return f"{self.aliases}/{encode_name(name)}.json"

    def run(self, name: str) -> str:
        """Return the key of the report of a run."""
        return f"{self.runs}/{encode_name(name)}.json"

    def model_id(self, repository_id: str) -> str:
        """Return the model's id: ``mo`` and 13 letters or digits, Gradient's form, which follow from where it is."""
        number = int(Digest.of_json([repository_id, self.team_part, self.model_part]).hex, 16)
        digits = []
        for _ in range(13):
            number, digit = divmod(number, 36)
            digits.append(_BASE36[digit])
        return "mo" + "".join(digits)


def event_subject(registration_key: str | None) -> bytes:
    """Return the 5 bytes that say in an event's name which version it is about: of its registration key, or zeros for the model."""
    return bytes.fromhex(registration_key[:10]) if registration_key else bytes(5)


def event_name(milliseconds: int, registration_key: str | None, random: bytes) -> str:
    """Return an event's name without extension: a ULID whose tail is `event_subject` and 5 random bytes."""
    return make_ulid(milliseconds, event_subject(registration_key) + random)


def names_about(names: Iterable[str], registration_key: str | None) -> list[str]:
    """Return those names of events that say that they are about this registration's version, or with None about the model."""
    mark = event_name(0, registration_key, bytes(5))[10:18]
    return [name for name in names if name[10:18] == mark]


def event_milliseconds(name: str) -> int:
    """Return the time in an event's name. Raise ValueError when it is not an event's name."""
    return ulid_milliseconds(name)
