"""ONNX models: files that onnx wrote, torn ones, and hostile ones."""

import os
import random
import shutil
from pathlib import Path

import pytest
from format_trees import candidates, judge, tree_with
from hypothesis import given, settings
from hypothesis import strategies as st
from protobuf_messages import field

from modelwatch.core.entities import VerdictKind
from modelwatch.formats.onnx import Onnx

GOLDEN = Path(__file__).parents[2] / "golden" / "onnx"
INLINE = (GOLDEN / "inline.onnx").read_bytes()


@pytest.fixture
def external(tmp_path):
    """A folder with the golden model whose tensors are in a file written before it."""
    for seconds, name in enumerate(["external.onnx.data", "external.onnx"]):
        shutil.copy(GOLDEN / name, tmp_path / name)
        os.utime(tmp_path / name, (1000 + seconds, 1000 + seconds))
    return tmp_path


def verdict_of(folder: Path, content: bytes):
    """Judge `content` as the file m.onnx."""
    (folder / "m.onnx").write_bytes(content)
    return judge(Onnx(), folder, "m.onnx")


def model_with_data_at(**place: str) -> bytes:
    """Return a model with one tensor of 8 bytes in another file."""
    entries = b"".join(field(13, field(1, key) + field(2, value)) for key, value in place.items())
    tensor = field(1, 2) + field(2, 1) + field(8, "w") + entries + field(14, 1)
    return field(1, 8) + field(7, field(5, tensor)) + field(8, field(2, 18))


def test_a_model_in_one_file_is_complete_and_described(tmp_path):
    """Operator set, inputs, outputs and parameters of a golden model are told."""
    checkpoint = verdict_of(tmp_path, INLINE).checkpoint
    assert checkpoint is not None
    facts = checkpoint.metadata
    assert (facts["opset"], facts["producer"], facts["parameters"]) == ({"ai.onnx": 18}, "golden 1", 15)
    assert facts["inputs"] == [{"name": "x", "dtype": "float32", "shape": ["batch", 4]}]
    assert facts["outputs"] == [{"name": "z", "dtype": "float32", "shape": ["batch", 3]}]
    assert facts["operators"] == {"MatMul": 1, "Add": 1}


def test_external_data_belongs_to_the_model_and_its_properties_tell_the_step(external):
    """The data file is a member; step and epoch come from metadata_props."""
    checkpoint = judge(Onnx(), external, "external.onnx").checkpoint
    assert checkpoint is not None
    assert checkpoint.members == ("external.onnx", "external.onnx.data")
    assert (checkpoint.step, checkpoint.epoch) == (1200, 3)


def test_the_name_tells_the_step_when_nothing_else_does(tmp_path):
    """Without properties the name is asked."""
    shutil.copy(GOLDEN / "inline.onnx", tmp_path / "model-200.onnx")
    checkpoint = judge(Onnx(), tmp_path, "model-200.onnx").checkpoint
    assert checkpoint is not None
    assert checkpoint.step == 200


def test_missing_or_short_data_is_incomplete(external):
    """A data file must be there and reach as far as the model says."""
    data = external / "external.onnx.data"
    content = data.read_bytes()
    data.write_bytes(content[:-1])
    assert judge(Onnx(), external, "external.onnx").kind is VerdictKind.INCOMPLETE
    data.unlink()
    assert judge(Onnx(), external, "external.onnx").kind is VerdictKind.INCOMPLETE


def test_data_newer_than_the_model_is_out_of_order(external):
    """New data under an old model: being saved again, or copied."""
    os.utime(external / "external.onnx.data", (5000, 5000))
    assert judge(Onnx(), external, "external.onnx").only_order


@pytest.mark.parametrize("location", ["/etc/passwd", "../w", "a/../../w", "..", "a\\..\\w"])
def test_a_location_outside_the_folder_is_refused(tmp_path, location):
    """A model that names files outside its folder is CORRUPT."""
    verdict = verdict_of(tmp_path, model_with_data_at(location=location))
    assert (verdict.kind, location in verdict.reason.replace("\\\\", "\\")) == (VerdictKind.CORRUPT, True)


@pytest.mark.parametrize(("size", "kind"), [(7, VerdictKind.INCOMPLETE), (8, VerdictKind.COMPLETE)])
def test_a_length_that_is_not_said_is_the_tensors(tmp_path, size, kind):
    """Without a length the shape and type say how much must be there; the data may lie in a subfolder."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w").write_bytes(bytes(size))
    assert verdict_of(tmp_path, model_with_data_at(location="weights/w")).kind is kind


@pytest.mark.parametrize("place", [{}, {"location": "w", "offset": "-1"}, {"location": "w", "length": "many"}])
def test_a_tensor_without_a_place_is_incomplete(tmp_path, place):
    """Nonsense about a tensor's place is told."""
    assert verdict_of(tmp_path, model_with_data_at(**place)).kind is VerdictKind.INCOMPLETE


