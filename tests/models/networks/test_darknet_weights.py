"""Darknet's weights files: the order of the numbers, the header, and what is wrong with a file."""

import struct

import numpy as np
import pytest
import torch

from autosplit.errors import ModelError
from autosplit.models.networks.darknet import build_darknet
from autosplit.models.networks.darknet_weights import read_weights, write_weights

CFG = """
[net]
width=8
height=8
channels=2
[convolutional]
batch_normalize=1
filters=3
size=1
activation=leaky
[maxpool]
size=2
stride=2
[convolutional]
filters=2
size=2
activation=linear
"""
NUMBERS = 4 * 3 + 3 * 2 * 1 * 1 + 2 + 2 * 3 * 2 * 2  # 44


@pytest.fixture
def network():
    return build_darknet(CFG).eval()


def write(path, numbers, header=(0, 2, 0), seen=b"\x07" + b"\0" * 7):
    path.write_bytes(struct.pack("<iii", *header) + seen + np.asarray(numbers, "<f4").tobytes())
    return path


def test_numbers_are_shift_scale_mean_variance_weight_then_bias_weight(network, tmp_path):
    seen = read_weights(network, write(tmp_path / "a.weights", range(NUMBERS)))

    first, last = getattr(network, "0"), getattr(network, "2")
    assert seen == 7
    assert first.norm.bias.tolist() == [0, 1, 2]
    assert first.norm.weight.tolist() == [3, 4, 5]
    assert first.norm.running_mean.tolist() == [6, 7, 8]
    assert first.norm.running_var.tolist() == [9, 10, 11]
    assert first.weight.flatten().tolist() == list(range(12, 18))
    assert last.bias.tolist() == [18, 19]
    assert last.weight.flatten().tolist() == list(range(20, 44))
    assert last.weight[1, 0, 0, 1] == 33  # filter, channel, row, column: columns vary fastest


@pytest.mark.parametrize(
    ("header", "seen"), [((0, 1, 0), struct.pack("<i", 9)), ((0, 2, 5), struct.pack("<q", 9))]
)
def test_the_count_of_images_is_4_bytes_before_version_0_2_and_8_since(
    network, tmp_path, header, seen
):
    path = write(tmp_path / "a.weights", range(NUMBERS), header, seen)

    assert read_weights(network, path) == 9
    assert getattr(network, "0").norm.bias.tolist() == [0, 1, 2]


def test_what_is_written_is_read_back(network, tmp_path):
    path = tmp_path / "a.weights"
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape))
    write_weights(network, path, seen=2**40)
    other = build_darknet(CFG).eval()

    assert path.stat().st_size == 20 + 4 * NUMBERS
    assert read_weights(other, path) == 2**40
    images = torch.rand(2, 2, 8, 8)
    torch.testing.assert_close(other(images), network(images), rtol=0, atol=0)


def test_a_written_file_is_a_header_of_version_0_2_and_the_numbers_in_darknets_order(tmp_path):
    network = build_darknet(
        "[net]\nwidth=1\nheight=1\nchannels=1\n"
        "[convolutional]\nbatch_normalize=1\n[convolutional]\nactivation=linear\n"
    )
    first, last = getattr(network, "0"), getattr(network, "1")
    with torch.no_grad():
        first.weight.fill_(5)
        for tensor, value in zip(
            (first.norm.bias, first.norm.weight, first.norm.running_mean, first.norm.running_var),
            (1, 2, 3, 4),
            strict=True,
        ):
            tensor.fill_(value)
        last.bias.fill_(6)
        last.weight.fill_(7)

    write_weights(network, tmp_path / "a.weights", seen=9)

    assert (tmp_path / "a.weights").read_bytes() == struct.pack(
        "<iiiq7f", 0, 2, 0, 9, 1, 2, 3, 4, 5, 6, 7
    )


def test_what_a_port_adds_to_variances_is_written_into_them(network, tmp_path):
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.eps = 1e-2
            part.running_var.fill_(1e-3)
    write_weights(network, tmp_path / "a.weights")
    other = build_darknet(CFG).eval()

    read_weights(other, tmp_path / "a.weights")

    images = torch.rand(2, 2, 8, 8)
    torch.testing.assert_close(other(images), network(images))


