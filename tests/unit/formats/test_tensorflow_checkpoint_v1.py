"""TensorFlow checkpoints of format V1."""

import protobuf_messages as made
import pytest
import tensorflow_files as files
from format_trees import candidates, judge, tree_with
from hypothesis import given
from hypothesis import strategies as st
from sstables import entries, table

from modelwatch.core.entities import Candidate, VerdictKind
from modelwatch.core.tree import FileStat
from modelwatch.formats.tensorflow_checkpoint_v1 import TensorFlowCheckpointV1

FORMAT = TensorFlowCheckpointV1()
WHOLE = (files.GOLDEN / "v1" / "model.ckpt-3").read_bytes()


@pytest.mark.parametrize("deep", [False, True])
def test_what_tensorflow_wrote_is_complete(tmp_path, deep):
    """The step is the global step inside, the variables are those of the graph."""
    checkpoint = judge(FORMAT, files.lay_out("v1", tmp_path / "run"), "model.ckpt-3", deep=deep).checkpoint
    assert (checkpoint.step, checkpoint.members) == (3, ("model.ckpt-3", "model.ckpt-3.meta"))
    assert checkpoint.metadata["step_source"] == "global_step"
    assert (checkpoint.metadata["tensors"], checkpoint.metadata["parameters"]) == (9, 15)
    assert {"name": "dense/kernel", "dtype": "float32", "shape": [4, 3]} in checkpoint.metadata["variables"]
    assert checkpoint.metadata["graph"]["nodes"] > 0


def test_finds_files_that_are_called_like_one():
    """A number after ``ckpt``, or a graph beside a name like it; what has an index is of format V2, and ``X.ckpt`` alone anyone's."""
    tree = tree_with(
        "model.ckpt-1",
        "ckpt-2",
        "plain",
        "plain.meta",
        "m.ckpt",
        "m.ckpt.meta",
        "v2.ckpt-1",
        "v2.ckpt-1.index",
        "last.ckpt",
        "w.h5",
        "w.h5.meta",
    )
    assert [candidate.root for candidate in FORMAT.find(tree)] == ["ckpt-2", "m.ckpt", "model.ckpt-1", "plain"]


@pytest.mark.parametrize("head", [b"PK\x03\x04" + bytes(20), b"\x80\x02}q\x00", b"\x89HDF\r\n\x1a\n", b"some text, long enough"])
def test_other_files_are_foreign(tmp_path, head):
    """Zip archives, pickles and text under the same name belong to others."""
    (tmp_path / "model.ckpt-3").write_bytes(head)
    assert judge(FORMAT, tmp_path, "model.ckpt-3").kind is VerdictKind.FOREIGN


def test_one_that_is_being_copied_is_incomplete(tmp_path):
    """An empty file and a beginning are waited for."""
    for size in (0, 2, 40, len(WHOLE) - 1):
        (tmp_path / "model.ckpt-3").write_bytes(WHOLE[:size])
        assert judge(FORMAT, tmp_path, "model.ckpt-3").kind is VerdictKind.INCOMPLETE


@given(st.integers(0, len(WHOLE) - 49), st.integers(1, 255), st.sampled_from(["cut", "zeros", "flip"]))
def test_no_damage_is_complete(tmp_path_factory, position, bits, kind):
    """Cut, with a tail of zeros or with one changed byte, it does not pass the deep check; cut not even the shallow."""
    folder = tmp_path_factory.mktemp("damage")
    content = {
        "cut": WHOLE[:position],
        "zeros": WHOLE[:position] + bytes(len(WHOLE) - position),
        "flip": WHOLE[:position] + bytes([WHOLE[position] ^ bits]) + WHOLE[position + 1 :],
    }[kind]
    (folder / "model.ckpt-3").write_bytes(content)
    assert judge(FORMAT, folder, "model.ckpt-3", deep=True).kind is not VerdictKind.COMPLETE
    assert kind == "flip" or judge(FORMAT, folder, "model.ckpt-3", deep=False).kind is not VerdictKind.COMPLETE


@given(st.binary(max_size=500))
def test_hostile_bytes_are_judged(tmp_path_factory, content):
    """Any bytes raise nothing, and a file that is gone is INCOMPLETE."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "model.ckpt-3").write_bytes(content)
    (candidate,) = candidates(FORMAT, folder).values()
    assert FORMAT.inspect(str(folder), candidate, deep=True).kind is not VerdictKind.COMPLETE
    gone = Candidate(FORMAT.name, "gone", (FileStat("gone", 1, 0, 0),))
    assert FORMAT.inspect(str(folder), gone, deep=True).kind is VerdictKind.INCOMPLETE


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_hostile_tables_with_right_checksums_are_judged(tmp_path_factory, listing, value):
    """A table that is whole may still say anything: nothing is raised."""
    folder = tmp_path_factory.mktemp("hostile")
    step = made.field(1, "global_step") + made.field(3, 9)
    for listed in (listing, made.field(1, made.field(1, step)), made.field(1, made.field(1, step + listing))):
        (folder / "model.ckpt-3").write_bytes(table(entries((0, b"", listed), (0, b"\0global_step\0\1", value))))
        judge(FORMAT, folder, "model.ckpt-3", deep=True)
