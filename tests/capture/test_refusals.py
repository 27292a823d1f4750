import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from autosplit.capture.capture import capture
from autosplit.errors import CaptureError


class Counting(nn.Module):
    """m10: a buffer that every call changes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("n", torch.zeros(()))
        self.f = nn.Linear(8, 4)

    def forward(self, x):
        self.n += 1
        return self.f(x) * self.n


class Streaming(nn.Module):
    """A cache of the last frames."""

    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(2, 8))
        self.f = nn.Linear(8, 4)

    def forward(self, x):
        self.cache.copy_(torch.cat([self.cache, x])[-2:])
        return self.f(x + self.cache.mean(0))


class Remembering(nn.Module):
    """A tensor in an attribute."""

    def __init__(self):
        super().__init__()
        self.before, self.f = torch.zeros(1, 4), nn.Linear(8, 4)

    def forward(self, x):
        y = self.f(x) + self.before
        self.before = y.mean(0, keepdim=True)
        return y


class Cached(nn.Module):
    """What it computes once and keeps, of its parameters or of its first input."""

    def __init__(self, of_input):
        super().__init__()
        self.f, self.bias = nn.Linear(8, 4), nn.Parameter(torch.randn(4, 4))
        self.of_input, self.kept = of_input, {}

    def forward(self, x):
        y = self.f(x)
        if "bias" not in self.kept:
            self.kept["bias"] = (y if self.of_input else self.bias).mean(0)
        return y + self.kept["bias"]


class Of(nn.Module):
    """A linear layer and a function."""

    def __init__(self, function, **parameters):
        super().__init__()
        self.f, self.function = nn.Linear(8, 4), function
        for name, value in parameters.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.function(self, self.f(x))


HERE = re.escape(__file__) + r":\d+"
REFUSED = {
    "a counter": (Counting(), rf"n: a network must not keep state.*at {HERE}"),
    "a cache": (Streaming(), rf"cache: a network must not keep state.*at {HERE}"),
    "an attribute": (Remembering(), r"before: a network must not keep state.*to attributes"),
    "dropout that is always on": (
        Of(lambda net, y: F.dropout(y, 0.5)),
        rf"dropout at {HERE}: must be exported in eval mode.*self.training",
    ),
    "random numbers": (
        Of(lambda net, y: y + torch.randn_like(y)),
        rf"randn_like at {HERE}: a network must not draw random numbers",
    ),
    "a random choice": (
        Of(lambda net, y: y * torch.bernoulli(y.sigmoid())),
        rf"bernoulli at {HERE}: a network must not draw random numbers",
    ),
    "a complex parameter": (
        Of(lambda net, y: (y * net.w).abs(), w=nn.Parameter(torch.ones(4, dtype=torch.complex64))),
        r"w: a parameter must be real, got complex64; .*view_as_real",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_split_can_stand_for_is_named_in_one_line(case):
    network, message = REFUSED[case]
    before = {name: value.clone() for name, value in network.state_dict().items()}

    with pytest.raises(CaptureError, match=message) as refusal:
        capture(network.eval(), torch.randn(2, 8))

    assert "\n" not in str(refusal.value)
    after = network.state_dict()  # the caller's module is left as it was
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_is_computed_once_of_parameters_may_be_kept():
    network, x = Cached(of_input=False).eval(), torch.randn(3, 8)

    program = capture(network, (torch.randn(2, 8),))

    assert network.kept == {}
    torch.testing.assert_close(program.run((x,))[0], network.f(x) + network.bias.mean(0))


def test_what_is_kept_of_the_first_input_is_refused():
    with pytest.raises(CaptureError, match="must equal the network"):
        capture(Cached(of_input=True).eval(), (torch.randn(2, 8),))
