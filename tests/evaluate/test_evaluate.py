"""Evaluation against a network computed by hand from the plan's integers, and counts by hand."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from nets import Net
from PIL import Image
from torch import nn
from torch.nn import functional

from autosplit.capture.capture import capture
from autosplit.distortion.measure import measure
from autosplit.errors import DataError, PlanError
from autosplit.evaluate.evaluate import Reference, answers_of, evaluate, measure_float
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.grid.grid import Grid, Unquantized
from autosplit.halves.halves import deploy
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.stats.coding import InputCoding


class Residual(nn.Module):
    """Two convolutions with a skip over the second: after it, two tensors of 27 elements cross."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 3, 3, stride=2, padding=1)
        self.c2 = nn.Conv2d(3, 3, 3, padding=1)
        self.fc = nn.Linear(27, 6)

    def forward(self, x):
        y = torch.relu(self.c1(x))
        return self.fc((y + self.c2(y)).flatten(1))


IMAGES = torch.randn(9, 1, 6, 6, generator=torch.Generator().manual_seed(1))
LAYERS = ("c1", "c2", "add", "fc")


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Residual().eval()


@pytest.fixture(scope="module")
def program(network):
    return capture(network, (IMAGES[:1],), "residual")


def plan_file(program, count, widths=None, weights=None, activations=None):
    """A plan with the first ``count`` layers on the edge and the given integers."""
    graph = program.graph
    cut = graph.prefix(count)
    weights = {name: weights[name] for name in cut.weights}
    changes = widths or {}
    activations = {
        name: replace(activations[name], **changes[name]) if name in changes else activations[name]
        for name in cut.edge_tensors
    }
    bits = {name: q.bits for name, q in activations.items()}
    weight_bits = {name: q.bits for name, q in weights.items()}
    plan = Plan(
        name=f"cut{count}",
        method="test",
        edge=cut.edge,
        weight_bits=weight_bits,
        activation_bits=bits,
        distortion=0.0,
        lower_bound=0.0,
        edge_memory_bytes=edge_memory_bytes(cut, weight_bits, bits),
        crossing_bytes=crossing_bytes(cut, bits),
    )
    return PlanFile(plan, weights, activations, graph.name, "")


WEIGHTS = {
    "c1": Grid.of(4, (0.05, 0.04, 0.06), (7, 8, 6)),
    "c2": Grid.of(3, (0.06, 0.07, 0.05), (3, 4, 4)),
    "fc": Grid.of(5, (0.011, 0.012, 0.013, 0.014, 0.015, 0.016), (15, 16, 17, 14, 13, 16)),
}
ACTIVATIONS = {
    "x": Grid.of(8, (0.025,), (120,)),
    "c1": Grid.of(5, (0.0613,), (0,)),
    "c2": Grid.of(7, (0.0207,), (60,)),
    "add": Grid.of(6, (0.0511,), (20,)),
    "fc": Grid.of(8, (0.01013,), (128,)),
}


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


# A network whose answer is its input; its plan halves the score of class 0.
CLASSES = 6
HALVED = Grid.of(1, (0.5, *(1.0,) * 5), (0,) * 6)
FINE = Grid.of(16, (0.001,), (0,))
BASE = torch.tensor([0.05, 0.04, 0.03, 0.02, 0.01, 0.0])


def image(**scores):
    """Scores of the classes; those not given fall, so that class 5 is never in the top 5."""
    values = BASE.clone()
    for name, score in scores.items():
        values[int(name[1:])] = score
    return values


FLIPPED = image(c0=1.0, c1=0.8)  # class 0 in float; 0.5 against 0.8 in the plan
KEPT = image(c0=1.0)  # class 0 in both
TWO = image(c2=1.0)  # class 2 in both


@pytest.fixture(scope="module")
def identity():
    layer = nn.Linear(CLASSES, CLASSES, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(CLASSES))
    return capture(nn.Sequential(layer).eval(), (torch.zeros(1, CLASSES),), "identity")


def halving(identity):
    (tensor,) = identity.graph.inputs
    return plan_file(identity, 1, None, {"0": HALVED}, {tensor: FINE, "0": FINE})


def batches_of(images, labels=None, size=3):
    images = torch.stack(images)
    labels = None if labels is None else torch.tensor(labels)
    return lambda: [
        (images[i : i + size], None if labels is None else labels[i : i + size])
        for i in range(0, len(images), size)
    ]


def wilson(hits, count):
    """Wilson 1927, 95 %."""
    z, share = 1.959963984540054, hits / count
    centre = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return [(centre + sign * half) / (1 + z * z / count) for sign in (-1, 1)]


