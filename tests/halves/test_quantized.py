"""The exportable edge half: the numbers of the integer half, through torch.export and ONNX."""

import functools
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.errors import PlanError
from autosplit.halves.quantized import check_plan, integer_half, integer_weight, quantized_half
from autosplit.models.load import load_model

SHARE = 1e-3
"""Elements of a crossing tensor that may be one level off: sums that round to another level."""


def residual():
    def forward(net, x):
        a = nn.functional.relu6(net.a(x))
        total = torch.relu(a + net.norm(net.b(a)))
        pooled = nn.functional.max_pool2d(torch.cat([total, a], 1), 2)
        return net.d(pooled), net.c(pooled.mean((2, 3)))

    torch.manual_seed(0)
    modules = {
        "a": nn.Conv2d(3, 6, 3, padding=1),
        "b": nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False),
        "norm": nn.BatchNorm2d(6),
        "c": nn.Linear(12, 5),
        "d": nn.Conv2d(12, 4, 1),
    }
    return Net(forward, **modules), torch.zeros(1, 3, 8, 8)


@functools.cache
def network(name):
    """A captured network, and images."""
    if name == "residual":
        module, example = residual()
    else:
        model = load_model(name)
        module, example = model.module, model.example_input
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(3, *example.shape[1:], generator=generator)
    return capture(module, (example,), name), images


def plan(name, weight_bits=4, activation_bits=5):
    """A plan of one of the networks, with several layers on the edge."""
    program, images = network(name)
    count = {"fashion-resnet": 6, "residual": None, "scenes-yolo": 5}[name]
    return program, images, plan_for(program, images, weight_bits, activation_bits, count)


NAMES = ("residual", "fashion-resnet", "scenes-yolo")


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_those_of_the_integer_half_but_for_rounding_of_sums(name):
    program, images, file = plan(name)
    exact, half = integer_half(program, file), quantized_half(program, file)
    images = torch.cat([images, 4 * images - 2])  # beyond what was measured, to reach every clamp

    want, got = exact({exact.reads[0]: images}), half(images)

    assert half.meta["writes"] == exact.writes == tuple(want)
    assert half.meta["reads"] == exact.reads
    for value, expected, tensor in zip(got, want.values(), exact.writes, strict=True):
        grids = [file.activations[name] for name in file.activations if name == tensor]
        step = float(grids[0].scale[0]) if grids else float(expected.abs().max()) / 31
        off = (value - expected).abs()
        assert float((off > step / 100).float().mean()) <= SHARE
        assert float(off.max()) < 1.01 * step
        assert len(expected.unique()) > 3


@pytest.mark.parametrize("name", NAMES)
def test_torch_export_takes_it_and_gives_the_same_numbers_for_any_batch(name):
    program, images, file = plan(name)
    half = quantized_half(program, file)
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(half, (images[:2],), dynamic_shapes=({0: batch},))
    stored = io.BytesIO()
    torch.export.save(exported, stored)
    stored.seek(0)
    loaded = torch.export.load(stored).module()

    for inputs in (images, images[:1]):
        for got, want in zip(loaded(inputs), half(inputs), strict=True):
            assert torch.equal(got, want)


def test_it_is_made_of_standard_operators_alone():
    program, images, file = plan("residual")
    exported = torch.export.export(quantized_half(program, file), (images,))

    called = {str(n.target) for n in exported.graph.nodes if n.op == "call_function"}
    assert all(name.startswith("aten.") for name in called)


@pytest.mark.parametrize("name", ["residual"])
def test_torch_onnx_export_takes_it_and_onnxruntime_gives_the_same_numbers(name, tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    program, images, file = plan(name)
    half = quantized_half(program, file)
    batch = torch.export.Dim("batch", min=1, max=64)
    written = torch.onnx.export(
        half, (images[:2],), dynamo=True, dynamic_shapes=({0: batch},), verbose=False
    )
    written.save(tmp_path / "edge.onnx")

    session = runtime.InferenceSession(tmp_path / "edge.onnx")
    answers = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    for got, want in zip(answers, half(images), strict=True):
        np.testing.assert_allclose(got, want.numpy(), atol=1e-6 * float(want.abs().max()))


def test_every_weight_is_on_the_grid_of_its_plan():
    program, _, file = plan("residual", weight_bits=3)
    state = quantized_half(program, file).state_dict()

    for layer, ref in program.weights.items():
        grid, axis = file.weights[layer], ref.axis
        shape = [1] * program.weight(layer).dim()
        shape[axis] = -1
        codes = state[ref.target] / torch.tensor(grid.scale).view(shape)
        codes = codes + torch.tensor(grid.zero_point).view(shape)
        assert torch.equal(codes.round().clamp(0, 7), codes.round())
        torch.testing.assert_close(codes, codes.round(), rtol=0, atol=1e-4)


def test_a_bias_is_a_whole_number_of_steps_of_its_accumulator():
    program, _, file = plan("residual")
    half = quantized_half(program, file)
    (bias,) = (value for name, value in half.state_dict().items() if name == "conv2d_default/bias")

    steps = bias.double() / (
        torch.tensor(file.weights["a"].scale).double() * float(file.activations["x"].scale[0])
    )
    torch.testing.assert_close(steps, steps.round(), rtol=1e-5, atol=1e-4)


def test_a_bias_that_a_finished_plan_gives_is_used():
    program, images, file = plan("residual", 8, 8)
    moved = replace(file, biases={"d": np.full(4, 50.0, np.float32)})

    first, second = (quantized_half(program, each)(images)[0] for each in (file, moved))

    top = file.activations["d"]
    most = float(top.high[0])
    assert float(first.min()) < most
    torch.testing.assert_close(second, torch.full_like(second, most))


@pytest.mark.parametrize("scales", [(1.0,), (1.0,) * 7])
def test_a_weight_with_another_number_of_scales_is_refused(scales):
    program, _, file = plan("residual")
    grid = replace(file.weights["a"], scale=scales, zero_point=(0,) * len(scales))

    with pytest.raises(PlanError, match=r"^a: must have one scale per output channel \(6\), .*"):
        integer_weight(program, replace(file, weights={**file.weights, "a": grid}), "a")


def test_codes_of_a_plan_are_used_as_they_are():
    program, _, file = plan("residual")
    codes = np.arange(6 * 27, dtype=np.uint8).reshape(6, 3, 3, 3) % 16

    found = integer_weight(program, replace(file, codes={"a": codes}), "a")

    zero = np.array(file.weights["a"].zero_point).reshape(6, 1, 1, 1)
    np.testing.assert_array_equal(found.levels.numpy(), codes.astype(int) - zero)
    with pytest.raises(PlanError, match=r"codes must have the shape \(6, 3, 3, 3\)"):
        integer_weight(program, replace(file, codes={"a": codes[:5]}), "a")


def test_a_plan_of_another_network_is_refused():
    program, _, file = plan("residual")

    with pytest.raises(PlanError, match="is for another network, residual has no 'other'"):
        check_plan(program, replace(file, plan=replace(file.plan, edge=("other",))))
    with pytest.raises(PlanError, match="must run on the weights that it was finished for"):
        check_plan(program, replace(file, weights_sha256="ab12"))
    with pytest.raises(PlanError, match="is for the network equalized"):
        check_plan(program, replace(file, equalized=True))
