"""The deployed half against an integer execution in plain numpy: int64 sums, no torch, bit for bit.

The reference follows the words of the module: 32-bit accumulators, one float32 factor per channel,
round half to even, clamp.  It shares no code with what it checks.
"""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion.measure import measure
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.halves.deployed import deploy
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile

WIDTHS = (2, 3, 4, 5, 6, 7, 8)


def plan_for(program, images, seed):
    """An all-edge plan with random widths of 2 to 8 bits."""
    rng = np.random.default_rng(seed)
    graph = program.graph
    cut = graph.prefix(len(graph.layers))
    weight_bits = {name: int(rng.choice(WIDTHS)) for name in cut.weights}
    bits = {name: int(rng.choice(WIDTHS)) for name in cut.edge_tensors}
    sizes = edge_memory_bytes(cut, weight_bits, bits), crossing_bytes(cut, bits)
    plan = Plan("p", "test", cut.edge, weight_bits, bits, 0.0, 0.0, *sizes)
    stats = measure(program, lambda: iter([images]))
    return PlanFile(plan, *plan_grids(plan, stats), graph.name, "")


def codes(value, quantizer):
    """Integers less zero point of real values, in float32 as the plan file says."""
    zero, top = quantizer.zero_point[0], 2**quantizer.bits - 1
    levels = np.round(value.astype(np.float32) / np.float32(quantizer.scale[0]))
    return np.clip(levels, -zero, top - zero).astype(np.int64)


def weight_codes(weight, quantizer):
    shape = (-1, *[1] * (weight.ndim - 1))
    zero = np.array(quantizer.zero_point).reshape(shape)
    levels = np.round(weight / np.array(quantizer.scale, np.float32).reshape(shape))
    return np.clip(levels, -zero, 2**quantizer.bits - 1 - zero).astype(np.int64)


def convolve(x, w, stride, padding, groups):
    """Integer convolution by loops over the taps; x (N, C, H, W), w (O, C / groups, kh, kw)."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    n, _, height, width = x.shape
    out, each, kh, kw = w.shape
    oh, ow = (height - kh) // stride + 1, (width - kw) // stride + 1
    y = np.zeros((n, out, oh, ow), np.int64)
    for o, c, i, j in itertools.product(range(out), range(each), range(kh), range(kw)):
        channel = o // (out // groups) * each + c
        y[:, o] += (
            w[o, c, i, j]
            * x[:, channel, i : i + stride * oh : stride, j : j + stride * ow : stride]
        )
    assert np.abs(y).max() < 2**31
    return y


def requantized(accumulator, in_scale, weight, bias, out, *, relu, axis=1):
    """Add the bias on the accumulator's grid, scale, round, clamp."""
    step = np.array(weight.scale, np.float32).astype(np.float64) * in_scale
    shape = [1] * accumulator.ndim
    shape[axis] = -1
    if bias is not None:
        accumulator = accumulator + np.round(bias / step).astype(np.int64).reshape(shape)
    factor = (step / out.scale[0]).astype(np.float32).reshape(shape)
    levels = np.round(accumulator.astype(np.float32) * factor)
    low, high = -out.zero_point[0], 2**out.bits - 1 - out.zero_point[0]
    return np.clip(levels, max(low, 0) if relu else low, high).astype(np.int64)


def layer_by_hand(module, x, in_scale, weight, out, *, relu):
    w, b = module.weight.detach().numpy(), None
    if module.bias is not None:
        b = module.bias.detach().numpy().astype(np.float64)
    integers = weight_codes(w, weight)
    if isinstance(module, nn.Linear):
        return requantized(x @ integers.T, in_scale, weight, b, out, relu=relu)
    stride, padding = module.stride[0], module.padding[0]
    found = convolve(x, integers, stride, padding, module.groups)
    return requantized(found, in_scale, weight, b, out, relu=relu)


def real(levels, quantizer):
    return levels.astype(np.float32) * np.float32(quantizer.scale[0])


