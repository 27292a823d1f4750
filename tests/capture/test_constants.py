"""What depends on parameters and constants alone is computed once."""

import pytest
import torch
import torch.nn.functional as F
from measured import plan_for
from nets import Net, fused
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.constants import add_attribute
from autosplit.errors import ModelError
from autosplit.graph.memory import weight_bytes
from autosplit.halves.deployed import deploy

X = torch.randn(2, 3, 4, 4)


def program_of(function, **modules):
    return capture(Net(function, **modules), (X[:1],), "net")


def constants(program):
    """Constants that were computed, by the node that was."""
    nodes = program.module.graph.find_nodes(op="get_attr")
    targets = dict.fromkeys(str(node.target) for node in nodes)
    return {target: program.constant(target) for target in targets if "_constant_" in target}


def test_operators_on_constants_alone_are_computed_once():
    mask = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    program = program_of(lambda net, x: x * (net.mask.exp() + 1), mask=nn.Parameter(mask))

    assert fused(program) == ["mul=mul"]
    (value,) = constants(program).values()
    assert torch.equal(value, mask.exp() + 1)


def test_a_creator_is_a_constant_unless_its_size_grows_with_the_batch():
    fixed = program_of(lambda net, x: x + torch.arange(4.0).sqrt())
    growing = program_of(lambda net, x: x + x.new_ones(x.shape[0], 1, 1, 1).cumsum(1))

    assert fused(fixed) == ["add=add"]
    assert [value.tolist() for value in constants(fixed).values()] == [
        torch.arange(4.0).sqrt().tolist()
    ]
    assert [value.tolist() for value in constants(growing).values()] == [[[[[1.0]]]]]


def test_what_depends_on_the_batch_size_alone_is_no_layer():
    """Places of samples, offsets of bags, and windows, which depend on nothing at all."""

    def forward(net, x):
        bags = net.e((3 * x).long().clamp(0, 29).flatten(1))
        first = x[torch.arange(x.shape[0]), 0]
        return bags.view(-1, 1, 4) * first * torch.hann_window(4)

    program = capture(Net(forward, e=nn.EmbeddingBag(30, 4)), (X[:1].abs(),))
    x = torch.rand(5, 3, 4, 4)

    kinds = [layer.kind for layer in program.graph.layers]
    assert kinds[-4:] == ["embedding_bag", "move", "mul", "mul"]
    assert "move" not in kinds[:-4]
    (got,) = program.run((x,))
    bags = program.constant("e/weight")[(3 * x).long().flatten(1)].mean(1)
    torch.testing.assert_close(got, bags[:, None] * x[:, 0] * torch.hann_window(4))


def test_a_creator_borrows_the_type_of_its_argument_and_not_its_values():
    program = program_of(lambda net, x: x * x.new_full((4,), 7))

    (value,) = constants(program).values()
    assert (value.dtype, value.tolist()) == (torch.float32, [7.0] * 4)


def test_a_name_that_is_taken_gets_another():
    attributes = {"a_b": X}

    names = [add_attribute(attributes, "a.b", X[i]) for i in (0, 1)]

    assert names == ["a_b_", "a_b__"]
    assert torch.equal(attributes["a_b_"], X[0])
    assert torch.equal(attributes["a_b"], X)


class Tied(nn.Module):
    """A table of 50 rows of 16, a square matrix, and a head that reads one of them again."""

    def __init__(self, head):
        super().__init__()
        self.e, self.head = nn.Embedding(50, 16), head
        self.w = nn.Parameter(torch.randn(16, 16) / 4)

    def forward(self, ids):
        return self.head(self, self.e(ids))


