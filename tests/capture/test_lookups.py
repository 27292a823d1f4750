"""Indices outside of what is looked up, told in one line."""

import pytest
import torch
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.lookups import places_of_input
from autosplit.data.inputs import split_batch
from autosplit.errors import DataError
from autosplit.runs.network import input_spec


class Looks(nn.Module):
    """Looks rows of a table up, and does so in one of several ways."""

    def __init__(self, look):
        super().__init__()
        self.e, self.h, self.look = nn.Embedding(6, 4), nn.Linear(4, 3), look

    def forward(self, ids):
        return self.h(self.look(self, ids))


def captured(look):
    torch.manual_seed(0)
    return capture(Looks(look).eval(), torch.ones(2, 5, dtype=torch.long), "net")


def rows(net, ids):
    return net.e(ids).mean(1)


def shifted(net, ids):
    return net.e(ids + 1).mean(1)


def gathered(net, ids):
    return net.e.weight.t().expand(len(ids), 4, 6).gather(2, ids[:, None].expand(-1, 4, 5)).mean(2)


def indexed(net, ids):
    return net.e.weight[ids].mean(1)


@pytest.mark.parametrize(
    ("look", "low", "high"),
    [(rows, 0, 5), (shifted, None, None), (gathered, 0, 5), (indexed, -6, 5)],
)
def test_an_input_may_be_what_its_readers_allow(look, low, high):
    program = captured(look)
    (node,) = (node for node in program.module.graph.nodes if node.op == "placeholder")
    found = places_of_input(node)

    assert (found and found.low, found and found.high) == (low, high)


@pytest.mark.parametrize("wrong", [-1, 6, 70])
def test_a_batch_with_an_id_of_no_row_is_refused_where_it_is_read(wrong):
    spec = input_spec(captured(rows))
    ids = torch.tensor([[0, 5, wrong, 1, 2]])

    expected = rf"mine: ids must be 0\.\.5 \(rows of the table e\), got {wrong}$"
    with pytest.raises(DataError, match=expected):
        split_batch(ids, spec, "mine")
    assert torch.equal(split_batch(ids.clamp(0, 5), spec, "mine")[0][0], ids.clamp(0, 5))


@pytest.mark.parametrize(
    ("look", "wrong", "operator"),
    [
        (rows, 6, "embedding"),
        (shifted, 5, "embedding"),  # looks up 5 + 1
        (gathered, -1, "gather"),
        (indexed, -7, "index"),
    ],
)
def test_a_running_program_says_which_operator_looks_up_what_is_not_there(look, wrong, operator):
    ids = torch.full((2, 5), wrong)
    got = wrong + (look is shifted)

    expected = rf"^{operator}\w* at .*: indices must be -?\d\.\.5 \(.*\), got {got}$"
    with pytest.raises(DataError, match=expected):
        captured(look).run((ids,))
