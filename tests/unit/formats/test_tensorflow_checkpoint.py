"""TensorFlow checkpoints of format V2: what TensorFlow wrote, and what can happen to it."""

import json
import os
import shutil

import protobuf_messages as made
import pytest
import tensorflow_files as files
from format_trees import candidates, judge, tree_with
from hypothesis import given
from hypothesis import strategies as st
from sstables import entries, table

from modelwatch.core.entities import VerdictKind
from modelwatch.formats.tensorflow_checkpoint import TensorFlowCheckpoint

FORMAT = TensorFlowCheckpoint()
SAVED = {
    "saver": ("model.ckpt-3", 3),
    "sharded": ("model.ckpt-3", 3),
    "partitioned": ("model.ckpt", None),
    "strings": ("odd", None),
    "objects": ("ckpt-1", 4),
    "others/mnist_sample": ("model.ckpt", None),
}
DATA = "model.ckpt-3.data-00000-of-00001"
INDEX = "model.ckpt-3.index"
META = "model.ckpt-3.meta"


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("name", SAVED)
def test_what_tensorflow_wrote_is_complete(tmp_path, name, deep):
    """Every golden checkpoint is COMPLETE with all its files and its step."""
    prefix, step = SAVED[name]
    folder = files.lay_out(name, tmp_path / "run")
    checkpoint = judge(FORMAT, folder, prefix, deep=deep).checkpoint
    assert checkpoint is not None
    assert checkpoint.step == step
    assert set(checkpoint.members) == {path.name for path in folder.iterdir()}
    json.dumps(dict(checkpoint.metadata), allow_nan=False)


def test_tells_what_is_in_it(tmp_path):
    """Variables, parameters, types, counters and the graph's version are TensorFlow's own."""
    metadata = judge(FORMAT, files.lay_out("saver", tmp_path / "run"), "model.ckpt-3").checkpoint.metadata
    assert (metadata["tensors"], metadata["parameters"], metadata["bytes"]) == (9, 15, 196)
    assert metadata["dtypes"] == {"float32": 8, "int64": 1}
    assert (metadata["counters"], metadata["step_source"]) == ({"global_step": 3}, "global_step")
    assert {"name": "dense/kernel", "dtype": "float32", "shape": [4, 3]} in metadata["variables"]
    assert metadata["graph"]["tensorflow_version"] == "2.21.0"
    assert not metadata["object_based"]


def test_a_partitioned_variable_counts_once(tmp_path):
    """Its parts are not variables of their own."""
    metadata = judge(FORMAT, files.lay_out("partitioned", tmp_path / "run"), "model.ckpt").checkpoint.metadata
    assert metadata["variables"] == [{"name": "table", "dtype": "float32", "shape": [7, 2]}]
    assert (metadata["parameters"], metadata["bytes"]) == (14, 56)


def test_optimizer_state_is_not_parameters(tmp_path):
    """A dense layer of four inputs and three outputs has 15 parameters, whatever Adam keeps."""
    metadata = judge(FORMAT, files.lay_out("objects", tmp_path / "run"), "ckpt-1").checkpoint.metadata
    assert (metadata["parameters"], metadata["counters"]) == (15, {"optimizer/_iterations": 4, "save_counter": 1})


def test_finds_prefixes():
    """Prefixes with a data file are candidates; writers' working names, state files, lone indices and SavedModels' variables are not."""
    tree = tree_with(
        "checkpoint",
        "a/model.ckpt-1.index",
        "a/model.ckpt-1.data-00000-of-00001",
        "a/model.ckpt-1.meta",
        "a/model.ckpt-2.data-00000-of-00001",
        "a/model.ckpt-3.index",
        "a/model.ckpt-4.data-00000-of-00001.tempstate77",
        "a/model.ckpt-5_temp/part-00000-of-00001.data-00000-of-00001",
        "export/1/variables/variables.index",
        "export/1/variables/variables.data-00000-of-00001",
        "words.index",
        "variables/other.data-00000-of-00001",
    )
    assert {candidate.root: sorted(candidate.paths) for candidate in FORMAT.find(tree)} == {
        "a/model.ckpt-1": ["a/model.ckpt-1.data-00000-of-00001", "a/model.ckpt-1.index", "a/model.ckpt-1.meta"],
        "a/model.ckpt-2": ["a/model.ckpt-2.data-00000-of-00001"],
        "variables/other": ["variables/other.data-00000-of-00001"],
    }


