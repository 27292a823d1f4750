"""Coded bytes that are measured are those that the wire takes."""

import numpy as np
import pytest
import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion import coded as module
from autosplit.distortion.coded import code_tensors
from autosplit.distortion.measure import measure
from autosplit.errors import DataError
from autosplit.graph.memory import packed_bytes
from autosplit.halves.wire.entropy import EntropyCoder
from autosplit.halves.wire.symbols import group_channels
from autosplit.quantize.affine import quantize

IMAGES = torch.rand(48, 1, 12, 12, generator=torch.Generator().manual_seed(0)) ** 3
BATCHES = [IMAGES[:20], IMAGES[20:]]


@pytest.fixture(scope="module")
def program():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        modules = {"conv": nn.Conv2d(1, 20, 3), "last": nn.Linear(2000, 10)}
    network = Net(lambda net, x: net.last(net.conv(x).relu().flatten(1)), **modules)
    return capture(network, (IMAGES[:1],))


@pytest.fixture(scope="module")
def stats(program):
    return code_tensors(program, lambda: iter(BATCHES), measure(program, lambda: iter(BATCHES)))


def integers(program, stats, name, bits):
    """The integers of every image, as the float network writes them."""
    seen = {}
    program.run(program.flatten(IMAGES), lambda n, value: seen.setdefault(n, value.clone()))
    grid = stats.grids[name, "activation", bits]
    return quantize(program.samples(name, seen[name]), grid).numpy()


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("name", ["x", "conv"])
def test_the_mean_is_that_of_the_wire_to_the_byte(program, stats, name, bits):
    found = stats.coded[name, bits]
    coder = EntropyCoder(program.graph.shape(name), found.classes, bits)

    sizes = [len(data) for data in coder.encode(integers(program, stats, name, bits))]

    assert np.mean(sizes) == found.mean
    assert np.percentile(sizes, 95) == found.p95
    assert found.sent == np.ceil(found.mean)


def test_tensors_that_are_shorter_when_packed_are_packed(stats):
    sent = stats.sent("entropy")
    assert ("conv", 4) in sent
    for (name, bits), found in sent.items():
        assert (
            stats.coded[name, bits].mean <= found < packed_bytes(stats.tensors[name].elements, bits)
        )
    assert ("last", 1) in stats.coded.keys() - sent.keys()
    assert stats.sent("packed") == {}


def test_relu_leaves_at_most_two_thirds_of_a_small_tensor(stats):
    assert stats.coded["conv", 4].mean < packed_bytes(2000, 4) * 2 / 3


def test_without_samples_nothing_is_coded(program, stats):
    with pytest.raises(DataError, match=r"^calibration data: must have at least one sample"):
        code_tensors(program, lambda: iter([]), stats)


def test_the_number_of_classes_is_the_one_that_takes_the_fewest_bytes(program, stats):
    """The channels of a small tensor are alike, so four codes cost more than they save."""
    whole = integers(program, stats, "conv", 4).reshape(48, 20, 100)
    histogram = [np.bincount(whole[:, channel].ravel(), minlength=16) for channel in range(20)]
    four = EntropyCoder((20, 10, 10), group_channels(np.array(histogram, float), 4), 4)

    assert stats.coded["conv", 4].mean < np.mean([len(data) for data in four.encode(whole)])


def test_channels_are_put_into_classes_by_their_integers_at_4_bits(program, stats, monkeypatch):
    """The classes hold for every width, and their number is chosen at 4 bits."""
    seen, plain = [], module._classes

    def classes(samples, shape, bits):
        seen.append((samples, bits))
        return plain(samples, shape, bits)

    monkeypatch.setattr(module, "_classes", classes)
    coded = code_tensors(program, lambda: iter(BATCHES), stats).coded

    assert [bits for _, bits in seen] == [4] * len({name for name, _ in coded})
    assert any(
        np.array_equal(samples, integers(program, stats, "conv", 4)[:20].reshape(20, -1))
        for samples, _ in seen
    )
    assert len({coded["conv", bits].classes for bits in (1, 2, 4, 8)}) == 1
