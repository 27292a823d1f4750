"""Running again from a tensor on gives what the whole network gives."""

import pytest
import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.capture.trainable import trainable as trainable_copy

IMAGES = torch.randn(3, 2, 6, 6, generator=torch.Generator().manual_seed(0))


def small():
    torch.manual_seed(0)
    return Net(
        lambda net, x: net.last((net.first(x).relu() + net.side(x)).mean((2, 3))),
        first=nn.Conv2d(2, 4, 3, padding=1),
        side=nn.Conv2d(2, 4, 1),
        last=nn.Linear(4, 3),
    )


def test_a_weight_replayed_is_the_network_with_that_weight():
    network = small()
    program = capture(network, (IMAGES[:1],))
    wiring = Wiring(program)
    run = ReplayedRun(wiring, (IMAGES,), [])
    changed = program.weight("side") + 0.5
    overrides = dict.fromkeys(wiring.sources("side"), changed)
    with torch.no_grad():
        got = run.replay(overrides, wiring.after(list(overrides)))
        network.side.weight.copy_(changed)
        torch.testing.assert_close(got[0], network(IMAGES))


@pytest.mark.parametrize("trainable", [False, True])
def test_gradients_begin_at_the_nodes_that_are_asked_for_weights_too(trainable):
    network = small()
    program = capture(network, (IMAGES[:1],))
    wiring = Wiring(trainable_copy(program) if trainable else program)
    (source,) = wiring.sources("side")
    run = ReplayedRun(wiring, (IMAGES,), [source.name])
    (found,) = torch.autograd.grad(run.outputs[0].sum(), list(run.values([source.name]).values()))
    network(IMAGES).sum().backward()

    assert not run.values([node.name for node in wiring.sources("first")])
    torch.testing.assert_close(found, network.side.weight.grad)


def test_what_follows_leaves_out_the_other_branch():
    wiring = Wiring(capture(small(), (IMAGES[:1],)))
    names = [wiring.written[n] for n in wiring.after(wiring.sources("side")) if n in wiring.written]
    assert names[0] == "side"
    assert "first" not in names
    assert names[-1] == "last"


def test_a_weight_is_read_by_its_layer_through_the_activation_that_was_fused():
    ((tensor, chain),) = Wiring(capture(small(), (IMAGES[:1],))).readers["first"]
    assert tensor == "first"
    assert len(chain) == 2