@pytest.mark.parametrize("name", [DATA, INDEX])
def test_without_its_index_or_data_it_is_incomplete(tmp_path, name):
    """A file that has not been written yet, or has vanished since the walk, is waited for."""
    folder = files.lay_out("saver", tmp_path / "run")
    (candidate,) = candidates(FORMAT, folder).values()
    (folder / name).unlink()
    for deep in (False, True):
        assert FORMAT.inspect(str(folder), candidate, deep=deep).kind is VerdictKind.INCOMPLETE


@pytest.mark.parametrize("name", [DATA, INDEX, META])
def test_links_pipes_and_folders_in_place_of_a_file_are_incomplete(tmp_path, name):
    """Nothing is followed, and nothing blocks."""
    folder = files.lay_out("saver", tmp_path / "run")
    (candidate,) = candidates(FORMAT, folder).values()
    shutil.move(folder / name, tmp_path / "elsewhere")
    for replace in (lambda path: path.symlink_to(tmp_path / "elsewhere"), os.mkfifo, os.mkdir):
        replace(folder / name)
        assert FORMAT.inspect(str(folder), candidate, deep=True).kind is VerdictKind.INCOMPLETE
        (folder / name).unlink() if not (folder / name).is_dir() else (folder / name).rmdir()


def test_awaits_the_graph_that_a_saver_writes_last(tmp_path):
    """``.meta`` is awaited while it is missing or older than the checkpoint; checkpoints of objects have none."""
    folder = files.lay_out("saver", tmp_path / "run")
    assert judge(FORMAT, folder, "model.ckpt-3").checkpoint.awaited == ()
    files.touch(folder / META, 0)
    older = judge(FORMAT, folder, "model.ckpt-3").checkpoint
    assert older.awaited == (META,)
    assert META in older.members
    (folder / META).unlink()
    assert judge(FORMAT, folder, "model.ckpt-3").checkpoint.awaited == (META,)
    assert judge(FORMAT, files.lay_out("objects", tmp_path / "objects"), "ckpt-1").checkpoint.awaited == ()


def test_data_younger_than_the_index_needs_proof(tmp_path):
    """Shallow it speaks against the checkpoint; once every checksum has matched, times no longer matter."""
    folder = files.lay_out("saver", tmp_path / "run")
    files.touch(folder / DATA, 9)
    shallow = judge(FORMAT, folder, "model.ckpt-3", deep=False)
    assert (shallow.kind, shallow.only_order) == (VerdictKind.INCOMPLETE, True)
    assert judge(FORMAT, folder, "model.ckpt-3", deep=True).kind is VerdictKind.COMPLETE


def test_the_next_save_under_the_same_name_is_not_mixed_in(tmp_path):
    """New data beside the old index is as long, but younger and of other content: INCOMPLETE, and nothing to forgive."""
    folder = files.lay_out("saver", tmp_path / "run")
    shutil.copyfile(files.GOLDEN / "saver_again" / DATA, folder / DATA)
    files.touch(folder / DATA, 9)
    assert judge(FORMAT, folder, "model.ckpt-3", deep=False).only_order
    deep = judge(FORMAT, folder, "model.ckpt-3", deep=True)
    assert (deep.kind, deep.only_order) == (VerdictKind.INCOMPLETE, False)


def test_damage_in_an_old_file_is_corrupt(tmp_path):
    """Other bytes of the right length and age are no writer's work."""
    folder = files.lay_out("saver", tmp_path / "run")
    (folder / DATA).write_bytes(bytes(196))
    files.touch(folder / DATA, 0)
    assert judge(FORMAT, folder, "model.ckpt-3", deep=True).kind is VerdictKind.CORRUPT


