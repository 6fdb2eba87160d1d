"""
What onnx itself writes, against what we say about it.

Needs onnx: `PYTHONPATH=agent python -m pytest tests/frameworks/test_onnx_formats.py` in an environment that has it.
"""

import pytest
from format_trees import judge

from modelwatch.core.entities import VerdictKind
from modelwatch.formats.onnx import Onnx

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def onnx():
    """The onnx package."""
    return pytest.importorskip("onnx")


def a_model(onnx, generation: int = 1):
    """Return a dense layer of 1 KiB."""
    import numpy as np

    weights = onnx.numpy_helper.from_array(np.full((16, 16), generation, np.float32), "weights")
    inputs = [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 16])]
    outputs = [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 16])]
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "weights"], ["y"])], "dense", inputs, outputs, [weights])
    model = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(model, {"global_step": str(generation)})
    return model


@pytest.mark.parametrize("one_file", [True, False])
@pytest.mark.parametrize("location", ["m.onnx.data", None])
def test_external_data_is_found_and_the_model_loads(onnx, tmp_path, one_file, location):
    """However the data files are called, they are members, and what is COMPLETE loads."""
    path = tmp_path / "m.onnx"
    onnx.save(
        a_model(onnx), path, save_as_external_data=True, all_tensors_to_one_file=one_file, location=location, size_threshold=0
    )
    checkpoint = judge(Onnx(), tmp_path, "m.onnx").checkpoint
    assert checkpoint is not None
    assert set(checkpoint.members) == {path.name for path in tmp_path.iterdir()}
    assert checkpoint.step == 1
    assert onnx.load(path).graph.initializer[0].raw_data


def test_a_model_saved_again_over_its_data_is_complete_each_time(onnx, tmp_path):
    """Saving appends to the data file of an earlier save; each generation tells its own step."""
    for generation in (1, 2, 3):
        onnx.save(a_model(onnx, generation), tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
        checkpoint = judge(Onnx(), tmp_path, "m.onnx").checkpoint
        assert checkpoint is not None
        assert checkpoint.step == generation


def test_every_beginning_of_a_model_is_incomplete_or_loads(onnx, tmp_path):
    """Of all truncations only those that onnx itself loads as a whole model with a graph can be COMPLETE."""
    content = a_model(onnx).SerializeToString()
    for size in range(len(content)):
        (tmp_path / "m.onnx").write_bytes(content[:size])
        if judge(Onnx(), tmp_path, "m.onnx").kind is VerdictKind.COMPLETE:
            onnx.checker.check_model(onnx.load(tmp_path / "m.onnx"))
