"""Keras archives: files that Keras wrote, and what can happen to them."""

import io
import json
import random
import shutil
import zipfile
from pathlib import Path

import pytest
from format_trees import candidates, judge
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwatch.core.entities import Candidate, VerdictKind
from modelwatch.core.tree import FileStat
from modelwatch.formats.keras_archive import KerasArchive

GOLDEN = Path(__file__).parents[2] / "golden" / "keras"
ARCHIVE = (GOLDEN / "three-epochs.keras").read_bytes()


def verdict_of(folder: Path, content: bytes, *, deep: bool):
    """Judge `content` as the file m.keras."""
    (folder / "m.keras").write_bytes(content)
    candidate = Candidate("keras", "m.keras", (FileStat("m.keras", len(content), 0, 0),))
    return KerasArchive().inspect(str(folder), candidate, deep=deep)


@pytest.mark.parametrize("deep", [False, True])
def test_an_archive_that_keras_wrote_is_complete_and_tells_its_step(tmp_path, deep):
    """A golden archive is COMPLETE; the step is the optimizer's, the metadata Keras's own."""
    shutil.copy(GOLDEN / "three-epochs.keras", tmp_path / "model-03.keras")
    checkpoint = judge(KerasArchive(), tmp_path, "model-03.keras", deep=deep).checkpoint
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.epoch, checkpoint.members) == (6, 3, ("model-03.keras",))
    assert checkpoint.metadata["keras_version"] == "3.15.1"
    assert (checkpoint.metadata["class"], checkpoint.metadata["parameters"]) == ("Sequential", 58)
    assert checkpoint.metadata["inputs"] == [[None, 4]]
    assert checkpoint.metadata["compile"]["loss"] == "mse"
    json.dumps(dict(checkpoint.metadata), allow_nan=False)


def test_only_keras_files_are_candidates(tmp_path):
    """Other names and a writer's temporary names are not candidates."""
    for name in ("a.keras", "a.keras.txt", "b.zip", "tmpabcd1234"):
        (tmp_path / name).write_bytes(b"")
    assert set(candidates(KerasArchive(), tmp_path)) == {"a.keras"}


@given(st.integers(0, len(ARCHIVE) - 1))
@settings(max_examples=60, deadline=None)
def test_a_truncated_archive_is_never_complete(tmp_path_factory, size):
    """Whatever its length, a beginning of an archive is not COMPLETE, not even shallowly."""
    assert verdict_of(tmp_path_factory.mktemp("t"), ARCHIVE[:size], deep=False).kind is not VerdictKind.COMPLETE


@given(st.binary(min_size=1, max_size=5000))
@settings(max_examples=30, deadline=None)
def test_an_archive_with_bytes_behind_it_is_never_complete(tmp_path_factory, tail):
    """A shorter archive over a longer one, before the file is cut to length, is not COMPLETE."""
    assert verdict_of(tmp_path_factory.mktemp("t"), ARCHIVE + tail, deep=True).kind is not VerdictKind.COMPLETE


@given(st.integers(0, len(ARCHIVE) - 1), st.integers(0, 7))
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_is_noticed_or_changes_no_content(tmp_path_factory, at, bit):
    """An archive with one bit flipped is not deeply COMPLETE, unless every member's name and bytes are what they were."""
    damaged = bytearray(ARCHIVE)
    damaged[at] ^= 1 << bit
    if verdict_of(tmp_path_factory.mktemp("t"), bytes(damaged), deep=True).kind is VerdictKind.COMPLETE:
        with zipfile.ZipFile(io.BytesIO(ARCHIVE)) as before, zipfile.ZipFile(io.BytesIO(damaged)) as after:
            assert [(name, before.read(name)) for name in before.namelist()] == [
                (name, after.read(name)) for name in after.namelist()
            ]


@given(st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_scrambled_archives_never_raise(tmp_path_factory, seed):
    """Whatever is done to an archive, the answer is a verdict."""
    chance = random.Random(seed)
    damaged = bytearray(ARCHIVE)
    for _ in range(chance.randint(1, 40)):
        at = chance.randrange(len(damaged))
        damaged[at : at + chance.choice([1, 2, 4, 8])] = chance.choice([b"\xff" * 8, b"\0" * 8, chance.randbytes(8)])
    folder = tmp_path_factory.mktemp("t")
    for deep in (False, True):
        assert isinstance(verdict_of(folder, bytes(damaged), deep=deep).kind, VerdictKind)


def archive_of(**members: bytes) -> bytes:
    """Return a deflated zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def test_a_compressed_archive_is_read_too(tmp_path):
    """An archive packed again with compression is COMPLETE and still tells its step."""
    with zipfile.ZipFile(io.BytesIO(ARCHIVE)) as archive:
        packed = archive_of(**{name: archive.read(name) for name in archive.namelist()})
    checkpoint = verdict_of(tmp_path, packed, deep=True).checkpoint
    assert checkpoint is not None
    assert checkpoint.step == 6


def test_a_zip_bomb_is_refused_without_unpacking_it(tmp_path):
    """An archive that would inflate to a thousand times its size is CORRUPT."""
    bomb = archive_of(config__json=b"{}", metadata__json=b"{}", model__weights__h5=b"\0" * (200 << 20))
    verdict = verdict_of(tmp_path, bomb, deep=True)
    assert (verdict.kind, "inflate" in verdict.reason) == (VerdictKind.CORRUPT, True)


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"a": b""}, VerdictKind.FOREIGN),
        ({"config__json": b"{}", "metadata__json": b"{}"}, VerdictKind.INCOMPLETE),
        ({"config__json": b"[" * 100_000, "metadata__json": b"{}", "model__weights__npz": b""}, VerdictKind.CORRUPT),
        ({"config__json": b"[]", "metadata__json": b"{}", "model__weights__npz": b""}, VerdictKind.CORRUPT),
        ({"config__json": b"{}", "metadata__json": b"[]", "model__weights__npz": b""}, VerdictKind.COMPLETE),
    ],
)
def test_archives_of_other_content(tmp_path, members, kind):
    """What is not Keras's is FOREIGN, what lacks weights INCOMPLETE, what cannot be read CORRUPT."""
    assert verdict_of(tmp_path, archive_of(**members), deep=True).kind is kind


def test_a_file_that_went_away_is_incomplete(tmp_path):
    """A file that is not there any more is INCOMPLETE."""
    candidate = Candidate("keras", "m.keras", (FileStat("m.keras", 1, 0, 0),))
    assert KerasArchive().inspect(str(tmp_path), candidate, deep=True).kind is VerdictKind.INCOMPLETE


def test_members_may_not_be_hard_linked():
    """Keras rewrites in place."""
    assert not KerasArchive().hardlink_safe("m.keras")
