"""Deployed halves against a network computed by hand from the integers of the plan."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from measured import plan_for
from PIL import Image
from residual import ACTIVATIONS, IMAGES, WEIGHTS, Residual, plan_file
from torch import nn
from torch.nn import functional

from autosplit.capture.capture import capture
from autosplit.distortion.coded import code_tensors
from autosplit.distortion.measure import measure
from autosplit.errors import PlanError
from autosplit.grid.grid import Grid, Unquantized
from autosplit.halves.deployed import deploy
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.plan.wire_layout import wire_layout
from autosplit.stats.coding import InputCoding

LAYERS = ("c1", "c2", "add", "fc")


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Residual().eval()


@pytest.fixture(scope="module")
def program(network):
    return capture(network, (IMAGES[:1],), "residual")


def rounded(x, quantizer, axis=None):
    """(clamp(round(x / s) + z) - z) s, half to even, as the plan file says."""
    scale, zero = torch.tensor(quantizer.scale), torch.tensor(quantizer.zero_point)
    if axis is None:
        scale, zero = scale[0], zero[0]
    else:
        scale, zero = (v.reshape(-1, *[1] * (x.dim() - 1)) for v in (scale, zero))
    integers = torch.clamp(torch.round(x / scale) + zero, 0, 2**quantizer.bits - 1)
    return (integers - zero) * scale


def by_hand(network, x, count):
    """The network with its first ``count`` layers quantized."""

    def weight(name):
        value = getattr(network, name).weight
        return rounded(value, WEIGHTS[name], 0) if name in LAYERS[:count] else value

    def out(name, value):
        return rounded(value, ACTIVATIONS[name]) if name in LAYERS[:count] else value

    def bias(name, read):
        """Rounded to a step of the accumulator, input step times weight step."""
        value = getattr(network, name).bias
        step = torch.tensor(WEIGHTS[name].scale) * ACTIVATIONS[read].scale[0]
        return torch.round(value / step) * step if name in LAYERS[:count] else value

    x = rounded(x, ACTIVATIONS["x"])
    y = functional.conv2d(x, weight("c1"), bias("c1", "x"), stride=2, padding=1)
    y = out("c1", torch.relu(y))
    z = out("c2", functional.conv2d(y, weight("c2"), bias("c2", "c1"), padding=1))
    total = out("add", y + z)
    return out("fc", functional.linear(total.flatten(1), weight("fc"), bias("fc", "add")))


class TestDeployed:
    @pytest.mark.parametrize("count", range(5))
    def test_it_computes_what_the_integers_of_the_plan_say(self, network, program, count):
        file = plan_file(program, count, weights=WEIGHTS, activations=ACTIVATIONS)
        (got,), _ = deploy(program, file)(IMAGES)

        with torch.no_grad():
            expected = by_hand(network, IMAGES, count)
        assert torch.allclose(got, expected, rtol=0, atol=1e-6)

    def test_quantizing_changed_something(self, network, program):
        with torch.no_grad():
            assert not torch.allclose(by_hand(network, IMAGES, 4), network(IMAGES), atol=0.02)

    @pytest.mark.parametrize(
        ("count", "widths", "expected"),
        [
            (0, {"x": 8}, 36),
            (0, {"x": 3}, 14),  # 108 bits
            (1, {"c1": 3}, 11),  # 81 bits
            (1, {"c1": 5}, 17),  # 135 bits
            (1, {"c1": 7}, 24),  # 189 bits
            (2, {"c1": 3, "c2": 5}, 28),
            (2, {"c1": 7, "c2": 16}, 78),
            (3, {"add": 1}, 4),
            (4, {}, 0),
        ],
    )
    def test_it_sends_as_many_bytes_as_are_counted_by_hand(self, program, count, widths, expected):
        change = {name: {"bits": bits, "zero_point": (0,)} for name, bits in widths.items()}
        file = plan_file(program, count, change, WEIGHTS, ACTIVATIONS)
        _, sent = deploy(program, file)(IMAGES)

        assert sent == 9 * expected
        assert file.plan.crossing_bytes == expected

    def test_what_half_precision_cannot_hold_crosses_as_the_most_it_can(self, network, program):
        """65,504 is the largest number of IEEE half precision."""
        file = plan_file(program, 0, None, WEIGHTS, {**ACTIVATIONS, "x": Unquantized(16)})
        images = torch.tensor([1e30, -1e30, 2.0]).view(3, 1, 1, 1) * torch.ones(3, 1, 6, 6)
        (got,), _ = deploy(program, file)(images)

        with torch.no_grad():
            assert torch.equal(got, network(images.clamp(-65504, 65504)))

    def test_the_images_are_left_as_they_were(self, program):
        before = IMAGES.clone()
        for count in range(5):
            deploy(program, plan_file(program, count, None, WEIGHTS, ACTIVATIONS))(IMAGES)

        assert torch.equal(IMAGES, before)

    def test_the_program_is_left_as_it_was(self, network, program):
        deploy(program, plan_file(program, 4, None, WEIGHTS, ACTIVATIONS))(IMAGES)

        with torch.no_grad():
            assert torch.allclose(program.run((IMAGES,))[0], network(IMAGES), atol=1e-6)

    @pytest.mark.parametrize("count", range(5))
    def test_eight_bits_from_its_own_statistics_are_close_to_float(self, network, program, count):
        stats = measure(program, lambda: [IMAGES])
        cut = program.graph.prefix(count)
        plan = Plan(
            name="eight",
            method="test",
            edge=cut.edge,
            weight_bits=dict.fromkeys(cut.weights, 8),
            activation_bits=dict.fromkeys(cut.edge_tensors, 8),
            distortion=0.0,
            lower_bound=0.0,
            edge_memory_bytes=0,
            crossing_bytes=0,
        )
        file = PlanFile(plan, *plan_grids(plan, stats), "residual", "")
        (got,), _ = deploy(program, file)(IMAGES)

        with torch.no_grad():
            whole = network(IMAGES)
        assert 0 < (got - whole).norm() / whole.norm() < 0.03

    def test_a_plan_of_another_network_is_refused(self, program):
        file = plan_file(program, 1, None, WEIGHTS, ACTIVATIONS)
        file = replace(file, plan=replace(file.plan, edge=("conv9",)))

        with pytest.raises(PlanError, match="is for another network, residual has no 'conv9'"):
            deploy(program, file)

    def test_a_plan_that_was_finished_for_other_weights_is_refused(self, program):
        file = plan_file(program, 1, None, WEIGHTS, ACTIVATIONS)
        deploy(program, replace(file, weights_sha256=program.weights_sha256))
        file = replace(file, weights_sha256="0" * 64)

        with pytest.raises(
            PlanError, match="cut1: must run on the weights that it was finished for"
        ):
            deploy(program, file)

    def test_scales_for_other_channels_are_refused(self, program):
        weights = {**WEIGHTS, "c1": Grid.of(4, (0.1,), (7,))}

        with pytest.raises(PlanError, match=r"c1: must have one scale per output channel \(3\)"):
            deploy(program, plan_file(program, 1, None, weights, ACTIVATIONS))


def test_a_plan_that_sends_jpeg_answers_on_what_arrives():
    """The network gives its input back: so the plan answers with the decoded picture."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64, bias=False)).eval()
    net[1].weight.data = torch.eye(64)
    program = capture(net, (torch.zeros(1, 1, 8, 8),), "flat")
    pixels = torch.randint(0, 256, (2, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    images = (pixels / 255 - 0.5) / 0.25
    coding = InputCoding(40, 300.0, 0.1, (0.5,), (0.25,))
    (tensor,) = program.graph.inputs
    plan = Plan("p", "cloud-jpeg", (), {}, {tensor: 8}, 0.1, 0.1, 64, 300, input_coding=coding)
    file = PlanFile(plan, {}, {tensor: Grid.of(8, (0.01,), (128,))}, "flat", "")

    deployed = deploy(program, file)
    (answer,), sent = deployed(images)

    expected, sizes = [], 0
    for image in pixels[:, 0].to(torch.uint8).numpy():
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format="JPEG", quality=40)
        sizes += len(buffer.getvalue())
        expected.append(torch.from_numpy(np.array(Image.open(buffer), np.float32)).reshape(-1))
    torch.testing.assert_close(answer, (torch.stack(expected) / 255 - 0.5) / 0.25)
    assert sent == sizes
    assert deployed.crossing_bytes == 300


class TestEntropy:
    """Crossing tensors that are entropy-coded: the same answers in fewer bytes."""

    @pytest.fixture
    def halves(self, program):
        images = IMAGES.repeat(8, 1, 1, 1)
        stats = code_tensors(
            program, lambda: iter([images]), measure(program, lambda: iter([images]))
        )
        packed = plan_for(program, images, 8, 4, 2, stats)
        classes = {at: (one.classes, one.sent) for at, one in stats.coded.items()}
        cut = program.graph.cut(packed.plan.edge)
        wire = wire_layout(cut, packed.activations, None, classes)
        return deploy(program, packed), deploy(program, replace(packed, wire=wire))

    def test_the_answers_are_those_of_packed_tensors(self, halves):
        packed, coded = halves
        (one,), sent = packed(IMAGES)
        (other,), fewer = coded(IMAGES)

        assert {tensor.coding for tensor in coded.layout.tensors} == {"entropy"}
        assert torch.equal(one, other)
        assert fewer != sent == packed.crossing_bytes * len(IMAGES)

    def test_whole_bytes_carry_the_same_answers_in_more_bytes(self, program, halves):
        packed, _ = halves
        file = plan_for(program, IMAGES, 8, 4, 2)
        cut = program.graph.cut(file.plan.edge)
        wire = wire_layout(cut, file.activations, whole=True)
        packed, whole = deploy(program, file), deploy(program, replace(file, wire=wire))
        (one,), _ = packed(IMAGES)
        (other,), sent = whole(IMAGES)

        assert torch.equal(one, other)
        assert sent == len(IMAGES) * sum(program.graph.elements(name) for name in cut.crossing)

    def test_the_bytes_are_those_that_were_measured(self, halves):
        _, coded = halves
        _, sent = coded(IMAGES.repeat(8, 1, 1, 1))

        mean = sent / (8 * len(IMAGES))
        assert mean == pytest.approx(coded.crossing_bytes, rel=0.05, abs=2 * 2)

    def test_the_float_input_takes_the_bytes_of_the_table(self, program):
        """Nothing is quantized before the network's input, so the bytes are equal, not near."""
        images = IMAGES.repeat(8, 1, 1, 1)
        stats = code_tensors(
            program, lambda: iter([images]), measure(program, lambda: iter([images]))
        )
        packed = plan_for(program, images, 8, 8, 0, stats)
        (name,) = program.graph.inputs
        classes = {(name, 8): (stats.coded[name, 8].classes, stats.coded[name, 8].sent)}
        wire = wire_layout(program.graph.cut(()), packed.activations, None, classes)
        coded = deploy(program, replace(packed, wire=wire))

        _, sent = coded(images)

        assert sent / len(images) == stats.coded[name, 8].mean
        assert coded.crossing_bytes == math.ceil(sent / len(images))
