"""Sharded Keras weights."""

import json
import os
import shutil
from pathlib import Path

import pytest
from format_trees import candidates, judge

from modelwatch.core.entities import VerdictKind
from modelwatch.formats.keras_sharded import KerasSharded

GOLDEN = Path(__file__).parents[2] / "golden" / "keras"
INDEX = "sharded.weights.json"
SHARDS = [f"sharded_{number:05d}.weights.h5" for number in range(4)]


@pytest.fixture
def folder(tmp_path):
    """A folder with the golden shards and, written last, their index."""
    for seconds, name in enumerate([*SHARDS, INDEX]):
        shutil.copy(GOLDEN / name, tmp_path / name)
        os.utime(tmp_path / name, (1000 + seconds, 1000 + seconds))
    return tmp_path


def test_a_whole_set_is_complete(folder):
    """Index and shards make one checkpoint with the optimizer's step."""
    verdict = judge(KerasSharded(), folder, INDEX)
    assert verdict.checkpoint is not None
    assert (verdict.checkpoint.members, verdict.checkpoint.step) == ((INDEX, *SHARDS), 6)
    assert verdict.checkpoint.metadata["parameters"] == 58


def test_shards_without_an_index_are_one_candidate_that_waits(folder):
    """Before the index is there its shards are an incomplete candidate under the index's name."""
    (folder / INDEX).unlink()
    assert set(candidates(KerasSharded(), folder)) == {INDEX}
    assert judge(KerasSharded(), folder, INDEX).kind is VerdictKind.INCOMPLETE


def test_an_index_in_between_is_incomplete(folder):
    """An index that counts a tensor that is not written yet, as Keras leaves it after each shard, is not the end."""
    index = json.loads((folder / INDEX).read_text())
    index["metadata"]["total_size"] += 128.0
    (folder / INDEX).write_text(json.dumps(index))
    assert judge(KerasSharded(), folder, INDEX).kind is VerdictKind.INCOMPLETE


@pytest.mark.parametrize("name", SHARDS)
def test_a_missing_shard_is_incomplete(folder, name):
    """Every shard that the index names must be there."""
    (folder / name).unlink()
    assert judge(KerasSharded(), folder, INDEX).kind is VerdictKind.INCOMPLETE


def test_a_shard_newer_than_the_index_is_out_of_order(folder):
    """A new shard under an old index: written anew right now, or copied."""
    os.utime(folder / SHARDS[0], (5000, 5000))
    verdict = judge(KerasSharded(), folder, INDEX)
    assert (verdict.kind, verdict.only_order, verdict.checkpoint is not None) == (VerdictKind.INCOMPLETE, True, True)


def test_a_shard_that_the_index_does_not_know(folder):
    """A newer one is being written; an older one is left over from a larger save and no member."""
    extra = folder / "sharded_00004.weights.h5"
    shutil.copy(folder / SHARDS[3], extra)
    os.utime(extra, (5000, 5000))
    assert judge(KerasSharded(), folder, INDEX).kind is VerdictKind.INCOMPLETE
    os.utime(extra, (500, 500))
    checkpoint = judge(KerasSharded(), folder, INDEX).checkpoint
    assert checkpoint is not None
    assert extra.name not in checkpoint.members


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"metadata": {"total_size": NaN}, "weight_map": {}}',
        '{"metadata": {"total_size": 1}, "weight_map": {"a": ["../sharded_00000.weights.h5"]}}',
        '{"metadata": {"total_size": 1}, "weight_map": {"a": [[1]]}}',
        '{"metadata": {"total_size": 1e400}, "weight_map": {"a": "sharded_00000.weights.h5"}}',
        '{"metadata": {"total_size": 1}, "weight_map": 3}',
    ],
)
def test_an_index_of_nonsense_is_incomplete(folder, text):
    """Nothing in an index raises or leads out of its folder."""
    (folder / INDEX).write_text(text)
    assert judge(KerasSharded(), folder, INDEX).kind is VerdictKind.INCOMPLETE


def test_members_may_not_be_hard_linked():
    """Keras rewrites in place."""
    assert not KerasSharded().hardlink_safe(INDEX)
