"""The edge half in ONNX: packed weights, integers at the cut, and a runtime that fuses them."""

import math
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.deploy.edge_onnx import edge_onnx, narrowed, output_names, window_codes
from autosplit.deploy.manifest import read_manifest
from autosplit.halves.quantized import integer_half


@pytest.fixture(scope="module")
def model(bundle):
    return onnx.load(bundle / read_manifest(bundle).plan("split").edge)


def test_it_is_a_model_that_onnx_accepts(model):
    onnx.checker.check_model(model, full_check=True)


def test_crossing_tensors_are_integers_of_the_references_levels(small, bundle, model):
    file, images = small.files["split"], small.images
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [one.name for one in session.get_outputs()]
    got = dict(zip(names, session.run(None, {"x": images.numpy()}), strict=True))
    half = integer_half(small.program, file)

    for tensor, real in half(dict(zip(half.reads, [images], strict=True))).items():
        grid = file.activations[tensor]
        levels = np.rint(real.numpy() / np.float32(grid.scale[0])) + grid.zero_point[0]
        integers = got[f"sent:{tensor}"]
        assert integers.dtype == np.uint8
        assert integers.max() < 2**5
        np.testing.assert_array_equal(integers, levels)


def test_weights_are_stored_at_their_width(small, model):
    weight = small.network.a.weight
    packed = [one for one in model.graph.initializer if one.name.endswith("codes/packed")]

    assert len(packed[0].raw_data) == -(-weight.numel() * 7 // 8)


def test_a_runtime_fuses_convolutions_into_integer_ones(small, bundle, model, tmp_path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options)

    kinds = Counter(n.op_type for n in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert kinds["QLinearConv"] == 2
    assert kinds["Conv"] == 0


def test_an_input_that_is_sent_has_another_name_as_an_output(small):
    model = edge_onnx(small.program, small.files["raw"])

    assert [one.name for one in model.graph.output] == ["sent:x"]
    assert output_names(["x", "output:0"]) == ["sent:x", "output:0"]


def test_a_weight_that_two_layers_read_is_stored_once():
    torch.manual_seed(0)
    table = nn.Embedding(40, 16)
    network = Net(lambda net, ids: net.e(ids) @ net.e.weight.t(), e=table)
    ids = torch.randint(0, 40, (2, 5))
    program = capture(network, ids)

    model = edge_onnx(program, plan_for(program, (ids,), 4))

    large = [one for one in model.graph.initializer if len(one.raw_data) >= 40 * 16 // 2]
    assert [len(one.raw_data) for one in large] == [40 * 16 // 2]


@pytest.mark.parametrize(
    ("later", "earlier", "window"),
    [
        ((-math.inf, math.inf), (0, 6), (0, 6)),
        ((0, 6), (-1, 1), (0, 1)),
        ((-1, 1), (0, 6), (0, 1)),
        ((0, 6), (7, 9), (6, 6)),  # all values are above, and the later clamp makes them 6
        ((0, 6), (-5, -3), (0, 0)),
    ],
)
def test_two_clamps_are_one_window(later, earlier, window):
    assert narrowed(later, earlier) == window
    values = np.linspace(-10, 10, 41)
    np.testing.assert_array_equal(
        np.clip(np.clip(values, *earlier), *later), np.clip(values, *window)
    )


@pytest.mark.parametrize(
    ("window", "codes"),
    [
        ((-math.inf, math.inf), (0, 31)),
        ((0.0, math.inf), (3, 31)),
        ((0.0, 6.0), (3, 15)),  # 6 is 12 steps above the zero point
        ((-1.0, 6.0), (1, 15)),
        ((-9.0, 99.0), (0, 31)),
    ],
)
def test_a_window_is_codes_of_a_grid_of_5_bits_steps_of_a_half_and_zero_point_3(window, codes):
    assert window_codes(window, 0.5, 3, 5) == codes
