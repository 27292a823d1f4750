"""Layers that multiply, by hand."""

import pytest
import torch

from autosplit.errors import ModelError
from autosplit.models.networks.darknet import build_darknet
from autosplit.models.networks.darknet_gates import (
    build_channel_scale,
    build_sam,
    build_squeeze_excitation,
)
from autosplit.models.networks.darknet_section import Section


def section(**options):
    return Section("sam", 2, "a.cfg:9", {key: str(value) for key, value in options.items()})


def test_every_channel_of_the_earlier_layer_is_scaled():
    module, shape = build_channel_scale(section(), [(2, 1, 1), (2, 3, 4)])
    features = torch.randn(1, 2, 3, 4)

    found = module(torch.tensor([0.5, 3.0]).view(1, 2, 1, 1), features)

    assert shape == (2, 3, 4)
    torch.testing.assert_close(found[:, 0], features[:, 0] * 0.5)
    torch.testing.assert_close(found[:, 1], features[:, 1] * 3)


def test_every_pixel_of_the_earlier_layer_is_scaled_with_scale_wh():
    module, shape = build_channel_scale(section(scale_wh=1), [(1, 3, 4), (2, 3, 4)])
    factors, features = torch.randn(1, 1, 3, 4), torch.randn(1, 2, 3, 4)

    assert shape == (2, 3, 4)
    torch.testing.assert_close(module(factors, features)[:, 1], features[:, 1] * factors[:, 0])


def test_an_output_of_another_shape_cannot_scale():
    with pytest.raises(ModelError, match="must scale 2x3x4 by 2x1x1, the layer before is 3x1x1"):
        build_channel_scale(section(), [(3, 1, 1), (2, 3, 4)])
    with pytest.raises(ModelError, match="must multiply layers of one shape, got 3x1x1 and 2x3x4"):
        build_sam(section(), [(3, 1, 1), (2, 3, 4)])


def test_spatial_attention_multiplies_then_activates():
    module, _ = build_sam(section(activation="relu"), [(1, 1, 2), (1, 1, 2)])

    found = module(torch.tensor([[[[2.0, -1.0]]]]), torch.tensor([[[[3.0, 4.0]]]]))

    assert found.tolist() == [[[[6, 0]]]]


def test_squeeze_and_excitation_weighs_channels_by_their_means():
    module, shape = build_squeeze_excitation(section(filters=4, reduction=2), [(4, 2, 2)])
    features = torch.randn(1, 4, 2, 2)
    squeeze, excite = module.squeeze.weight[:, :, 0, 0], module.excite.weight[:, :, 0, 0]

    hidden = (squeeze @ features.mean((2, 3))[0]).clamp_min(0)
    gate = ((excite @ hidden + 3).clamp(0, 6) / 6)[:, None, None]

    assert shape == (4, 2, 2)
    assert [squeeze.shape, excite.shape] == [(2, 4), (4, 2)]
    torch.testing.assert_close(module(features), features * gate)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 3}, "filters must be the 4 channels it reads, got 3"),
        ({"reduction": 8}, "must have at least 8 channels to reduce, got 4"),
    ],
)
def test_a_wrong_squeeze_is_refused(options, message):
    with pytest.raises(ModelError, match=message):
        build_squeeze_excitation(section(**options), [(4, 2, 2)])


def test_a_file_with_both_is_carried_out():
    """By hand: with weights of 0, logistic(0) = 0.5 halves what layer 0 gives."""
    conv = "[conv]\nfilters=4\nsize=1\nactivation="
    text = f"[net]\nwidth=4\nheight=4\n{conv}linear\n[avgpool]\n{conv}logistic\n"
    network = build_darknet(text + "[scale_channels]\nfrom=-3\n")
    torch.nn.init.zeros_(getattr(network, "2").weight)
    torch.nn.init.zeros_(getattr(network, "2").bias)
    images = torch.rand(1, 3, 4, 4)

    torch.testing.assert_close(network(images), getattr(network, "0")(images) / 2)