def test_data_files_of_an_earlier_save_are_not_members(tmp_path):
    """Overwritten with another number of data files, only those that the index names count."""
    folder = files.lay_out("saver", tmp_path / "run")
    (folder / "model.ckpt-3.data-00000-of-00002").write_bytes(b"old")
    checkpoint = judge(FORMAT, folder, "model.ckpt-3").checkpoint
    assert checkpoint.members == (DATA, INDEX, META)


@given(st.sampled_from(sorted(SAVED)), st.data())
def test_no_damage_is_complete(tmp_path_factory, name, data):
    """Cut, with a tail of zeros or with one changed byte, no file passes the deep check; a cut one not even the shallow."""
    folder = files.lay_out(name, tmp_path_factory.mktemp("damage") / "run")
    victim = data.draw(st.sampled_from(sorted(path for path in folder.iterdir() if path.suffix != ".meta")))
    whole = victim.read_bytes()
    last = len(whole) - (49 if victim.suffix == ".index" else 1)  # the footer's padding means nothing
    position = data.draw(st.integers(0, last))
    kind = data.draw(st.sampled_from(["cut", "zeros", "flip"]))
    if kind == "cut":
        victim.write_bytes(whole[:position])
    elif kind == "zeros":
        victim.write_bytes(whole[:position] + bytes(len(whole) - position))
    else:
        victim.write_bytes(whole[:position] + bytes([whole[position] ^ data.draw(st.integers(1, 255))]) + whole[position + 1 :])
    changed = victim.read_bytes() != whole
    files.touch(victim, files.rank(victim.name))
    (candidate,) = candidates(FORMAT, folder).values()
    deep = FORMAT.inspect(str(folder), candidate, deep=True)
    assert (deep.kind is VerdictKind.COMPLETE) is not changed
    shallow = FORMAT.inspect(str(folder), candidate, deep=False)
    assert kind != "cut" or shallow.kind is not VerdictKind.COMPLETE


@given(st.binary(max_size=2000), st.sampled_from([INDEX, DATA, META]))
def test_hostile_bytes_are_judged(tmp_path_factory, content, victim):
    """Any bytes in place of any file raise nothing."""
    folder = files.lay_out("saver", tmp_path_factory.mktemp("hostile") / "run")
    (folder / victim).write_bytes(content)
    (candidate,) = candidates(FORMAT, folder).values()
    for deep in (False, True):
        assert FORMAT.inspect(str(folder), candidate, deep=deep).kind is not VerdictKind.COMPLETE


_NUMBERS = st.sampled_from([0, 1, 2, 3, 7, 9, 21, 2**31, 2**63 - 1, 2**64 - 1]) | st.integers(0, 2**64 - 1)
_SHAPES = st.lists(_NUMBERS, max_size=4).map(lambda sizes: b"".join(made.field(2, made.field(1, size)) for size in sizes))
_ENTRIES = st.lists(
    st.tuples(st.sampled_from([1, 3, 4, 5, 6, 7]), _NUMBERS).map(lambda it: made.field(*it))
    | _SHAPES.map(lambda it: made.field(2, it)),
    max_size=8,
).map(b"".join)


@given(
    st.dictionaries(st.sampled_from([b"global_step", b"s", b"\0x", b"step"]), _ENTRIES | st.binary(max_size=40)),
    _NUMBERS,
    st.binary(max_size=64),
)
def test_hostile_entries_with_right_checksums_are_judged(tmp_path_factory, tensors, shards, data):
    """An index that is whole may still say anything: nothing is raised, nor allocated by its word."""
    folder = tmp_path_factory.mktemp("hostile")
    items = [(0, b"", made.field(1, shards)), *((0, key, value) for key, value in sorted(tensors.items()))]
    (folder / INDEX).write_bytes(table(entries(*items)))
    (folder / DATA).write_bytes(data)
    (candidate,) = candidates(FORMAT, folder).values()
    for deep in (False, True):
        FORMAT.inspect(str(folder), candidate, deep=deep)


def test_only_the_index_is_written_in_place():
    """Hard links keep data files and graphs, not the index."""
    assert [FORMAT.hardlink_safe(path) for path in (DATA, META, INDEX)] == [True, True, False]
