"""Metrics against a network whose Jacobian is known, and against running it again in full."""

import math
from dataclasses import replace

import pytest
import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.distortion import metrics as module
from autosplit.distortion.finished_share import Gains
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import METRICS, sensitivity
from autosplit.errors import StageError
from autosplit.quantize.affine import fake_quantize

IMAGES = torch.randn(32, 6, generator=torch.Generator().manual_seed(0))


def batches():
    return iter(IMAGES.split(16))


def linear(classes=3):
    """Two linear layers; the answer is (batch, 1, classes), so that it counts as no classifier."""
    torch.manual_seed(0)
    return Net(
        lambda net, x: net.last(net.first(x)).unsqueeze(1),
        first=nn.Linear(6, 5),
        last=nn.Linear(5, classes),
    )


def classifier():
    torch.manual_seed(0)
    return Net(
        lambda net, x: net.last(net.middle(net.first(x).relu()).relu()),
        first=nn.Linear(6, 16),
        middle=nn.Linear(16, 16),
        last=nn.Linear(16, 8),
    )


def measured(network, images=batches):
    program = capture(network, (IMAGES[:1],))
    return program, measure(program, images)


def quantized(stats, tensor, width, value):
    return fake_quantize(value, stats.grids[tensor, "activation", width])


@pytest.mark.parametrize("width", [2, 4, 8])
def test_the_output_of_a_linear_network_changes_by_its_matrix(width, monkeypatch):
    """J = W2, so the metric is half of mean ||W2 d||^2 over mean ||output||^2."""
    monkeypatch.setattr(module, "PROBES", 400)
    network = linear()
    program, stats = measured(network)
    got = sensitivity(program, batches, stats, "output").distortions["first", "activation", width]
    with torch.no_grad():
        hidden = network.first(IMAGES)
        moved = (quantized(stats, "first", width, hidden) - hidden) @ network.last.weight.T
        answer = network(IMAGES)
    ratios = [
        moved[part].square().sum() / answer[part].square().sum() * 16 / 32 / 2
        for part in (slice(0, 16), slice(16, 32))
    ]
    assert got.distortion == pytest.approx(float(sum(ratios)), rel=0.15)


@pytest.mark.parametrize("width", [2, 4])
def test_the_fisher_metric_of_a_last_layer_by_hand(width):
    """d loss / d logits = p - one-hot of the label that was drawn, with the same seed.

    A weight is the same for all samples of a batch: the square is that of their summed gradient.
    """
    network = classifier()
    program, stats = measured(network)
    found = sensitivity(program, batches, stats, "fisher", seed=5, finished=False)
    random = torch.Generator().manual_seed(5)
    of_answer, of_weight = 0.0, 0.0
    weight = network.last.weight.detach()
    moved = fake_quantize(weight, stats.grids["last", "weight", width], 0) - weight
    with torch.no_grad():
        for images in batches():
            hidden = network.middle(network.first(images).relu()).relu()
            logits = network.last(hidden)
            labels = torch.multinomial(logits.softmax(1), 1, generator=random)
            slope = logits.softmax(1).scatter_add(1, labels, torch.full(labels.shape, -1.0))
            error = quantized(stats, "last", width, logits) - logits
            of_answer += float((slope.square() * error.square()).sum())
            of_weight += float(((slope.T @ hidden).square() * moved.square()).sum())
    expected = [pytest.approx(total / 2 / 32, rel=1e-4) for total in (of_answer, of_weight)]
    got = [found.distortions["last", role, width].distortion for role in ("activation", "weight")]
    assert got == expected


@pytest.mark.parametrize("key", [("first", "activation"), ("middle", "activation")])
@pytest.mark.parametrize("width", [3, 5, 8])
def test_projections_agree_with_running_the_network_again(key, width, monkeypatch):
    monkeypatch.setattr(module, "PROBES", 8)  # as many as classes: no sampling error
    monkeypatch.setattr(module, "REPLAYS", 0.0)
    network = classifier()
    program, stats = measured(network)
    got = sensitivity(program, batches, stats, "output").distortions[(*key, width)].distortion
    with torch.no_grad():
        hidden = network.first(IMAGES).relu()
        if key[0] == "middle":
            hidden = network.middle(hidden).relu()
        hidden = quantized(stats, key[0], width, hidden)
        if key[0] == "first":
            hidden = network.middle(hidden).relu()
        logits = network(IMAGES), network.last(hidden)
        before, after = (value.double().log_softmax(1) for value in logits)
        brute = float((before.exp() * (before - after)).sum() / 32)
    assert got == pytest.approx(brute, rel={3: 0.3, 5: 0.15, 8: 0.1}[width])


def test_what_matters_most_is_run_again_exactly(monkeypatch):
    monkeypatch.setattr(module, "_SURE", 0.0)
    network = classifier()
    program, stats = measured(network)
    got = sensitivity(program, batches, stats, "output").distortions
    with torch.no_grad():
        hidden = quantized(stats, "first", 2, network.first(IMAGES).relu())
        after = network.last(network.middle(hidden).relu()).log_softmax(1)
        before = network(IMAGES).log_softmax(1)
    brute = float((before.exp() * (before - after)).sum() / 32)
    assert got["first", "activation", 2].distortion == pytest.approx(brute, rel=1e-4)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_a_seed_gives_the_same_numbers_and_keeps_the_rest(metric):
    program, stats = measured(classifier())
    one, two = (sensitivity(program, batches, stats, metric, seed=3) for _ in range(2))
    assert one.distortions == two.distortions
    for key, found in one.distortions.items():
        assert replace(found, distortion=0) == replace(stats.distortions[key], distortion=0)


