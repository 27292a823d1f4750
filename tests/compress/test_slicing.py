import numpy as np
import prunable
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import randomize
from prunable import EVERY, conv, live_of, net, pruned_half, weights_of
from torch import nn

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.live import live_network, reloaded
from autosplit.compress.slicing import SLICING_ERROR, check_sliced, masked, sliced
from autosplit.errors import CaptureError, OptionError
from autosplit.models.load import load_model


@pytest.mark.parametrize("name", EVERY)
def test_the_sliced_network_is_the_masked_one(name):
    live, small, error = pruned_half(EVERY[name]())

    assert error <= SLICING_ERROR
    assert weights_of(small) < weights_of(live)


def test_a_mask_is_zeros_in_the_weights_that_read_a_channel():
    live = live_of(prunable.plain())
    channels = channel_groups(live)
    keep = np.ones(len(channels.free), bool)
    (read,) = [s for s in channels.slots if (s.target, s.axis) == ("b.weight", 1)]
    keep[read.label[2]] = False
    x = live.example[0]

    got = masked(live, channels, keep).module(x)[0]

    with torch.no_grad():
        live.value("b.weight")[:, 2] = 0
    assert torch.equal(got, live.module(x)[0])


def test_any_batch_runs_through_a_sliced_network():
    _, small, _ = pruned_half(prunable.shuffled())

    again, _ = reloaded(small)

    assert again.module(torch.randn(5, 3, 8, 8))[0].shape == (5, 4, 8, 8)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.sampled_from("conv add cat split depthwise pool".split()), max_size=5))
def test_random_networks_are_sliced_as_they_are_masked(steps):
    def forward(m, x):
        values = [m.first(x)]
        for place, step in enumerate(steps):
            y = values[-1]
            if step == "conv":
                y = torch.relu(getattr(m, f"l{place}")(y))
            elif step == "add":
                y = y + values[max(len(values) - 3, 0)]
            elif step == "cat":
                y = getattr(m, f"l{place}")(torch.cat([y, values[0]], 1))
            elif step == "split":
                a, b = y.split([2, 4], 1)
                y = torch.cat([b, a], 1)
            elif step == "depthwise":
                y = getattr(m, f"l{place}")(y)
            else:
                y = nn.functional.avg_pool2d(y, 3, 1, 1)
            values.append(y)
        return m.last(values[-1])

    made = {"conv": lambda: conv(6, 6), "cat": lambda: conv(12, 6, 1)}
    made["depthwise"] = lambda: conv(6, 6, groups=6)
    layers = {f"l{i}": made[step]() for i, step in enumerate(steps) if step in made}
    network = net(forward, first=conv(3, 6), last=conv(6, 2), **layers)

    _, _, error = pruned_half(network, 2, 3, 5, 5)

    assert error <= SLICING_ERROR


@pytest.mark.slow
def test_a_darknet_is_sliced_as_it_is_masked():
    model = load_model("scenes-yolo")
    live = live_network(model.module, model.example_input, model.name)
    channels = channel_groups(live)
    keep = prunable.half_of(channels)

    assert check_sliced(sliced(live, channels, keep), masked(live, channels, keep)) <= SLICING_ERROR


def test_the_bundled_network_is_sliced_as_it_is_masked():
    model = load_model("fashion-resnet")
    live, small, error = pruned_half(model.module, 2, 1, 28, 28)

    assert error <= SLICING_ERROR
    assert weights_of(small) < 0.3 * weights_of(live)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    "resnet18 mobilenet_v2 squeezenet1_1 densenet121 shufflenet_v2_x0_5 resnext50_32x4d "
    "efficientnet_b0 convnext_tiny".split(),
)
def test_networks_of_torchvision_are_sliced_as_they_are_masked(name):
    torch.manual_seed(0)
    network = randomize(getattr(torchvision.models, name)().eval())

    live, small, error = pruned_half(network, 2, 3, 64, 64)

    assert error <= SLICING_ERROR
    assert weights_of(small) < weights_of(live)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolov3-tiny", "yolov4-tiny", "yolov3"])
def test_darknets_are_sliced_as_they_are_masked(name):
    model = load_model(f"yolo:{name}", input_size=64)

    _, _, error = pruned_half(model.module, 2, 3, 64, 64)

    assert error <= SLICING_ERROR


def test_a_layer_must_keep_a_channel():
    live = live_of(prunable.plain())
    channels = channel_groups(live)

    with pytest.raises(OptionError, match="must keep at least one channel, all 8"):
        sliced(live, channels, ~channels.free)


def test_a_channel_that_must_stay_is_refused():
    live = live_of(prunable.plain())
    channels = channel_groups(live)
    keep = np.ones(len(channels.free), bool)
    keep[~channels.free] = False

    with pytest.raises(OptionError, match=r"c\.weight: must stay whole, it is an output"):
        sliced(live, channels, keep)


def test_another_network_than_the_masked_one_is_refused():
    live = live_of(prunable.plain())
    channels = channel_groups(live)
    keep = prunable.half_of(channels)
    small = sliced(live, channels, keep)
    with torch.no_grad():
        small.value("c.bias").add_(1)

    with pytest.raises(CaptureError, match="must equal the masked one"):
        check_sliced(small, masked(live, channels, keep))
