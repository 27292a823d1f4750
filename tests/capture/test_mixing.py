"""Networks whose answer to a sample depends on the others of its batch."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from autosplit.capture.capture import capture
from autosplit.errors import AutoSplitWarning, CaptureError


class Net(nn.Module):
    """A network that does something to its hidden features, in plain operators."""

    def __init__(self, change):
        super().__init__()
        self.first, self.last, self.change = nn.Linear(8, 8), nn.Linear(8, 3), change

    def forward(self, x):
        return self.last(self.change(self.first(x).relu()))


def captured(change, example=None):
    torch.manual_seed(0)
    return capture(Net(change).eval(), torch.randn(1, 8) if example is None else example, "net")


@pytest.mark.parametrize(
    ("change", "operator"),
    [
        (lambda y: y + y.sum(0), "sum"),
        (lambda y: y + y.sum(0, keepdim=True), "sum"),
        (lambda y: y - y.mean(), "mean"),
        (lambda y: y.softmax(0), "softmax"),
        (lambda y: y.cumsum(0), "cumsum"),
        (lambda y: y.roll(1, 0), "roll"),
        (
            lambda y: F.batch_norm(y.view(-1, 2, 4), None, None, training=True).flatten(1),
            "batch_norm",
        ),
        (lambda y: y / y.abs().amax(), "amax"),
    ],
)
@pytest.mark.parametrize("samples", [2, 3])
def test_a_network_that_mixes_samples_is_run_one_at_a_time(change, operator, samples):
    with pytest.warns(AutoSplitWarning, match=f"net: {operator}.* at .*test_mixing.py:") as said:
        program = captured(change, torch.randn(samples, 8))

    assert str(said[0].message).endswith("samples are run one at a time, as on a device")
    assert program.batch_size == 1
    assert all(len(one) == 1 for (one,) in program.steps(torch.randn(4, 8)))


def test_a_saved_program_of_two_samples_that_mixes_them_is_refused():
    torch.manual_seed(0)
    network = Net(lambda y: y + y.sum(0)).eval()
    exported = torch.export.export(network, (torch.randn(2, 8),))

    with pytest.raises(CaptureError, match=r"sum at .*: mixes the samples .* the example has 2$"):
        capture(exported, torch.randn(2, 8), "net")


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y + y.sum(1, keepdim=True),
        lambda y: y.softmax(-1),
        lambda y: (y - y.amax()).softmax(-1),  # the largest of the batch cancels out
        lambda y: y + y.new_zeros(len(y), 8).sum(0),
        lambda y: F.layer_norm(y, (8,)),
    ],
)
def test_a_network_that_answers_each_sample_on_its_own_is_taken(change):
    program = captured(change)
    both = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))

    (answers,) = program.run((both,))

    assert torch.allclose(answers[:1], program.run((both[:1],))[0], atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*samples are run one at a time")
def test_a_network_that_cannot_answer_one_sample_is_refused():
    with pytest.raises(CaptureError, match="net: must answer a batch of 1, got: Expected more"):
        captured(lambda y: F.batch_norm(y, None, None, training=True), torch.randn(2, 8))


def test_rounding_that_a_network_amplifies_is_no_mixing():
    """Sums of 1e7 and small numbers differ between batch sizes in float32, not in float64."""
    torch.manual_seed(0)
    wide = nn.Linear(512, 512).eval()
    example = torch.randn(1, 512)

    def forward(x):
        y = wide(x) * 1e6
        return torch.sin(y.sum(1, keepdim=True)) * wide(x)

    class Amplifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide = wide

        def forward(self, x):
            return forward(x)

    assert capture(Amplifier().eval(), example, "net").graph.layers


def test_the_shape_of_an_answer_must_not_depend_on_values():
    with pytest.raises(CaptureError, match=r"unique.* at .*test_mixing.py:\d+: the shape of an"):
        capture(Unique().eval(), torch.randn(1, 8), "net")


class Unique(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 8)

    def forward(self, x):
        return torch.unique((self.first(x) > 0).long())