def test_mse_is_what_was_measured_and_the_others_are_not():
    program, stats = measured(classifier())
    assert sensitivity(program, batches, stats, "mse") == stats
    assert sensitivity(program, batches, stats, "fisher") != stats


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_zeros_constants_and_dead_ends_give_finite_numbers(metric):
    network = Net(
        lambda net, x: (net.zero(x).relu() * 0 + net.last(x), net.last(x).argmax(1).float()),
        zero=nn.Linear(6, 3),
        last=nn.Linear(6, 3),
    )
    nn.init.zeros_(network.zero.weight)
    nn.init.zeros_(network.zero.bias)
    program, stats = measured(network)
    found = sensitivity(program, batches, stats, metric).distortions
    assert found.keys() == stats.distortions.keys()
    assert all(math.isfinite(d.distortion) and d.distortion >= 0 for d in found.values())
    assert found["last", "weight", 2].distortion > found["zero", "weight", 2].distortion == 0


def test_samples_are_taken_apart_without_a_difference(monkeypatch):
    monkeypatch.setattr(module, "PROBES", 8)
    program, stats = measured(classifier())
    whole = sensitivity(program, lambda: iter([IMAGES]), stats, "output").distortions
    halves = sensitivity(program, batches, stats, "output").distortions
    key = ("first", "activation", 4)
    assert whole[key].distortion == pytest.approx(halves[key].distortion, rel=1e-4)


def scaled(network, inputs, first):
    """A network whose first layer takes inputs of another unit, and writes what it wrote before."""
    with torch.no_grad():
        network.first.weight /= inputs
        network.first.weight *= first
        network.first.bias *= first
        network.middle.weight /= first
    return network


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize(("inputs", "first"), [(1e-22, 1), (1e18, 1), (1, 1e-22), (1, 1e18)])
def test_the_units_of_inputs_and_activations_do_not_matter(metric, inputs, first, denormals):
    """The same network in other units has the same distortions, but for rounding."""
    found = []
    for units in ((1.0, 1.0), (inputs, first)):
        network = scaled(classifier(), *units)
        images = IMAGES * units[0]
        program, stats = measured(network, lambda x=images: iter(x.split(16)))
        found.append(sensitivity(program, lambda x=images: iter(x.split(16)), stats, metric))
    one, two = (stats.distortions for stats in found)

    for key in one:
        assert two[key].distortion == pytest.approx(one[key].distortion, rel=0.02), key


@pytest.mark.parametrize("metric", ["fisher", "output"])
@pytest.mark.parametrize(("weight", "after"), [(-40, -40), (-70, -70), (-73, -7), (-7, -73)])
def test_a_branch_that_hardly_counts_has_a_distortion_all_the_same(
    metric, weight, after, denormals
):
    """A branch that adds 2^-80 of itself to the answer has 2^-160 of its distortion."""
    found = []
    for powers in ((-5, -5), (weight, after)):
        torch.manual_seed(0)
        network = Net(
            lambda net, x: net.fc(x) + net.out(net.side(x)),
            fc=nn.Linear(6, 4),
            side=nn.Linear(6, 4),
            out=nn.Linear(4, 4, bias=False),
        )
        with torch.no_grad():
            network.side.weight *= 2.0 ** powers[0]
            network.side.bias *= 2.0 ** powers[0]
            network.out.weight *= 2.0 ** powers[1]
        program, stats = measured(network)
        distortions = sensitivity(program, batches, stats, metric).distortions
        roles = [("side", "weight", 2), ("side", "activation", 4), ("side", "weight", 8)]
        found.append([distortions[key].distortion / 4.0 ** sum(powers) for key in roles])

    assert found[1] == pytest.approx(found[0], rel=0.02)


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("power", [-73, 60])
def test_the_unit_of_everything_does_not_matter_to_a_relative_change(metric, power, denormals):
    """Powers of two: but for the bins that ranges are counted in, nothing is rounded otherwise."""
    found = []
    for unit in (1.0, 2.0**power):
        network, images = linear(), IMAGES * unit
        with torch.no_grad():
            network.first.bias *= unit
            network.last.bias *= unit
        program, stats = measured(network, lambda x=images: iter(x.split(16)))
        found.append(sensitivity(program, lambda x=images: iter(x.split(16)), stats, metric))
    one, two = (stats.distortions for stats in found)

    for key in one:
        assert two[key].distortion == pytest.approx(one[key].distortion, rel=0.02), key


@pytest.mark.parametrize("power", [-70, 0, 70])
def test_products_of_any_size_are_squared(power, denormals):
    assert module._squared(torch.full((2, 3), 2.0**power)) == 6 * 4.0**power


@pytest.mark.parametrize("replays", [0.0, 1e9])
def test_what_finishing_gains_is_counted_once(replays, monkeypatch):
    """The answer is linear in the weight, so its squared change falls by the share that is left."""
    monkeypatch.setattr(module, "REPLAYS", replays)
    monkeypatch.setattr(module, "_SURE", 0.0)
    mixed = IMAGES @ torch.randn(6, 6, generator=torch.Generator().manual_seed(1))
    program, stats = measured(linear(), lambda: iter([mixed]))
    key = ("last", "weight", 2)
    wiring = Wiring(program)
    gains = Gains(program, wiring, 0)
    gains.see(ReplayedRun(wiring, (mixed,), []))
    done, plain = (
        sensitivity(program, lambda: iter([mixed]), stats, finished=finished).distortions[key]
        for finished in (True, False)
    )
    share = gains.left(key, stats.weight_grids)

    assert share < 0.9
    assert done.distortion == pytest.approx(share * plain.distortion, rel=1e-3)


def test_an_unknown_metric_is_refused():
    program, stats = measured(classifier())
    with pytest.raises(StageError, match=r"unknown name 'hessian'.*fisher, mse, output"):
        sensitivity(program, batches, stats, "hessian")
