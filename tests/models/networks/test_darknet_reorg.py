"""Reorganization of pixels against Darknet's loop ``reorg_cpu``."""

import itertools

import pytest
import torch

from autosplit.errors import ModelError
from autosplit.models.networks.darknet_reorg import build_reorg, build_reorg3d
from autosplit.models.networks.darknet_section import Section

SECTION = Section("reorg", 1, "a.cfg:9: [reorg] of layer 1", {"stride": "2"})


def reorg_cpu(x, out_w, out_h, out_c, stride):
    """The loop of Darknet's ``blas.c`` with forward = 0 on a flat list."""
    out, in_c = [0.0] * len(x), out_c // (stride * stride)
    for k, j, i in itertools.product(range(out_c), range(out_h), range(out_w)):
        c2, offset = k % in_c, k // in_c
        w2, h2 = i * stride + offset % stride, j * stride + offset // stride
        out[i + out_w * (j + out_h * k)] = x[w2 + out_w * stride * (h2 + out_h * stride * c2)]
    return out


def test_the_reorg_of_yolov2_is_darknets():
    """Darknet gives the loop the sizes of the input, not of the output."""
    module, shape = build_reorg(SECTION, [(8, 4, 6)])
    images = torch.randn(2, 8, 4, 6)

    found = module(images)

    assert shape == (32, 2, 3)
    for image, got in zip(images, found, strict=True):
        expected = reorg_cpu(image.flatten().tolist(), 6, 4, 8, 2)
        assert torch.equal(got, torch.tensor(expected).view(32, 2, 3))


def test_reorg3d_is_a_space_to_depth():
    module, shape = build_reorg3d(SECTION, [(3, 4, 6)])
    images = torch.randn(1, 3, 4, 6)

    found = module(images)

    assert shape == (12, 2, 3)
    expected = reorg_cpu(images.flatten().tolist(), 3, 2, 12, 2)
    assert torch.equal(found, torch.tensor(expected).view(1, 12, 2, 3))
    assert found[0, 3 * (2 * 1 + 0) + 2, 1, 2] == images[0, 2, 3, 4]


@pytest.mark.parametrize(
    ("build", "shape", "message"),
    [
        (build_reorg, (6, 4, 4), "channels must be a multiple of 4, the squared stride, got 6"),
        (build_reorg, (8, 5, 4), "height and width must be multiples of stride=2, got 5 and 4"),
        (build_reorg3d, (8, 4, 5), "height and width must be multiples of stride=2, got 4 and 5"),
    ],
)
def test_pixels_that_make_no_squares_are_refused(build, shape, message):
    with pytest.raises(ModelError, match=message):
        build(SECTION, [shape])
