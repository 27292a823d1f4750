"""Darknet's shortcut against its loop ``shortcut_multilayer_cpu``."""

import math

import pytest
import torch

from autosplit.errors import ModelError
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_shortcut import build_shortcut


def section(**options):
    return Section("shortcut", 3, "a.cfg:9: [shortcut] of layer 3", {"from": "0,1"} | options)


def tensors(channels):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, count, 3, 3, generator=generator) for count in channels]


def share(weights, layer, channel, norm):
    """Weight of a layer as it multiplies a channel."""
    column = [row[channel % len(row)] for row in weights]
    if norm == "none":
        return column[layer]
    if norm == "relu":
        parts = [max(w, 0.001) for w in column]
    else:
        parts = [math.exp(w - max(column)) for w in column]
    return parts[layer] / (sum(parts) + 0.0001)


@pytest.mark.parametrize("channels", [(4, 4, 4), (4, 2, 6), (6, 4, 4)])
@pytest.mark.parametrize("kind", ["none", "per_feature", "per_layer", "per_channel"])
@pytest.mark.parametrize("norm", ["none", "relu", "avg_relu", "softmax"])
def test_a_shortcut_is_darknets_sum(channels, kind, norm):
    module, shape = build_shortcut(
        section(weights_type=kind, weights_normalization=norm), [(c, 3, 3) for c in channels]
    )
    weights = [[1.0]] * 3
    if module.weights is not None:
        with torch.no_grad():
            module.weights.uniform_(-0.3, 2, generator=torch.Generator().manual_seed(1))
        weights = module.weights.tolist()
    inputs = tensors(channels)

    found = module(*inputs)

    norm = {"avg_relu": "relu"}.get(norm, norm) if kind != "none" else "none"
    expected = torch.zeros_like(inputs[0])
    for layer, features in enumerate(inputs):
        for c in range(min(channels[0], channels[layer])):  # the shorter one
            expected[:, c] += features[:, c] * share(weights, layer, c, norm)
    assert shape == (channels[0], 3, 3)
    torch.testing.assert_close(found, expected)


def test_of_a_larger_picture_every_second_pixel_counts():
    module, shape = build_shortcut(section(), [(2, 3, 3), (1, 6, 6)])
    small, large = torch.randn(1, 2, 3, 3), torch.randn(1, 1, 6, 6)

    found = module(small, large)

    assert shape == (2, 3, 3)
    torch.testing.assert_close(found[:, :1], small[:, :1] + large[:, :, ::2, ::2])
    assert torch.equal(found[:, 1:], small[:, 1:])


def test_what_cannot_be_added_is_refused():
    with pytest.raises(ModelError, match="must add layers of one height and width, got 2x3x3 and"):
        build_shortcut(section(), [(2, 3, 3), (2, 4, 4)])
    with pytest.raises(ModelError, match="weights_type is unknown, 'per_chanel', did you mean"):
        build_shortcut(section(weights_type="per_chanel"), [(2, 3, 3), (2, 3, 3)])