def test_weights_of_another_kind_of_network_are_not_written(tmp_path):
    with pytest.raises(ModelError, match=r"must be of a network of a \.cfg file, got a Linear"):
        write_weights(torch.nn.Linear(1, 1), tmp_path / "a.weights")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (NUMBERS + 3, "must hold the 44 numbers of this network, 3 numbers are left over"),
        (
            NUMBERS - 1,
            "must hold the 44 numbers of this network, 1 are missing, it ends in layer 2",
        ),
        (18, "26 are missing, it ends in layer 2; it is truncated or of another network"),
        (5, "39 are missing, it ends in layer 0"),
    ],
)
def test_another_number_of_numbers_is_refused_with_the_difference(network, tmp_path, count, text):
    path = write(tmp_path / "a.weights", range(count))
    before = {key: value.clone() for key, value in network.state_dict().items()}

    with pytest.raises(ModelError) as error:
        read_weights(network, path)

    assert text in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    for key, value in network.state_dict().items():  # nothing is half read
        assert torch.equal(value, before[key])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "has 0 bytes, fewer than its header"),
        (struct.pack("<iii", 0, 2, 0) + b"\0" * 5, "ends inside its header of 20 bytes"),
        (struct.pack("<iiiq", 0, 3, 1, 0), "version 0.0 or 0.1 or 0.2, its header says 0.3.1"),
        (b"PK\x03\x04" * 9, "must be a Darknet weights file of version"),
        (struct.pack("<iiiq", 0, 2, 0, 0) + b"\0" * (4 * NUMBERS + 2), "2 bytes are left over"),
        (struct.pack("<iiiq", 0, 2, 0, 0) + b"\xff" * (4 * NUMBERS), "finite numbers, 44 are not"),
    ],
)
def test_what_is_no_whole_weights_file_is_refused(network, tmp_path, content, text):
    (tmp_path / "a.weights").write_bytes(content)

    with pytest.raises(ModelError, match=text):
        read_weights(network, tmp_path / "a.weights")


def test_a_missing_file_is_refused(network, tmp_path):
    with pytest.raises(ModelError, match="must be a Darknet weights file, No such file"):
        read_weights(network, tmp_path / "none.weights")


EVERY_KIND = """
[net]
width=4
height=4
channels=4
[depthwise]
filters=4
size=1
activation=linear
[se]
[shortcut]
from=-2
weights_type=per_channel
weights_normalization=relu
[batchnorm]
[local]
filters=1
size=2
stride=2
activation=linear
[connected]
output=2
batch_normalize=1
"""


def test_every_kind_of_layer_has_its_numbers_in_darknets_order(tmp_path):
    network = build_darknet(EVERY_KIND).eval()
    sizes = [4 + 4, 4 + 4, 8, 16, 4 + 4 * 16, 2 + 8 + 6]  # of each layer, by hand

    read_weights(network, write(tmp_path / "a.weights", range(sum(sizes))))

    layers = list(network.children())
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    assert layers[0].bias.tolist() == [0, 1, 2, 3]
    assert layers[1].squeeze.weight.flatten()[0] == starts[1]
    assert layers[1].excite.weight.flatten().tolist() == list(range(12, 16))
    assert layers[2].weights[1].tolist() == list(range(20, 24))
    assert layers[3].running_var.tolist() == list(range(starts[3] + 12, starts[3] + 16))
    assert layers[4].bias.flatten().tolist() == list(range(starts[4], starts[4] + 4))
    assert layers[4].weight[1, 0].tolist() == list(range(starts[4] + 20, starts[4] + 36))
    connected = layers[5]  # bias, weight, scale, mean, variance
    assert connected.norm.bias.tolist() == [starts[5], starts[5] + 1]
    assert connected.weight.flatten().tolist() == list(range(starts[5] + 2, starts[5] + 10))
    assert connected.norm.weight.tolist() == [starts[5] + 10, starts[5] + 11]


def test_every_kind_of_layer_is_read_back(tmp_path):
    first, second = (build_darknet(EVERY_KIND).eval() for _ in range(2))
    write_weights(first, tmp_path / "a.weights")

    read_weights(second, tmp_path / "a.weights")

    for name, tensor in first.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(tensor, second.state_dict()[name])


def test_a_file_of_a_backbone_fills_the_first_layers(network, tmp_path):
    last = getattr(network, "2").weight.clone()
    first = 4 * 3 + 6  # layer 0 has all the numbers of the first 2 layers

    read_weights(network, write(tmp_path / "net.conv.2", range(first)))

    assert getattr(network, "0").norm.bias.tolist() == [0, 1, 2]
    assert torch.equal(getattr(network, "2").weight, last)
    with pytest.raises(ModelError, match="must hold the 18 numbers of this network, 26 numbers "):
        read_weights(network, write(tmp_path / "net.conv.2", range(NUMBERS)))
