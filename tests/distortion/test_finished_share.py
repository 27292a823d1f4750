"""What finishing leaves of a weight's error: against the whole layer, and odd data."""

import pytest
import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.distortion.finished_share import Gains
from autosplit.distortion.measure import measure
from autosplit.quantize.moment_rounding import round_by_moment
from autosplit.quantize.row_grids import RowGrids
from autosplit.quantize.second_moment import damped_moment, output_error


def correlated(count, size, seed=0):
    """Inputs of which a few directions carry almost everything."""
    random = torch.Generator().manual_seed(seed)
    few = torch.randn(count, 4, generator=random) @ torch.randn(4, size, generator=random)
    return few + 0.1 * torch.randn(count, size, generator=random)


def gains_of(net, images):
    program = capture(net, (images[:1],))
    wiring = Wiring(program)
    gains = Gains(program, wiring)
    for batch in images.split(250):
        gains.see(ReplayedRun(wiring, (batch,), []))
    return program, gains, measure(program, lambda: iter([images])).weight_grids


def linear(size=24, rows=16):
    torch.manual_seed(0)
    return Net(lambda net, x: net.fc(x), fc=nn.Linear(size, rows))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_share_is_that_of_the_whole_layer_on_other_inputs(bits):
    net, images = linear(), correlated(1000, 24)
    _, gains, grids = gains_of(net, images)
    given = grids["fc", bits]
    grid = RowGrids(torch.tensor(given.scale), torch.tensor(given.zero_point), bits)
    weight = net.fc.weight.detach()
    x = images - images.mean(0)
    moment = x.mT @ x / len(x)
    levels, fitted = round_by_moment(weight, grid, damped_moment(moment, len(x)))
    found = output_error(weight, levels * fitted.scale[:, None], moment).sum()
    nearest = output_error(weight, grid.nearest(weight) * grid.scale[:, None], moment).sum()

    share = gains.left(("fc", "weight", bits), grids)
    assert share == pytest.approx(float(found / nearest), rel=0.3)
    assert share < 0.5


def test_inputs_without_correlation_leave_little_to_gain():
    images = torch.randn(1000, 24, generator=torch.Generator().manual_seed(0))
    _, gains, grids = gains_of(linear(), images)

    assert gains.left(("fc", "weight", 3), grids) > 0.7


def test_activations_and_inputs_never_seen_keep_all_of_their_error():
    program, gains, grids = gains_of(linear(), correlated(100, 24))
    unseen = Gains(program, Wiring(program))

    assert gains.left(("fc", "activation", 2), grids) == 1
    assert unseen.left(("fc", "weight", 2), grids) == 1


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_convolutions_of_any_groups_have_a_share(groups):
    torch.manual_seed(0)
    net = Net(lambda net, x: net.a(x), a=nn.Conv2d(8, 16, 3, groups=groups))
    smooth = nn.functional.interpolate(torch.randn(20, 8, 4, 4), 16, mode="bilinear")
    _, gains, grids = gains_of(net, smooth)

    assert 0 < gains.left(("a", "weight", 3), grids) < 0.8


@pytest.mark.parametrize("unit", [0.0, 1e-25, 1e25, 3e38])
def test_inputs_of_any_size_give_a_share(unit):
    images = correlated(100, 24)
    net = linear()
    program = capture(net, (images[:1],))
    wiring = Wiring(program)
    gains = Gains(program, wiring)
    gains.see(ReplayedRun(wiring, (images / images.abs().max() * unit,), []))
    grids = measure(program, lambda: iter([images])).weight_grids

    assert 0 <= gains.left(("fc", "weight", 3), grids) <= 1


def test_fine_weights_have_the_share_of_five_bits():
    _, gains, grids = gains_of(linear(), correlated(1000, 24))

    assert gains.left(("fc", "weight", 8), grids) == gains.left(("fc", "weight", 5), grids) < 0.5


def shares_of(images, batches):
    net = linear()
    program = capture(net, (images[:1],))
    wiring = Wiring(program)
    gains = Gains(program, wiring)
    for batch in batches:
        gains.see(ReplayedRun(wiring, (batch,), []))
    grids = measure(program, lambda: iter([images])).weight_grids
    return [gains.left(("fc", "weight", bits), grids) for bits in (2, 3, 4)]


def test_zeros_in_the_first_batch_spoil_no_share():
    images = correlated(1000, 24)
    spoiled = shares_of(images, [torch.zeros(8, 24), images])

    assert spoiled == pytest.approx(shares_of(images, [images]), rel=0.3)


def test_batches_of_one_position_serve_to_fit_and_to_judge():
    images = correlated(400, 24)

    assert shares_of(images, images.split(1)) == pytest.approx(shares_of(images, [images]), rel=0.3)


@pytest.mark.parametrize(("weights", "inputs"), [(-73, 0), (60, 0), (0, -73), (0, 60), (-50, -40)])
def test_the_units_of_weights_and_inputs_do_not_matter(weights, inputs, denormals):
    images = correlated(400, 24)
    shares = []
    for units in ((1.0, 1.0), (2.0**weights, 2.0**inputs)):
        net = linear()
        with torch.no_grad():
            net.fc.weight *= units[0]
        _, gains, grids = gains_of(net, images * units[1])
        shares.append([gains.left(("fc", "weight", bits), grids) for bits in (2, 3, 4)])

    assert shares[0] == pytest.approx(shares[1], rel=1e-4)


@pytest.mark.parametrize("place", [0, 1])
def test_shares_beside_an_outlier_are_the_same_on_every_processor(place, request):
    """In units of 1e20 the second moments of the half without it are no normal numbers."""
    images = correlated(1000, 24)
    spoiled = images.clone()
    spoiled[place] *= 1e20
    kept = shares_of(images, spoiled.split(250))
    request.getfixturevalue("flushed")

    assert shares_of(images, spoiled.split(250)) == kept
