"""im2col against torch's own unfold, and products of its rows against the layers."""

import pytest
import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.im2col import gather, is_plain, positions_wanted
from autosplit.capture.operators import weight_argument

ALL = 10**9
CONVOLUTIONS = {
    "plain": nn.Conv2d(4, 6, 3),
    "padded": nn.Conv2d(4, 6, 3, padding=1),
    "strided": nn.Conv2d(4, 6, 3, stride=2, padding=1),
    "dilated": nn.Conv2d(4, 6, 3, dilation=2, padding=2),
    "oblong": nn.Conv2d(4, 6, (3, 1), stride=(1, 2), padding=(1, 0), dilation=(2, 1)),
    "grouped": nn.Conv2d(4, 6, 3, groups=2, padding=1),
    "depthwise": nn.Conv2d(4, 8, 3, groups=4),
    "1 x 1": nn.Conv2d(4, 6, 1),
}


def node_of(layer, *shape):
    program = capture(Net(lambda net, x: net.a(x), a=layer), (torch.zeros(1, *shape),))
    return next(n for n in program.module.graph.nodes if weight_argument(n) is not None)


@pytest.fixture(params=CONVOLUTIONS)
def convolution(request):
    layer = CONVOLUTIONS[request.param]
    return layer, node_of(layer, 4, 7, 9)


def test_rows_times_the_weight_are_the_layers_output(convolution):
    layer, node = convolution
    x = torch.randn(3, 4, 7, 9)
    (rows,) = gather(node, [x], ALL, torch.Generator())
    weight = layer.weight.detach().flatten(1).unflatten(0, (layer.groups, -1))
    product = torch.einsum("gnk,gok->ngo", rows, weight).flatten(1) + layer.bias.detach()
    with torch.no_grad():
        want = layer(x)

    assert torch.allclose(product, want.permute(0, 2, 3, 1).flatten(0, 2), atol=1e-5)


def test_rows_are_the_columns_of_unfold(convolution):
    layer, node = convolution
    x = torch.randn(3, 4, 7, 9)
    rows = gather(node, [x], ALL, torch.Generator())[0]
    columns = nn.functional.unfold(
        x, layer.kernel_size, layer.dilation, layer.padding, layer.stride
    )

    assert torch.equal(torch.cat(list(rows), 1), columns.transpose(1, 2).flatten(0, 1))


def test_the_rows_of_a_linear_layer_are_its_inputs():
    node = node_of(nn.Linear(5, 2), 3, 5)
    x = torch.randn(2, 3, 5)

    assert torch.equal(gather(node, [x], ALL, torch.Generator())[0], x.view(1, 6, 5))


def test_all_values_are_gathered_at_the_same_positions(convolution):
    """Fewer positions than there are: rows of x + 1 are those of x, plus 1 but for the padding."""
    _, node = convolution
    x = torch.rand(3, 4, 7, 9) + 1
    one, two = gather(node, [x, x + 1], 11, torch.Generator().manual_seed(0))

    assert one.shape[1] == 11
    assert torch.equal(torch.where(one == 0, 0.0, one + 1), two)


def test_no_position_is_taken_twice():
    node = node_of(nn.Conv2d(1, 1, 1), 1, 8, 8)
    (rows,) = gather(node, [torch.arange(64.0).view(1, 1, 8, 8)], 40, torch.Generator())

    assert len(set(rows.flatten().tolist())) == 40


@pytest.mark.parametrize(
    ("layer", "shape", "most", "wanted"),
    [
        (nn.Linear(5, 2), (5,), 10**6, 512),  # the least
        (nn.Linear(100, 2), (100,), 10**6, 800),  # 8 for each of 100 inputs
        (nn.Conv2d(32, 2, 3), (32, 8, 8), 10**6, 8 * 9 * 32),
        (nn.Conv2d(32, 2, 3), (32, 8, 8), 1000, 1000),
    ],
)
def test_larger_products_want_more_positions(layer, shape, most, wanted):
    assert positions_wanted(node_of(layer, *shape), most) == wanted


@pytest.mark.parametrize(
    ("layer", "shape", "plain"),
    [
        (nn.Linear(4, 2), (4,), True),
        (nn.Conv2d(4, 2, 3), (4, 8, 8), True),
        (nn.Conv2d(4, 2, 3, padding="same"), (4, 8, 8), False),
        (nn.Conv1d(4, 2, 3), (4, 8), False),
        (nn.ConvTranspose2d(4, 2, 3), (4, 8, 8), False),
    ],
)
def test_only_linear_layers_and_2d_convolutions_with_a_padding_in_numbers_are_plain(
    layer, shape, plain
):
    assert is_plain(node_of(layer, *shape)) is plain