def test_tensors_of_nodes_and_subgraphs_are_looked_for_too(tmp_path):
    """External tensors of attributes, nested in subgraphs, count as members."""
    tensor = field(1, 1) + field(2, 1) + field(13, field(1, "location") + field(2, "deep")) + field(14, 1)
    constant = field(1, field(4, "Constant") + field(5, field(5, tensor)))
    condition = field(1, field(4, "If") + field(5, field(6, constant)))
    (tmp_path / "deep").write_bytes(bytes(4))
    checkpoint = verdict_of(tmp_path, field(1, 8) + field(7, condition) + field(8, field(2, 18))).checkpoint
    assert checkpoint is not None
    assert (checkpoint.members, checkpoint.metadata["nodes"]) == (("deep", "m.onnx"), 2)


def test_graphs_nested_without_end_are_refused(tmp_path):
    """Nesting is bounded."""
    graph = b""
    for _ in range(200):
        graph = field(1, field(5, field(6, graph)))
    assert verdict_of(tmp_path, field(7, graph)).kind is VerdictKind.INCOMPLETE


@given(st.integers(0, len(INLINE) - 1))
@settings(max_examples=100, deadline=None)
def test_a_truncated_model_is_never_complete(tmp_path_factory, size):
    """Whatever its length, a beginning of a model is not COMPLETE: the operator sets come last."""
    assert verdict_of(tmp_path_factory.mktemp("t"), INLINE[:size]).kind is not VerdictKind.COMPLETE


@given(st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_scrambled_models_never_raise(tmp_path_factory, seed):
    """Whatever is done to a model, the answer is a verdict."""
    chance = random.Random(seed)
    damaged = bytearray((GOLDEN / "external.onnx").read_bytes())
    for _ in range(chance.randint(1, 20)):
        damaged[chance.randrange(len(damaged))] = chance.choice([0, 0xFF, 0x7F, chance.randrange(256)])
    assert isinstance(verdict_of(tmp_path_factory.mktemp("t"), bytes(damaged)).kind, VerdictKind)


def test_a_large_model_is_walked_without_reading_its_tensors(tmp_path):
    """A model of a gigabyte, mostly one tensor's hole, is judged from its headers."""
    raw_head = bytes([9 << 3 | 2]) + b"\x80\x80\x80\x80\x04"  # raw_data of 1 GiB
    tensor_head = field(1, 1 << 28) + field(2, 1) + raw_head
    tensor_size = len(tensor_head) + (1 << 30)
    graph_head = bytes([5 << 3 | 2]) + field(1, tensor_size)[1:]
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.write(field(1, 8) + bytes([7 << 3 | 2]) + field(1, len(graph_head) + tensor_size)[1:] + graph_head + tensor_head)
        file.seek(1 << 30, os.SEEK_CUR)
        file.write(field(8, field(2, 18)))
    checkpoint = judge(Onnx(), tmp_path, "m.onnx").checkpoint
    assert checkpoint is not None
    assert checkpoint.metadata["parameters"] == 1 << 28


def test_only_what_could_hold_tensors_is_a_members_candidate():
    """Logs, other models and state beside a model do not belong to it; tensors named anyhow may."""
    tree = tree_with(
        *("a.onnx", "b.onnx", "a.onnx.data", "conv1.weight", "MatMul_3", "weights/w0"),
        *("train.log", "checkpoint", "model.keras", "x.csv", "logs/run", ".hidden"),
    )
    found = {candidate.root: candidate.paths for candidate in Onnx().find(tree)}
    shared = {"a.onnx.data", "conv1.weight", "MatMul_3", "weights/w0"}
    assert found == {"a.onnx": {"a.onnx", *shared}, "b.onnx": {"b.onnx", *shared}}


def test_many_models_in_one_folder_share_nothing():
    """In a folder of many models data files must be called after their model."""
    names = [f"m{number}.onnx" for number in range(20)]
    tree = tree_with(*names, "m3.onnx.data", "m3.onnx_data_1", "loose")
    found = {candidate.root: candidate.paths for candidate in Onnx().find(tree)}
    assert found["m3.onnx"] == {"m3.onnx", "m3.onnx.data", "m3.onnx_data_1"}
    assert found["m4.onnx"] == {"m4.onnx"}


def test_writers_temporary_names_are_not_candidates(tmp_path):
    """The folder in which torch exports is left alone."""
    (tmp_path / ".m.onnx.data.abcdefgh").mkdir()
    (tmp_path / ".m.onnx.data.abcdefgh" / "m.onnx").write_bytes(b"")
    assert not candidates(Onnx(), tmp_path)


def test_members_may_not_be_hard_linked():
    """Data files are appended to in place."""
    assert not Onnx().hardlink_safe("m.onnx")
