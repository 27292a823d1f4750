"""Equalized networks: the same answers, ranges that are alike, and what must be left alone."""

import numpy as np
import pytest
import torch
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.equalize import equalize, pairs
from autosplit.errors import PlanError
from autosplit.halves.deployed import deploy

IMAGES = torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def uneven(network):
    """Channels of the first layer differ a thousandfold."""
    with torch.no_grad():
        shape = [-1] + [1] * (network.a.weight.dim() - 1)
        network.a.weight.mul_(torch.logspace(-1.5, 1.5, len(network.a.weight)).view(shape))
    return network


def chain(between, second, **more):
    """A convolution, something between, and a second layer."""
    torch.manual_seed(0)
    return uneven(
        Net(lambda net, x: net.b(between(net.a(x))), a=nn.Conv2d(3, 8, 3), b=second, **more)
    )


CHAINS = {
    "relu": chain(torch.relu, nn.Conv2d(8, 4, 3)),
    "nothing": chain(lambda x: x, nn.Conv2d(8, 4, 3, bias=False)),
    "leaky": chain(lambda x: nn.functional.leaky_relu(x, 0.1), nn.Conv2d(8, 4, 1)),
    "pooled": chain(lambda x: nn.functional.max_pool2d(x.relu(), 2), nn.Conv2d(8, 4, 3)),
    "depthwise": chain(torch.relu, nn.Conv2d(8, 8, 3, groups=8)),
    "grouped": chain(torch.relu, nn.Conv2d(8, 6, 3, groups=2)),
    "flattened": chain(lambda x: x.relu().flatten(1), nn.Linear(8 * 36, 5)),
}
LEFT_ALONE = {
    "relu6": chain(nn.functional.relu6, nn.Conv2d(8, 4, 3)),
    "sigmoid": chain(torch.sigmoid, nn.Conv2d(8, 4, 3)),
    "plus one": chain(lambda x: x + 1, nn.Conv2d(8, 4, 3)),
}


def ranges(program):
    """Greatest weight of each channel, as the first layer writes and the second reads it."""
    first, second = program.weight("a"), program.weight("b")
    groups = 8 // second.shape[1] if second.dim() == 4 else 1
    columns = second.reshape(groups, len(second) // groups, 8 // groups, -1)
    return first.abs().amax((1, 2, 3)), columns.abs().amax((1, 3)).flatten()


@pytest.mark.parametrize("name", CHAINS)
def test_the_answers_stay_and_both_layers_have_the_same_ranges(name):
    program = capture(CHAINS[name], (IMAGES[:1],))
    before = ranges(program)
    equal = equalize(program)
    (want,), (got,) = program.run((IMAGES,)), equal.run((IMAGES,))
    after = ranges(equal)

    assert torch.allclose(got, want, atol=1e-5 * float(want.abs().max()))
    np.testing.assert_allclose(after[0], after[1], rtol=2e-3)
    np.testing.assert_allclose(after[0], (before[0] * before[1]).sqrt(), rtol=2e-3)


@pytest.mark.parametrize("name", CHAINS)
def test_the_program_that_was_given_stays_as_it_was(name):
    program = capture(CHAINS[name], (IMAGES[:1],))
    before = program.weight("a").clone()
    equal = equalize(program)

    assert torch.equal(program.weight("a"), before)
    assert not torch.equal(equal.weight("a"), before)
    assert (program.graph.equalized, equal.graph.equalized) == (False, True)


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_does_not_scale_with_its_input_is_left_alone(name):
    program = capture(LEFT_ALONE[name], (IMAGES[:1],))

    assert list(pairs(program)) == []
    assert torch.equal(equalize(program).weight("a"), program.weight("a"))


def test_a_tensor_that_two_layers_read_is_left_alone():
    torch.manual_seed(0)
    net = Net(
        lambda net, x: net.b(y := net.a(x).relu()) + net.c(y),
        a=nn.Conv2d(3, 8, 3),
        b=nn.Conv2d(8, 4, 3),
        c=nn.Conv2d(8, 4, 3),
    )

    assert list(pairs(capture(net, (IMAGES[:1],)))) == []


def test_a_tensor_that_is_an_answer_too_is_left_alone():
    net = Net(
        lambda net, x: (y := net.a(x).relu(), net.b(y)), a=nn.Conv2d(3, 8, 3), b=nn.Conv2d(8, 4, 3)
    )

    assert list(pairs(capture(net, (IMAGES[:1],)))) == []


def test_a_weight_that_two_layers_share_is_left_alone():
    net = Net(lambda net, x: net.a(net.a(x).relu()), a=nn.Conv2d(3, 3, 3, padding=1))

    assert list(pairs(capture(net, (IMAGES[:1],)))) == []


def test_dead_channels_stay_as_they_are():
    net = chain(torch.relu, nn.Conv2d(8, 4, 3))
    with torch.no_grad():
        net.a.weight[2] = 0
        net.b.weight[:, 5] = 0
    program = capture(net, (IMAGES[:1],))
    equal = equalize(program)

    assert torch.equal(equal.weight("b")[:, 2], program.weight("b")[:, 2])
    assert torch.equal(equal.weight("a")[5], program.weight("a")[5])
    assert equal.run((IMAGES,))[0].isfinite().all()


def test_channels_below_the_normal_numbers_stay_on_every_processor(denormals):
    net = chain(torch.relu, nn.Conv2d(8, 4, 3))
    with torch.no_grad():
        net.a.weight[2] = 1e-39
        net.b.weight[:, 5] = -1e-39
    program = capture(net, (IMAGES[:1],))
    equal = equalize(program)

    assert torch.equal(equal.weight("b")[:, 2], program.weight("b")[:, 2])
    assert torch.equal(equal.weight("a")[5], program.weight("a")[5])


def test_a_chain_of_three_settles():
    torch.manual_seed(0)
    net = uneven(
        Net(
            lambda net, x: net.c(net.b(net.a(x).relu()).relu()),
            a=nn.Conv2d(3, 8, 3),
            b=nn.Conv2d(8, 8, 1),
            c=nn.Conv2d(8, 2, 1),
        )
    )
    equal = equalize(capture(net, (IMAGES[:1],)))
    a, b, c = map(equal.weight, "abc")

    np.testing.assert_allclose(a.abs().amax((1, 2, 3)), b.abs().amax((0, 2, 3)), rtol=0.01)
    np.testing.assert_allclose(b.abs().amax((1, 2, 3)), c.abs().amax((0, 2, 3)), rtol=0.01)


def test_what_the_first_norm_learned_is_of_the_new_weight():
    """Images of the scale of training have the same ratio before and after."""
    torch.manual_seed(0)
    net = uneven(
        Net(
            lambda net, x: net.b(net.norm(net.a(x)).relu()),
            a=nn.Conv2d(3, 8, 3),
            norm=nn.BatchNorm2d(8),
            b=nn.Conv2d(8, 4, 3),
        )
    )
    net.train()(IMAGES)
    program = capture(net.eval(), (IMAGES[:1],))
    ratios = []
    for captured in (program, equalize(program)):
        found, learned = captured.deviations((IMAGES,))
        ratios.append(found / learned)

    assert ratios[1] == pytest.approx(ratios[0], rel=1e-4)


def test_a_plan_of_the_equalized_network_runs_on_no_other():
    program = capture(CHAINS["relu"], (IMAGES[:1],))

    with pytest.raises(PlanError, match=r"not equalized, network is equalized.*--equalize"):
        deploy(equalize(program), plan_for(program, IMAGES, 8))
