import prunable
import pytest
import torch
from prunable import conv, live_of, net
from torch import nn
from torch.nn import functional as F

from autosplit.compress.sparse import sparse_pull
from autosplit.errors import OptionError


def forward(m, x):
    y = m.f(m.a(x))
    return m.c(y + m.h(m.d(F.relu(m.g(m.b(y))))))


@pytest.fixture
def live():
    return live_of(
        net(
            forward,
            a=conv(3, 4),
            f=nn.BatchNorm2d(4),
            b=conv(4, 5),
            g=nn.BatchNorm2d(5),
            d=conv(5, 4),
            h=nn.BatchNorm2d(4),
            c=conv(4, 2),
        )
    )


@pytest.mark.parametrize(
    ("pruning", "pulled"),
    [("slim", "fgh"), ("shortcut", "fgh"), ("normal", "g"), ("regular", "g"), ("layer", "h")],
)
def test_the_scales_that_a_pruning_reads_are_pulled(live, pruning, pulled):
    """The gradient of the loss plus s |g| summed over the scales, by autograd."""
    live.module(*live.example)[0].square().sum().backward()
    before = {name: live.value(f"{name}.weight").grad.clone() for name in "fgh"}

    sparse_pull(live, pruning, 0.25)()

    for name in "fgh":
        scale = live.value(f"{name}.weight").detach().requires_grad_()
        (0.25 * scale.abs().sum()).backward()
        wanted = before[name] + (scale.grad if name in pulled else 0)
        torch.testing.assert_close(live.value(f"{name}.weight").grad, wanted)


def test_without_a_strength_nothing_is_pulled(live):
    live.module(*live.example)[0].sum().backward()
    before = live.value("f.weight").grad.clone()

    sparse_pull(live, "slim", 0.0)()

    assert torch.equal(live.value("f.weight").grad, before)


@pytest.mark.parametrize("pruning", ["slim", "layer"])
def test_a_network_without_scales_to_pull_is_refused(pruning):
    with pytest.raises(OptionError, match=r"needs (batch norms|residual blocks)"):
        sparse_pull(live_of(prunable.flattened()), pruning, 0.1)
