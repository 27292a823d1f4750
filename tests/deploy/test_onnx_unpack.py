"""Constants that are stored packed are unpacked by standard operators."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from autosplit.deploy.onnx_unpack import UnpackNodes
from autosplit.halves.wire.pack import pack_rows


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("shape", [(3, 5, 2), (7,), (8, 8)])
def test_every_width_and_shape(bits, shape):
    values = np.random.default_rng(bits).integers(0, 2**bits, shape)
    kind = TensorProto.UINT8 if bits <= 8 else TensorProto.INT32
    made = UnpackNodes("unpack")
    packed = pack_rows(values.reshape(1, -1), bits)
    made.constants.append(numpy_helper.from_array(packed, "packed"))
    made.unpack("packed", bits, values.size, shape, "out")
    output = helper.make_tensor_value_info("out", kind, list(shape))
    graph = helper.make_graph([], "g", [], [output])
    made.add_to(graph)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)

    (got,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {})

    np.testing.assert_array_equal(got, values)


@pytest.mark.parametrize("bits", [1, 3, 4, 7])
def test_an_offset_of_each_row_is_added(bits):
    values = np.random.default_rng(bits).integers(0, 2**bits, (3, 5))
    offset = np.array([[128], [1], [100]], np.uint8)
    made = UnpackNodes("unpack")
    packed = pack_rows(values.reshape(1, -1), bits)
    made.constants.append(numpy_helper.from_array(packed, "packed"))
    made.unpack("packed", bits, values.size, values.shape, "out", offset)
    output = helper.make_tensor_value_info("out", TensorProto.UINT8, [3, 5])
    graph = helper.make_graph([], "g", [], [output])
    made.add_to(graph)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)

    (got,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {})

    np.testing.assert_array_equal(got, values + offset)
