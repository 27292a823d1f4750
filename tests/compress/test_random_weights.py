import pytest
import torch
from nets import Net
from torch import nn

from autosplit.compress.live import live_network
from autosplit.compress.random_weights import restart
from autosplit.errors import OptionError


def live_of(extra=None):
    def forward(m, x):
        y = m.b(torch.relu(m.n(m.a(x))).flatten(1))
        return y if extra is None else y * m.extra

    modules = {"a": nn.Conv2d(2, 8, 3), "n": nn.BatchNorm2d(8), "b": nn.Linear(128, 50)}
    modules |= {} if extra is None else {"extra": extra}
    torch.manual_seed(0)
    return live_network(Net(forward, **modules), torch.randn(2, 2, 6, 6), "net")


def test_weights_fill_the_range_of_their_inputs_and_norms_begin_anew():
    """18 and 128 elements are summed."""
    live = live_of()
    with torch.no_grad():
        for value in live.tensors.values():
            value.fill_(7)

    restart(live, 0)

    for name, summed in (("a.weight", 18), ("a.bias", 18), ("b.weight", 128), ("b.bias", 128)):
        bound = summed**-0.5
        most = float(live.value(name).detach().abs().max())
        assert 0.5 * bound < most <= bound
    for name, expected in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
        assert (live.value(f"n.{name}") == expected).all()


def test_the_seed_decides():
    values = []
    for seed in (0, 0, 1):
        live = live_of()
        restart(live, seed)
        values.append(live.value("b.weight").clone())

    assert torch.equal(values[0], values[1])
    assert not torch.equal(values[0], values[2])


def test_a_parameter_of_an_unknown_kind_is_named():
    with pytest.raises(OptionError, match=r"knows no random values for extra \(1 such"):
        restart(live_of(nn.Parameter(torch.ones(50))), 0)
