"""HDF5 files: Keras's, a data set's, torn ones and hostile ones."""

import random
import shutil
from pathlib import Path

import pytest
from format_trees import candidates, judge
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwatch.core.entities import Candidate, VerdictKind
from modelwatch.core.tree import FileStat
from modelwatch.formats.hdf5 import Hdf5

GOLDEN = Path(__file__).parents[2] / "golden" / "keras"
NAMES = ("three-epochs.h5", "three-epochs.weights.h5", "new-style.weights.h5")


def verdict_of(folder: Path, content: bytes, name: str = "m.weights.h5"):
    """Judge `content` as a file of that name."""
    (folder / name).write_bytes(content)
    return Hdf5().inspect(str(folder), Candidate("hdf5", name, (FileStat(name, len(content), 0, 0),)), deep=True)


@pytest.mark.parametrize(
    ("name", "step", "parameters"),
    [("three-epochs.h5", 6, 58), ("three-epochs.weights.h5", 6, 58), ("new-style.weights.h5", 7, 15)],
)
def test_a_closed_file_is_complete_and_tells_its_step(name, step, parameters):
    """Golden files of both superblocks are COMPLETE, with the optimizer's step and the number of parameters."""
    checkpoint = judge(Hdf5(), GOLDEN, name).checkpoint
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.metadata["parameters"]) == (step, parameters)


def test_a_legacy_file_tells_its_configuration():
    """The root attributes of a legacy file become metadata, variable length strings included."""
    checkpoint = judge(Hdf5(), GOLDEN, "three-epochs.h5").checkpoint
    assert checkpoint is not None
    facts = checkpoint.metadata
    assert (facts["keras_version"], facts["backend"], facts["class"]) == ("3.15.1", "tensorflow", "Sequential")
    assert facts["compile"]["loss"] == "mse"


def test_the_name_tells_the_epoch(tmp_path):
    """ModelCheckpoint's template counts epochs."""
    shutil.copy(GOLDEN / "three-epochs.weights.h5", tmp_path / "ck-07.weights.h5")
    checkpoint = judge(Hdf5(), tmp_path, "ck-07.weights.h5").checkpoint
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.epoch) == (6, 7)


def test_a_data_set_is_foreign():
    """HDF5 without anything of Keras's is a data set."""
    assert judge(Hdf5(), GOLDEN, "measurements.h5").kind is VerdictKind.FOREIGN


def test_shards_are_left_to_the_sharded_format():
    """Parts of sharded weights are not candidates by themselves."""
    assert set(candidates(Hdf5(), GOLDEN)) == {*NAMES, "measurements.h5"}


@pytest.mark.parametrize("name", NAMES)
def test_the_flag_of_an_open_file_makes_it_incomplete(tmp_path, name):
    """The consistency flag alone decides: everything else is as in the whole file."""
    content = bytearray((GOLDEN / name).read_bytes())
    content[20 if content[8] < 2 else 11] |= 1
    verdict = verdict_of(tmp_path, bytes(content))
    assert (verdict.kind, "open for writing" in verdict.reason) == (VerdictKind.INCOMPLETE, True)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_truncated_or_longer_file_is_never_complete(tmp_path_factory, name, data):
    """A beginning of a file, or a file with bytes behind its end, is not COMPLETE."""
    content = (GOLDEN / name).read_bytes()
    folder = tmp_path_factory.mktemp("t")
    size = data.draw(st.integers(0, len(content) - 1))
    assert verdict_of(folder, content[:size]).kind is not VerdictKind.COMPLETE
    assert verdict_of(folder, content + content[: size + 1]).kind is not VerdictKind.COMPLETE


@pytest.mark.parametrize("name", NAMES)
def test_structure_that_a_crash_zeroed_is_noticed(tmp_path, name):
    """A file whose second half is zeros, as a host crash leaves it, is not COMPLETE when group structure was lost."""
    content = (GOLDEN / name).read_bytes()
    assert verdict_of(tmp_path, content[:700] + bytes(len(content) - 700)).kind is not VerdictKind.COMPLETE


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_scrambled_files_never_raise(tmp_path_factory, name, seed):
    """Whatever is done to the bytes behind the superblock, the answer is a verdict."""
    chance = random.Random(seed)
    damaged = bytearray((GOLDEN / name).read_bytes())
    for _ in range(chance.randint(1, 30)):
        at = chance.randrange(len(damaged) - 8)
        replacement = chance.choice(
            [b"\xff" * 8, b"\0" * 8, chance.randbytes(8), chance.randrange(len(damaged)).to_bytes(8, "little")]
        )
        damaged[at : at + 8] = replacement
    assert isinstance(verdict_of(tmp_path_factory.mktemp("t"), bytes(damaged)).kind, VerdictKind)


def test_a_group_that_contains_itself_ends(tmp_path):
    """Links in a circle are walked once."""
    content = bytearray((GOLDEN / "three-epochs.weights.h5").read_bytes())
    root = (96).to_bytes(8, "little")
    at = content.find(b"SNOD")
    content[at + 16 : at + 24] = root  # the first entry of the first table leads back to the root
    assert isinstance(verdict_of(tmp_path, bytes(content)).kind, VerdictKind)


def test_a_file_of_another_kind_is_foreign_and_an_empty_one_incomplete(tmp_path):
    """Text is not HDF5; an empty file or zeros may become HDF5."""
    assert verdict_of(tmp_path, b"hello, world, this is text").kind is VerdictKind.FOREIGN
    assert verdict_of(tmp_path, b"").kind is VerdictKind.INCOMPLETE
    assert verdict_of(tmp_path, bytes(500)).kind is VerdictKind.INCOMPLETE


def test_members_may_not_be_hard_linked():
    """HDF5 is written in place."""
    assert not Hdf5().hardlink_safe("m.h5")
