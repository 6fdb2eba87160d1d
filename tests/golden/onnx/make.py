"""Make the golden files of this folder: `python make.py` in an environment with onnx, in this folder."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

weights = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(4, 3), "weights")
bias = numpy_helper.from_array(np.zeros(3, np.float32), "bias")
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "weights"], ["y"]), helper.make_node("Add", ["y", "bias"], ["z"])],
    "dense",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
    [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 3])],
    [weights, bias],
)
model = helper.make_model(graph, producer_name="golden", producer_version="1", opset_imports=[helper.make_opsetid("", 18)])
onnx.save(model, "inline.onnx")
helper.set_model_props(model, {"step": "1200", "epoch": "3"})
onnx.save(
    model,
    "external.onnx",
    save_as_external_data=True,
    all_tensors_to_one_file=True,
    location="external.onnx.data",
    size_threshold=0,
)