MODULES = {
    "conv": nn.Conv2d(4, 6, 3, padding=1),
    "strided": nn.Conv2d(4, 6, 3, stride=2),
    "pointwise without bias": nn.Conv2d(4, 6, 1, bias=False),
    "depthwise": nn.Conv2d(4, 8, 3, padding=1, groups=4),
    "grouped": nn.Conv2d(4, 6, 5, padding=2, groups=2),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("kind", MODULES)
def test_a_convolution_equals_its_integer_execution(kind, relu, seed):
    module = MODULES[kind]
    images = torch.randn(5, 4, 9, 9, generator=torch.Generator().manual_seed(seed))
    network = Net(lambda net, x: torch.relu(net.c(x)) if relu else net.c(x), c=module)
    program = capture(network, (images[:1],))
    file = plan_for(program, images, seed)
    (got,), _ = deploy(program, file)(images)

    given, out = file.activations["x"], file.activations["c"]
    x = codes(images.numpy(), given)
    want = layer_by_hand(module, x, given.scale[0], file.weights["c"], out, relu=relu)
    np.testing.assert_array_equal(got.numpy(), real(want, out))


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_a_large_batch_equals_its_integer_execution_without_onednn():
    """Then torch takes NNPACK for 16 images or more, whose transformed sums are not exact."""
    module = nn.Conv2d(16, 16, 3, padding=1)
    images = torch.randn(32, 16, 9, 9, generator=torch.Generator().manual_seed(0))
    program = capture(Net(lambda net, x: net.c(x), c=module), (images[:1],))
    file = plan_for(program, images, 0)
    before = torch._C._get_nnpack_enabled()
    with torch.backends.mkldnn.flags(enabled=False):
        (got,), _ = deploy(program, file)(images)

    given, out = file.activations["x"], file.activations["c"]
    x = codes(images.numpy(), given)
    want = layer_by_hand(module, x, given.scale[0], file.weights["c"], out, relu=False)
    np.testing.assert_array_equal(got.numpy(), real(want, out))
    assert torch._C._get_nnpack_enabled() == before


CLAMPS = {
    "relu6": (nn.functional.relu6, 0, 6),
    "hardtanh": (lambda x: nn.functional.hardtanh(x, -0.4, 0.7), -0.4, 0.7),
    "clamp from below": (lambda x: torch.clamp(x, min=0.1), 0.1, None),
    "clamp from above": (lambda x: torch.clamp(x, max=0.3), None, 0.3),
    "clamp of a rectifier": (lambda x: torch.clamp(torch.relu(x), -1, 0.5), 0, 0.5),
    "crossed ends": (lambda x: torch.clamp(x, 0.6, 0.2), 0.2, 0.2),
}


@pytest.mark.parametrize("kind", ["convolution", "sum"])
@pytest.mark.parametrize("name", CLAMPS)
def test_a_clamp_moves_the_ends_of_the_levels(name, kind):
    """The grids reach further than the clamp, so that it is the clamp that ends the levels."""
    clamp, least, most = CLAMPS[name]
    images = 9 * torch.randn(5, 4, 9, 9, generator=torch.Generator().manual_seed(1))
    convolution = nn.Conv2d(4, 4, 3, padding=1)
    network = Net(lambda net, x: clamp(net.c(x) + x if kind == "sum" else net.c(x)), c=convolution)
    program = capture(network, (images[:1],))
    file = plan_for(program, images, 1)
    wide = {
        tensor: dataclasses.replace(q, bits=8, scale=(0.05,), zero_point=(100,))
        for tensor, q in file.activations.items()
    }
    file = dataclasses.replace(file, activations=wide)
    (got,), _ = deploy(program, file)(images)

    grid = wide["x"]
    x = codes(images.numpy(), grid)
    want = layer_by_hand(convolution, x, 0.05, file.weights["c"], grid, relu=False)
    if kind == "sum":
        want = np.clip(want + x, -100, 155)
    ends = [None if end is None else round(end / 0.05) for end in (least, most)]
    np.testing.assert_array_equal(got.numpy(), real(np.clip(want, *ends), grid))


@pytest.mark.parametrize("seed", range(4))
def test_a_linear_layer_equals_its_integer_execution(seed):
    images = torch.randn(7, 33, generator=torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    network = Net(lambda net, x: net.fc(x), fc=nn.Linear(33, 9))
    program = capture(network, (images[:1],))
    file = plan_for(program, images, seed)
    (got,), _ = deploy(program, file)(images)

    given, out = file.activations["x"], file.activations["fc"]
    x = codes(images.numpy(), given)
    want = layer_by_hand(network.fc, x, given.scale[0], file.weights["fc"], out, relu=False)
    np.testing.assert_array_equal(got.numpy(), real(want, out))


@pytest.mark.parametrize("seed", range(4))
def test_a_network_with_a_skip_a_concatenation_and_a_pool_equals_its_integer_execution(seed):
    def forward(net, x):
        a = torch.relu(net.a(x))
        total = torch.relu(a + net.b(a))
        both = torch.cat([total, net.b2(a)], 1)
        return net.fc(nn.functional.max_pool2d(both, 3).flatten(1))

    torch.manual_seed(seed)
    network = Net(
        forward,
        a=nn.Conv2d(3, 6, 3, padding=1),
        b=nn.Conv2d(6, 6, 3, padding=1, groups=6),
        b2=nn.Conv2d(6, 4, 1),
        fc=nn.Linear(90, 5),
    )
    images = torch.randn(6, 3, 9, 9)
    program = capture(network, (images[:1],))
    file = plan_for(program, images, seed)
    (got,), _ = deploy(program, file)(images)

    q, w = file.activations, file.weights
    x = codes(images.numpy(), q["x"])
    a = layer_by_hand(network.a, x, q["x"].scale[0], w["a"], q["a"], relu=True)
    b = layer_by_hand(network.b, a, q["a"].scale[0], w["b"], q["b"], relu=False)
    b2 = layer_by_hand(network.b2, a, q["a"].scale[0], w["b2"], q["b2"], relu=False)
    out = q["add"]
    parts = [
        levels.astype(np.float32) * np.float32(q[name].scale[0] / out.scale[0])
        for levels, name in ((a, "a"), (b, "b"))
    ]
    low, high = -out.zero_point[0], 2**out.bits - 1 - out.zero_point[0]
    total = np.clip(np.round(parts[0] + parts[1]), max(low, 0), high).astype(np.int64)
    both = np.concatenate([real(total, out), real(b2, q["b2"])], axis=1)
    both = codes(both, q["cat"])
    pooled = both.reshape(6, 10, 3, 3, 3, 3).max(axis=(3, 5))
    out = q["max_pool"]
    factor = np.float32(q["cat"].scale[0] / out.scale[0])
    low, high = -out.zero_point[0], 2**out.bits - 1 - out.zero_point[0]
    pooled = np.clip(np.round(pooled.astype(np.float32) * factor), low, high).astype(np.int64)
    want = layer_by_hand(
        network.fc, pooled.reshape(6, -1), out.scale[0], w["fc"], q["fc"], relu=False
    )
    np.testing.assert_array_equal(got.numpy(), real(want, q["fc"]))