TABLE, SQUARE, SCALES = 50 * 16, 16 * 16, 50
TIED = {  # head -> elements that have widths, and that stay at 32 bits
    "linear": (lambda net, x: F.linear(x, net.e.weight), TABLE, SCALES),
    "t()": (lambda net, x: x @ net.e.weight.t(), TABLE, SCALES),
    "T": (lambda net, x: torch.matmul(x, net.e.weight.T), TABLE, SCALES),
    "transpose": (lambda net, x: x @ net.e.weight.transpose(-1, 0), TABLE, SCALES),
    "permute": (lambda net, x: x @ net.e.weight.permute(1, 0), TABLE, SCALES),
    "addmm": (
        lambda net, x: torch.addmm(net.w[0].sum()[None], x[:, 0], net.e.weight.t()),
        TABLE,
        SCALES + 1,
    ),
    "a slice": (lambda net, x: F.linear(x, net.e.weight[:10]), TABLE, SCALES),
    "a view": (
        lambda net, x: F.linear(F.linear(x, net.w), net.w.view(4, 64).view(16, 16)),
        TABLE + SQUARE,
        SCALES,
    ),
    "and back": (
        lambda net, x: F.linear(F.linear(x, net.w).relu(), net.w.t()),
        TABLE + SQUARE,
        SCALES,
    ),
    "two halves": (
        lambda net, x: F.linear(x, net.w[:8]) + F.linear(x, net.w[8:]),
        TABLE + SQUARE,
        SCALES,
    ),
    "parts that overlap": (
        lambda net, x: F.linear(x, net.w[:12])[..., :8] + F.linear(x, net.w[8:]),
        TABLE,
        SCALES + SQUARE,
    ),
}


@pytest.mark.parametrize("head", TIED)
def test_a_weight_that_is_read_again_is_stored_once(head):
    torch.manual_seed(0)
    function, widths, fixed = TIED[head]
    ids = torch.randint(0, 50, (4, 6))

    program = capture(Tied(function), ids)

    layers = program.graph.layers
    assert sum(layer.weight_elements for layer in layers if layer.owns_weight) == widths
    assert sum(layer.fixed_elements for layer in layers) == fixed
    cut = program.graph.prefix(len(layers))
    assert weight_bytes(cut, dict.fromkeys(cut.weights, 4)) == widths // 2 + 4 * fixed
    (want,) = program.run((ids,))
    (got,), _ = deploy(program, plan_for(program, (ids,), 8))(ids)
    assert (want - got).norm() < 0.05 * want.norm()


def test_a_table_in_the_cloud_is_stored_on_the_edge_by_none():
    program = capture(Tied(TIED["linear"][0]), torch.randint(0, 50, (4, 6)))

    assert weight_bytes(program.graph.prefix(0), {}) == 0
    assert weight_bytes(program.graph.prefix(1), {"e": 4}) == TABLE // 2 + 4 * SCALES


@pytest.mark.parametrize(
    ("part", "stored"),
    [
        (lambda base: (base[:4], base[:4].t()), 24),  # 4 x 6, and its transpose
        (lambda base: (base[:4], base[1:3]), 24),  # and two of its rows
        (lambda base: (base[:4], base[:4]), 24),
        (lambda base: (base[:3], base[3:6]), 36),  # nothing in common
    ],
)
def test_parameters_that_share_memory_are_stored_once(part, stored):
    first, second = map(nn.Parameter, part(torch.randn(6, 6)))
    network = Net(
        lambda net, x: torch.cat(
            [F.linear(x, net.first), F.linear(x[:, : net.second.shape[1]], net.second)], -1
        )
    )
    network.first, network.second = first, second
    x = torch.randn(2, 6)

    program = capture(network, x)

    layers = program.graph.layers
    counted = sum(n.weight_elements for n in layers if n.owns_weight)
    assert counted + sum(n.fixed_elements for n in layers) == stored
    torch.testing.assert_close(program.run((x,))[0], network(x))


@pytest.mark.parametrize(
    ("part", "count"),
    [
        (lambda base: (base[:4], base[2:]), 12),  # two rows of six
        (lambda base: (base[:, :4], base[:, 3:]), 6),  # one column of six
        (lambda base: (base[:, :4], base[:, 4:]), 0),  # side by side
        (lambda base: (base[::2], base[1::2]), 0),
    ],
)
def test_parameters_that_share_a_part_of_their_memory_are_refused(part, count):
    first, second = map(nn.Parameter, part(torch.randn(6, 6)))
    network = Net(
        lambda net, x: torch.cat(
            [F.linear(x[:, : one.shape[1]], one) for one in (net.first, net.second)], -1
        )
    )
    network.first, network.second = first, second
    x = torch.randn(2, 6)
    if not count:
        torch.testing.assert_close(capture(network, x).run((x,))[0], network(x))
        return

    text = f"first: parameters must not share a part of their memory, shares {count} elements with "
    with pytest.raises(ModelError, match=f"{text}second; make one parameter of both"):
        capture(network, x)
