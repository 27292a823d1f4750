"""Layers of YOLOv1 and of classifiers, against loops."""

import pytest
import torch

from autosplit.errors import ModelError
from autosplit.models.networks.darknet import build_darknet
from autosplit.models.networks.darknet_dense import (
    build_batchnorm,
    build_connected,
    build_crop,
    build_local,
)
from autosplit.models.networks.darknet_section import Section


def section(**options):
    return Section("local", 0, "a.cfg:3", {key: str(value) for key, value in options.items()})


@pytest.mark.parametrize(
    ("options", "shape"),
    [({"size": 3, "pad": 1}, (2, 4, 5)), ({"size": 2, "stride": 2}, (2, 2, 2))],
)
def test_a_local_layer_has_weights_of_its_own_at_every_pixel(options, shape):
    module, found_shape = build_local(
        section(filters=2, activation="linear", **options), [(3, 4, 5)]
    )
    torch.nn.init.normal_(module.bias)
    images = torch.randn(2, 3, 4, 5)
    pad, stride, size = options.get("pad", 0), options.get("stride", 1), options["size"]
    wide = torch.nn.functional.pad(images, (pad,) * 4)

    found = module(images)

    assert found_shape == shape
    assert found.shape == (2, *shape)
    for row in range(shape[1]):
        for column in range(shape[2]):
            y, x = row * stride, column * stride
            taps = wide[:, :, y : y + size, x : x + size].flatten(1)
            place = row * shape[2] + column
            expected = taps @ module.weight[place].T + module.bias[:, place]
            torch.testing.assert_close(found[:, :, row, column], expected)


def test_a_connected_layer_reads_channels_then_rows():
    module, shape = build_connected(section(output=5, activation="relu"), [(2, 3, 4)])
    images = torch.randn(2, 2, 3, 4)

    expected = (images.reshape(2, 24) @ module.weight.T + module.bias).clamp_min(0)

    assert shape == (5, 1, 1)
    torch.testing.assert_close(module(images), expected[:, :, None, None])


def test_a_connected_layer_normalizes_before_it_activates():
    module, _ = build_connected(
        section(output=2, batch_normalize=1, activation="relu"), [(1, 1, 2)]
    )
    module.eval()
    module.norm.running_mean.fill_(3.0)
    module.norm.running_var.fill_(4.0 - 1e-5)
    with torch.no_grad():
        module.weight.copy_(torch.eye(2))

    assert module(torch.tensor([[[[7.0, 1.0]]]])).flatten().tolist() == pytest.approx([2, 0])


def test_a_crop_takes_the_middle_and_centres_the_values():
    module, shape = build_crop(section(crop_height=2, crop_width=2), [(1, 4, 4)])
    images = torch.arange(16.0).view(1, 1, 4, 4) / 16

    assert shape == (1, 2, 2)
    assert module(images).flatten().tolist() == [v / 8 - 1 for v in (5, 6, 9, 10)]
    with pytest.raises(ModelError, match="must lie within 4 by 4, got 5 by 2"):
        build_crop(section(crop_height=5, crop_width=2), [(1, 4, 4)])


def test_a_batch_norm_may_stand_alone():
    module, shape = build_batchnorm(section(), [(3, 2, 2)])

    assert shape == (3, 2, 2)
    found = module.eval()(torch.ones(1, 3, 2, 2)).detach()
    assert float(found.mean()) == pytest.approx(1, abs=1e-4)


def test_yolov1_is_built_of_them():
    text = (
        "[net]\nwidth=8\nheight=8\n[conv]\nfilters=4\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
        "[local]\nsize=3\nstride=1\npad=1\nfilters=2\nactivation=leaky\n[dropout]\n"
        "[connected]\noutput=48\nactivation=linear\n"
        "[detection]\nclasses=2\ncoords=4\nside=2\nnum=2\nsqrt=1\nrescore=1\nsoftmax=0\n"
    )

    network = build_darknet(text)

    assert network.shapes[1:] == [(2, 4, 4), (2, 4, 4), (48, 1, 1), (48, 1, 1)]
    assert network.heads[0].coding == "yolov1"
    assert network.heads[0].squared
