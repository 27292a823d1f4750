import captures
import pytest
import torch
import torch.nn.functional as F
from fusions import checked, conv
from measured import plan_for
from nets import Net, fused
from torch import nn

from autosplit.capture.capture import capture
from autosplit.halves.deployed import deploy


def odd(values, places):
    return values * (places % 2)


def times(numbers):
    return numbers.real * numbers.imag


TOP = {
    "values and places": (
        lambda net, x: odd(*net.conv(x).flatten(1).topk(5)),
        ["conv=conv2d", "sort=topk", "sort_2=topk", "mul=mul"],
    ),
    "places alone": (
        lambda net, x: F.one_hot(net.conv(x).flatten(1).max(1)[1], 200).float(),
        ["conv=conv2d", "reduce=max", "move=one_hot"],
    ),
    "variance and mean": (
        lambda net, x: torch.sub(*torch.var_mean(net.conv(x), (2, 3))),
        ["conv=conv2d", "reduce=var_mean", "reduce_2=var_mean", "sub=sub"],
    ),
    "a pool and its places": (
        lambda net, x: F.max_unpool2d(*F.max_pool2d(net.conv(x), 2, return_indices=True), 2),
        [
            "conv=conv2d",
            "max_pool=max_pool2d_with_indices",
            "max_pool_2=max_pool2d_with_indices",
            "move=max_unpool2d",
        ],
    ),
    "parts": (
        lambda net, x: torch.add(*net.conv(x).split(2, 1)),
        ["conv=conv2d", "add=add"],
    ),
    "complex numbers": (
        lambda net, x: torch.fft.rfft2(net.conv(x)).abs(),
        ["conv=conv2d", "fft=fft_rfft2+abs"],
    ),
    "complex numbers that two layers read": (
        lambda net, x: times(torch.fft.rfft2(net.conv(x))),
        None,
    ),
}


@pytest.mark.parametrize("case", TOP)
def test_each_output_that_is_read_is_a_layer(case):
    function, expected = TOP[case]
    program = checked(Net(function, conv=conv()))

    if expected is not None:
        assert fused(program) == expected


def test_one_operator_is_counted_once():
    """torch's own count: the products of one LSTM, whichever outputs are read."""
    rnn = torch.nn.LSTM(4, 5, batch_first=True)
    network = Net(lambda net, x: torch.cat([net.rnn(x)[0][:, 0], net.rnn(x)[1][0][0]], 1), rnn=rnn)
    program = captures.program_of(network, (2, 3, 4))
    assert sum(layer.macs for layer in program.graph.layers) == 2 * 3 * (4 + 5) * 4 * 5


NORMS = {
    "a layer norm by hand": lambda x: (
        (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + 1e-7).sqrt()
    ),
    "a root mean square norm": lambda x: x * (x.square().mean(-1, keepdim=True) + 1e-12).rsqrt(),
    "a unit vector": lambda x: F.normalize(x, dim=-1),
    "a softmax by hand": lambda x: x.exp() / x.exp().sum(-1, keepdim=True),
}


@pytest.mark.parametrize("norm", NORMS)
def test_what_a_tensor_is_divided_by_is_no_tensor_of_a_layer(norm):
    """At 4 bits the divisor of a small row would become 0, and the answer NaN."""
    torch.manual_seed(0)
    network = Norm(NORMS[norm])
    x = torch.randn(8, 6, 16) * torch.tensor([1.0, 1e-3]).repeat(3)[:, None]
    program = capture(network, x)

    (got,), _ = deploy(program, plan_for(program, (x,), 4))(x)

    assert got.isfinite().all()
    writes = [layer.operators[-1] for layer in program.graph.layers]
    assert not {"sqrt", "rsqrt", "linalg_vector_norm", "clamp_min", "sum"} & set(writes)


class Norm(nn.Module):
    """A norm that is written by hand, and a head."""

    def __init__(self, norm):
        super().__init__()
        self.norm, self.head = norm, nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.norm(x))
