import pytest
import torch
from torch import nn

from autosplit.capture.capture import capture
from autosplit.errors import CaptureError, DataError


class Both(nn.Module):
    """Two inputs: a picture's features and token ids, as one argument each."""

    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(50, 4), nn.Linear(6, 3)

    def forward(self, rows, ids=None):
        return self.head(torch.cat([rows, self.table(ids).mean(1)], 1))


class Nested(nn.Module):
    """One argument: a mapping with a pair in it."""

    def __init__(self):
        super().__init__()
        self.f = nn.Linear(4, 2)

    def forward(self, batch):
        a, b = batch["pair"]
        return self.f(a - b) * batch["scale"]


class Late(nn.Module):
    """A batch axis that is not the first: (time, batch, features)."""

    def __init__(self):
        super().__init__()
        self.f = nn.Linear(4, 2)

    def forward(self, x):
        return self.f(x).mean(0)


def seeded(kind):
    torch.manual_seed(0)
    return kind().eval()


ROWS, IDS = torch.randn(3, 2), torch.randint(0, 50, (3, 7))


@pytest.mark.parametrize(
    "example", [(ROWS, IDS), [ROWS, IDS], {"rows": ROWS, "ids": IDS}, {"ids": IDS, "rows": ROWS}]
)
def test_arguments_by_place_and_by_name_are_the_same(example):
    program = capture(seeded(Both), example)

    assert list(program.graph.inputs.items()) == [("rows", (2,)), ("ids", (7,))]
    flat = program.flatten(example)
    assert torch.equal(flat[0], ROWS)
    assert torch.equal(flat[1], IDS)
    assert program.count(flat) == 3


def test_inputs_nest_as_the_example_does():
    x = {"scale": torch.ones(3, 1), "pair": (torch.randn(3, 4), torch.randn(3, 4))}
    network = seeded(Nested)
    program = capture(network, (x,))

    (got,) = program.run(program.flatten((x,)))

    assert torch.allclose(got, network(x), atol=1e-6)
    assert [len(step) for step in program.steps((x,), 2)] == [3, 3]
    with pytest.raises(DataError, match="inputs: must nest as the example does"):
        program.flatten(({"scale": x["scale"]},))


def test_the_batch_may_be_another_axis():
    x = torch.randn(5, 3, 4)
    network = seeded(Late)
    program = capture(network, x, batch_axis=1)

    assert program.graph.inputs == {"x": (5, 4)}
    assert program.count((x,)) == 3
    assert [step[0].shape[1] for step in program.steps(x, 2)] == [2, 1]
    (got,) = program.run((torch.cat([x, x], 1),))
    assert torch.allclose(got[3:], network(x), atol=1e-6)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (torch.tensor(1.0), "must have a batch axis 0"),
        ((ROWS, IDS[:2]), "must have the same number of samples.* 3 of input 0, 2 of input 1"),
        (None, "must hold at least one tensor, got NoneType"),
        (torch.ones(2, 3, dtype=torch.complex64), "complex tensor of shape .2, 3."),
    ],
)
def test_examples_that_are_no_batch_are_refused(example, message):
    with pytest.raises(CaptureError, match=message):
        capture(seeded(Both), example)
