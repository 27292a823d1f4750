"""Why a captured network of the zoo computes or stores more or less than the module, by hand."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments"))
zoo = pytest.importorskip("zoo")
# torch says so where a flag of another maker's processors is asked for
pytestmark = pytest.mark.filterwarnings("ignore:TF32 acceleration:UserWarning")


class OfParameters(nn.Module):
    """A weight of 3 x 8 that is the product of two of 3 x 4 and 4 x 8, and one nobody reads."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(4, 8))
        self.unread = nn.Linear(5, 5, bias=False)

    def forward(self, x):
        return x @ (self.a @ self.b).T


class Table(nn.Module):
    """A table of 10 rows, a convolution with a batch norm behind it, and one before a ReLU."""

    def __init__(self):
        super().__init__()
        self.e, self.c = nn.Embedding(10, 4), nn.Conv1d(4, 6, 3, bias=False)
        self.folded, self.alone = nn.BatchNorm1d(6), nn.BatchNorm1d(6)

    def forward(self, ids):
        return self.alone(self.folded(self.c(self.e(ids).transpose(1, 2))).relu()).mean(2)


def captured(network, x):
    network.eval().requires_grad_(False)
    return zoo.capture(network, x[:2]), network


def test_products_of_parameters_are_the_part_of_torchs_count_that_does_not_grow():
    """For 4 samples torch counts 4 x 24 + 96, of which the 96 are of constants."""
    x = torch.randn(4, 8)
    found = zoo.macs_ratio(*captured(OfParameters(), x), (x,))

    assert found.value == 0.5
    assert (found.why, found.unexplained) == ("50.00 % of torch's MACs are of constants", "")


def test_fewer_macs_without_constants_are_wrong():
    """The count of another network, 8 x 8 beside 8 x 6."""
    x = torch.randn(4, 8)
    program, _ = captured(nn.Linear(8, 6), x)

    found = zoo.macs_ratio(program, nn.Linear(8, 8).requires_grad_(False), (x,))

    assert found.value == 0.75
    assert found.unexplained == "macs_over_torch 0.750, 0.000 of constants"


def test_what_is_stored_beside_parameters_is_counted_by_name():
    """10 x 4 + 6 x 4 x 3 of weights; 10 scales, 6 biases, and 4 x 6 numbers of the other norm."""
    found = zoo.weights_ratio(*captured(Table(), torch.randint(0, 10, (2, 8))))

    assert found.value == (40 + 72 + 10 + 6 + 24) / (40 + 72)
    assert found.why == (
        "weights: +6 biases of folded batch norms, +24 numbers of other batch norms, +10 scales of "
        "tables"
    )
    assert found.unexplained == ""


def test_parameters_nobody_reads_and_those_in_constants_are_left_out():
    """The constant of 3 x 8 stands for 12 + 32 numbers, and 25 are unread."""
    found = zoo.weights_ratio(*captured(OfParameters(), torch.randn(2, 8)))

    assert found.value == 24 / (12 + 32 + 25)
    assert "-69 parameters that no answer reads, or in constants, +24 constants" in found.why


def test_elements_that_nothing_accounts_for_are_wrong():
    program, network = captured(nn.Linear(8, 6), torch.randn(2, 8))
    (layer,) = program.graph.layers
    more = replace(program.graph, layers=(replace(layer, fixed_elements=9),))

    found = zoo.weights_ratio(replace(program, graph=more), network)

    assert found.unexplained == "weights: +3 elements are unexplained"
