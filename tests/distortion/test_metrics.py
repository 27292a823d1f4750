"""Metrics against a network whose Jacobian is known, and against running it again in full."""

import functools
import math
from dataclasses import replace

import pytest
import torch
from dense import IMAGES, batches, classifier, linear, measured
from nets import Net
from torch import nn

from autosplit.distortion.metrics import METRICS, sensitivity
from autosplit.errors import StageError


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


@functools.cache
def in_units(inputs, first, _denormals):
    """A network whose first layer takes and writes other units, measured, and its images."""
    network, images = classifier(), IMAGES * inputs
    with torch.no_grad():
        network.first.weight /= inputs
        network.first.weight *= first
        network.first.bias *= first
        network.middle.weight /= first
    return *measured(network, lambda: iter(images.split(16))), images


@functools.cache
def branched(weight, after, _denormals):
    """A network with a branch whose two layers are scaled by powers of two, measured."""
    torch.manual_seed(0)
    network = Net(
        lambda net, x: net.fc(x) + net.out(net.side(x)),
        fc=nn.Linear(6, 4),
        side=nn.Linear(6, 4),
        out=nn.Linear(4, 4, bias=False),
    )
    with torch.no_grad():
        network.side.weight *= 2.0**weight
        network.side.bias *= 2.0**weight
        network.out.weight *= 2.0**after
    return *measured(network), IMAGES


@functools.cache
def all_in_unit(unit, _denormals):
    """A network whose inputs and outputs are in another unit, measured, and its images."""
    network, images = linear(), IMAGES * unit
    with torch.no_grad():
        network.first.bias *= unit
        network.last.bias *= unit
    return *measured(network, lambda: iter(images.split(16))), images


def distortions_of(case, metric):
    program, stats, images = case
    return sensitivity(program, lambda: iter(images.split(16)), stats, metric).distortions


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize(("inputs", "first"), [(1e-22, 1), (1e18, 1), (1, 1e-22), (1, 1e18)])
def test_the_units_of_inputs_and_activations_do_not_matter(metric, inputs, first, denormals):
    """The same network in other units has the same distortions, but for rounding."""
    one = distortions_of(in_units(1, 1, denormals), metric)
    two = distortions_of(in_units(inputs, first, denormals), metric)

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
        distortions = distortions_of(branched(*powers, denormals), metric)
        roles = [("side", "weight", 2), ("side", "activation", 4), ("side", "weight", 8)]
        found.append([distortions[key].distortion / 4.0 ** sum(powers) for key in roles])

    assert found[1] == pytest.approx(found[0], rel=0.02)


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("power", [-73, 60])
def test_the_unit_of_everything_does_not_matter_to_a_relative_change(metric, power, denormals):
    """Powers of two: but for the bins that ranges are counted in, nothing is rounded otherwise."""
    one = distortions_of(all_in_unit(1.0, denormals), metric)
    two = distortions_of(all_in_unit(2.0**power, denormals), metric)

    for key in one:
        assert two[key].distortion == pytest.approx(one[key].distortion, rel=0.02), key


def test_an_unknown_metric_is_refused():
    program, stats = measured(classifier())
    with pytest.raises(StageError, match=r"unknown name 'hessian'.*fisher, mse, output"):
        sensitivity(program, batches, stats, "hessian")
