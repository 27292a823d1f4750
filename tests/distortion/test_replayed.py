"""What is run again equals a whole run with one tensor quantized."""

import copy

import pytest
import torch
from dense import IMAGES, batches, classifier, linear, measured, quantized
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.distortion import replayed
from autosplit.distortion.finished_share import Gains
from autosplit.distortion.metrics import sensitivity


def test_what_matters_most_is_run_again_exactly(monkeypatch):
    monkeypatch.setattr(replayed, "_SURE", 0.0)
    network = classifier()
    program, stats = measured(network)
    got = sensitivity(program, batches, stats, "output").distortions
    with torch.no_grad():
        hidden = quantized(stats, "first", 2, network.first(IMAGES).relu())
        after = network.last(network.middle(hidden).relu()).log_softmax(1)
        before = network(IMAGES).log_softmax(1)
    brute = float((before.exp() * (before - after)).sum() / 32)
    assert got["first", "activation", 2].distortion == pytest.approx(brute, rel=1e-4)


@pytest.mark.parametrize("replays", [0.0, 1e9])
def test_what_finishing_gains_is_counted_once(replays, monkeypatch):
    """The answer is linear in the weight, so its squared change falls by the share that is left."""
    monkeypatch.setattr(replayed, "REPLAYS", replays)
    monkeypatch.setattr(replayed, "_SURE", 0.0)
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


LAYERS = {
    "linear": (nn.Linear(4, 4), (5, 4), -1),
    "1-d": (nn.Conv1d(3, 6, 3), (3, 8), 1),
    "2-d": (nn.Conv2d(3, 6, 3), (3, 8, 8), 1),
    "transposed": (nn.ConvTranspose2d(3, 6, 3), (3, 6, 6), 1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_product_with_another_weight_keeps_the_mean_of_each_channel(name):
    """Channels of different means; a mean over another axis would leave them where they moved."""
    layer, shape, axis = LAYERS[name]
    torch.manual_seed(0)
    images = torch.rand(7, *shape) + torch.linspace(0, 3, shape[-1])
    program = capture(Net(lambda net, x: net.a(x), a=layer), (images[:1],))
    wiring = Wiring(program)
    run = ReplayedRun(wiring, (images,), [])
    root = wiring.readers["a"][0][1][0]
    other = program.weight("a") + 0.1 * torch.randn(program.weight("a").shape)
    float_layer = copy.deepcopy(layer)
    with torch.no_grad():
        before = layer(images)
        float_layer.weight.copy_(other)
        moved = float_layer(images)
        got = replayed.layer_product(run, wiring, "a", root, other)
    others = [i for i in range(before.dim()) if i != axis % before.dim()]
    mean = (moved - before).mean(others, keepdim=True)

    assert float(mean.abs().min()) > 1e-3
    assert torch.allclose(got, moved - mean, atol=1e-5)


def test_what_finishing_leaves_is_a_share_of_the_squared_error():
    torch.manual_seed(0)
    images = torch.rand(7, 3, 8, 8)
    program = capture(Net(lambda net, x: net.a(x), a=nn.Conv2d(3, 6, 3)), (images[:1],))
    wiring = Wiring(program)
    run = ReplayedRun(wiring, (images,), [])
    root = wiring.readers["a"][0][1][0]
    other = program.weight("a") * 1.1
    whole, half = (
        replayed.layer_product(run, wiring, "a", root, other, left) - run.env[root]
        for left in (1.0, 0.25)
    )

    assert torch.allclose(half, whole / 2, atol=1e-6)