class TestScore:
    IMAGES = (FLIPPED, FLIPPED, FLIPPED, KEPT, TWO, TWO, TWO, TWO)
    # float is right on all but the second and the last two, the plan on all but 1, 3 and those
    LABELS = (0, 1, 0, 0, 2, 2, 5, 4)

    def test_it_equals_a_count_by_hand(self, identity):
        batches = batches_of(self.IMAGES, self.LABELS)
        reference = measure_float(identity, batches)
        score = evaluate(identity, halving(identity), batches, reference)

        assert reference.classes.tolist() == [0, 0, 0, 0, 2, 2, 2, 2]
        assert (reference.top1, reference.top5) == (5 / 8, 7 / 8)
        assert (score.plan, score.images) == ("cut1", 8)
        assert (score.top1, score.top5, score.agreement) == (4 / 8, 7 / 8, 5 / 8)
        assert score.drop == 12.5
        assert [score.low, score.high] == pytest.approx(wilson(4, 8), abs=1e-12)
        assert score.crossing_bytes == 0

    def test_without_labels_it_is_about_agreement(self, identity):
        batches = batches_of(self.IMAGES)
        reference = measure_float(identity, batches)
        score = evaluate(identity, halving(identity), batches, reference)

        assert (reference.top1, reference.top5) == (None, None)
        assert (score.top1, score.top5, score.agreement) == (None, None, 5 / 8)
        assert score.drop == 37.5
        assert [score.low, score.high] == pytest.approx(wilson(5, 8), abs=1e-12)

    def test_a_drop_is_exact(self, identity):
        """18 of 20 against 17 of 20; 100 * (0.9 - 0.85) is 5.000000000000004."""
        batches = batches_of([FLIPPED, *[TWO] * 19], [0, *[2] * 17, 5, 5])
        score = evaluate(identity, halving(identity), batches, measure_float(identity, batches))

        assert score.drop == 5.0

    def test_a_gain_is_a_negative_drop(self, identity):
        batches = batches_of([FLIPPED, TWO], [1, 2])
        score = evaluate(identity, halving(identity), batches, measure_float(identity, batches))

        assert score.drop == -50.0

    @pytest.mark.parametrize(("hits", "images"), [(0, 4), (4, 4)])
    def test_the_interval_at_the_ends_is_wilsons_too(self, identity, hits, images):
        batches = batches_of([TWO] * images, [2 if hits else 3] * images)
        score = evaluate(identity, halving(identity), batches, measure_float(identity, batches))

        assert [score.low, score.high] == pytest.approx(wilson(hits, images), abs=1e-12)

    def test_a_network_of_few_classes_is_always_right_in_the_top_five(self):
        layer = nn.Linear(3, 3)
        few = capture(nn.Sequential(layer).eval(), (torch.zeros(1, 3),), "few")
        reference = measure_float(few, batches_of([torch.zeros(3)] * 2, [0, 2]))

        assert reference.top5 == 1.0

    def test_batches_do_not_change_the_score(self, identity):
        scores = []
        for size in (1, 3, 8):
            batches = batches_of(self.IMAGES, self.LABELS, size)
            reference = measure_float(identity, batches)
            scores.append(evaluate(identity, halving(identity), batches, reference))

        assert scores[0] == scores[1] == scores[2]


class TestBadData:
    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_an_image_that_is_not_finite_is_refused(self, identity, bad):
        images = torch.eye(4)
        images[2, 1] = bad

        with pytest.raises(DataError, match="images must be finite, got NaN or infinity"):
            measure_float(identity, lambda: [(images, None)])

    def test_an_answer_that_is_no_number_is_refused(self):
        net = Net(lambda net, x: x / x.sum(1, keepdim=True))
        program = capture(net, (torch.ones(1, 4),), "share")
        images = torch.zeros(3, 4)

        with pytest.raises(DataError, match=r"share must answer with numbers, .* images in 0..0"):
            measure_float(program, lambda: [(images, None)])

    def test_a_plan_that_answers_nan_is_wrong_about_that_image(self):
        """Two of three rows are numbers; the label of the third is where NaN would be found."""
        logits = torch.tensor([[0.0, 1.0, 2.0], [3.0, 1.0, 2.0], [0.0, math.nan, 2.0]])
        found = answers_of((logits,), torch.tensor([2, 1, 1]), 3)

        assert found.classes.tolist() == [2, 0, -1]
        assert found.hits.tolist() == [True, False, False]
        assert found.hits5.tolist() == [True, True, False]

    @pytest.mark.parametrize(("label", "shown"), [(6, 6), (-1, -1), (1000, 1000)])
    def test_a_label_that_is_no_class_is_named(self, identity, label, shown):
        with pytest.raises(DataError, match=rf"labels must be 0\.\.5, .*, got {shown}$"):
            measure_float(identity, batches_of([TWO, TWO], [0, label]))

    def test_no_images_are_refused(self, identity):
        with pytest.raises(DataError, match="must have at least one image, got none"):
            measure_float(identity, list)

    def test_an_output_that_is_no_class_scores_is_refused(self):
        net = nn.Sequential(nn.Conv2d(1, 2, 3)).eval()
        program = capture(net, (IMAGES[:1],), "map")

        with pytest.raises(DataError, match=r"shape \(batch, classes\), got \(9, 2, 4, 4\)"):
            measure_float(program, lambda: [(IMAGES, None)])

    @pytest.mark.parametrize("count", [1, 3])
    def test_data_that_differ_on_the_second_pass_are_refused(self, identity, count):
        reference = Reference(torch.tensor([2, 2]), None, None)

        with pytest.raises(DataError, match=f"same 2 images on each pass, got {count}"):
            evaluate(identity, halving(identity), batches_of([TWO] * count), reference)


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
