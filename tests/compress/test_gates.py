import prunable
import pytest
import torch
from prunable import live_of, net
from torch import nn

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.gates import GatedRun, channel_means, readers
from autosplit.compress.slicing import masked
from autosplit.errors import ModelError


@pytest.mark.parametrize("name", ["residual", "grouped", "flattened", "depthwise"])
def test_closed_gates_give_the_masked_network(name):
    live = live_of(prunable.EVERY[name]())
    channels = channel_groups(live)
    keep = prunable.half_of(channels)
    gates = torch.from_numpy(keep).float().expand(2, -1)

    got = GatedRun(live, channels, gates).run(*live.example)[0]

    expected = masked(live, channels, keep).module(*live.example)[0]
    assert torch.allclose(got, expected, atol=1e-5)


def test_a_gate_has_the_derivative_of_finite_differences():
    live = live_of(prunable.residual())
    channels = channel_groups(live)
    unit = channels.groups[0].units[0]
    gates = torch.ones(2, len(channels.free), dtype=torch.float64, requires_grad=True)
    live.module.double()
    inputs = [x.double() for x in live.example]

    def answer(gates):
        return GatedRun(live, channels, gates).run(*inputs)[0].square().sum()

    (gradient,) = torch.autograd.grad(answer(gates), gates)
    step = torch.zeros_like(gates)
    step[0, unit] = 1e-5
    with torch.no_grad():
        difference = (answer(gates + step) - answer(gates - step)) / 2e-5

    assert float(gradient[0, unit]) == pytest.approx(float(difference), rel=1e-5)


def test_a_closed_gate_leaves_the_mean():
    live = live_of(net(lambda m, x: m.b(m.a(x)), a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(4, 2, 1)))
    channels = channel_groups(live)
    means = channel_means(live, channels, [live.example])
    gates = torch.zeros(2, len(channels.free))

    got = GatedRun(live, channels, gates, means).run(*live.example)[0]

    with torch.no_grad():
        mean = live.module(*live.example)[0].mean((0, 2, 3))
    assert torch.allclose(got, mean.view(1, 2, 1, 1).expand_as(got), atol=1e-5)
    assert list(readers(live, channels)) == list(means)


def test_a_batch_that_is_not_first_is_refused():
    live = live_of(net(lambda m, x: m.b(m.a(x[0])), a=nn.Linear(4, 6), b=nn.Linear(6, 2)), 2, 3, 4)
    channels = channel_groups(live)

    with pytest.raises(ModelError, match="must have the batch in its first axis"):
        GatedRun(live, channels, torch.ones(2, len(channels.free))).run(*live.example)
