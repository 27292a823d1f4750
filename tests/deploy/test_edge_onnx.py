"""The edge half in ONNX: packed weights, integers at the cut, and a runtime that fuses them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.deploy.edge_onnx import are_int8, edge_onnx, output_names
from autosplit.deploy.manifest import read_manifest
from autosplit.escalation.cuts import SentCut, sent_file
from autosplit.halves.deployed import deploy
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


@pytest.mark.parametrize("length", [0, 1, 2])
def test_tensors_that_are_kept_are_those_of_the_half_that_ends_there(small, length):
    whole, graph = small.files["edge"], small.program.graph
    sent = SentCut(graph.prefix(length), 0, 0.0)
    session = onnxruntime.InferenceSession(
        edge_onnx(small.program, whole, sent.cut).SerializeToString()
    )
    names = [one.name for one in session.get_outputs()]
    got = dict(zip(names, session.run(None, {"x": small.images.numpy()}), strict=True))
    message, _ = deploy(small.program, sent_file(whole, sent, {})).edge([small.images])
    _, answers = deploy(small.program, whole).edge([small.images])

    assert list(got) == [*(f"sent:{name}" for name in sent.cut.crossing), "output:0"]
    for name, integers in message.tensors.items():
        np.testing.assert_array_equal(got[f"sent:{name}"], integers)
    np.testing.assert_array_equal(got["output:0"], answers["output:0"].numpy())


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
    assert kinds["Reshape"] == 0  # the batch is first already, so that nothing is moved
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


def depthwise_model(bits, tmp_path, zero=None):
    """A depthwise network at a width: the model, what it sends, the reference, kinds of nodes."""
    torch.manual_seed(bits)
    network = Net(lambda net, x: net.b(torch.relu(net.a(x))),
                  a=nn.Conv2d(3, 16, 1), b=nn.Conv2d(16, 16, 3, groups=16))  # fmt: skip
    with torch.no_grad():
        network.b.weight[::2] += 0.2  # ranges that are far from symmetric
    images = torch.rand(4, 3, 9, 9)
    program = capture(network, images, "depthwise")
    file = plan_for(program, (images,), bits)
    if zero is not None:
        grid = replace(file.weights["b"], zero_point=np.full(16, zero, np.int32))
        file = replace(file, weights=file.weights | {"b": grid})
    model = edge_onnx(program, file)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    (got,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    half = integer_half(program, file)
    (want,) = half(dict(zip(half.reads, [images], strict=True))).values()
    return model, got, want.numpy(), onnx.load(tmp_path / "optimized.onnx").graph


def zero_points(graph):
    """Zero points of the weights of a graph's integer convolutions that are depthwise."""
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    nodes = [n for n in graph.node if n.op_type == "QLinearConv"]
    return [stored[n.input[5]] for n in nodes if len(stored[n.input[3]][0]) == 1]


@pytest.mark.parametrize(("bits", "zero"), [(3, None), (4, None), (8, 128)])
def test_channels_of_a_depthwise_convolution_share_a_zero_point(bits, zero, tmp_path):
    model, got, want, optimized = depthwise_model(bits, tmp_path, zero)

    assert [set(found.tolist()) for found in zero_points(optimized)] == [{128}]
    np.testing.assert_array_equal(got, want)
    packed = [len(p.raw_data) for p in model.graph.initializer if p.dims[:1] == [16]]
    packed += [len(p.raw_data) for p in model.graph.initializer if p.name.endswith("packed")]
    assert -(-16 * 9 * bits // 8) in packed


def test_levels_beyond_int8_stay_and_are_warned_of(tmp_path):
    with pytest.warns(UserWarning, match=r"^export: b: 8-bit levels .* 40 times slower; search"):
        _, got, want, optimized = depthwise_model(8, tmp_path)

    assert len(set(zero_points(optimized)[0].tolist())) > 1
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("levels", "fit"), [([-128, 127], True), ([-129, 0], False), ([0, 128], False), ([5], True)]
)
def test_levels_of_int8_are_minus_128_to_127(levels, fit):
    assert are_int8(torch.tensor(levels)) is fit
