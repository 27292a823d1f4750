"""Both networks in step: values of each, weights that are put in, and what is dropped."""

import torch
from nets import Net, batch_norm
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.operators import arguments, weight_argument
from autosplit.finish.side_by_side import SideBySide
from autosplit.grid.grid import Grid


def network():
    torch.manual_seed(0)
    return Net(
        lambda net, x: net.b(net.a(x).relu()) + net.a(x), a=nn.Linear(4, 4), b=nn.Linear(4, 4)
    )


def walked(both, put=None):
    """Run both networks; the last operator, of both."""
    with torch.no_grad():
        for node in both.operators():
            weight = weight_argument(node)
            if put is not None and weight is not None and str(weight.target) not in both.weights:
                both.put_weight(weight, put)
            both.run_rough(node)
            last = node
    return both.exact[last], both.rough.get(last)


def test_without_grids_or_weights_both_are_the_float_network():
    net = network()
    batches = [(torch.rand(n, 4),) for n in (3, 2)]
    program = capture(net, batches[0])
    exact, rough = walked(SideBySide(program, {}, batches, follow=True))
    with torch.no_grad():
        want = [net(*inputs) for inputs in batches]

    for x, y, z in zip(exact, rough, want, strict=True):
        assert torch.allclose(x, z, atol=1e-6)
        assert torch.equal(x, y)


def test_a_weight_that_was_put_in_is_read_again_where_it_is_used_again():
    net = network()
    batches = [(torch.rand(3, 4),)]
    program = capture(net, batches[0])
    put = torch.full((4, 4), 0.25)
    (exact,), (rough,) = walked(SideBySide(program, {}, batches, follow=True), put)
    with torch.no_grad():
        want = net(*batches[0])
        net.a.weight.copy_(put)
        net.b.weight.copy_(put)
        changed = net(*batches[0])

    assert torch.allclose(exact, want, atol=1e-6)
    assert torch.allclose(rough, changed, atol=1e-6)


def test_a_folded_weight_that_is_used_twice_is_the_one_that_was_put_in():
    """Folding a norm leaves a node for each use, the second one behind the first layer."""
    net = Net(
        lambda net, x: net.norm(net.a(net.norm(net.a(x)).relu())),
        a=nn.Linear(4, 4),
        norm=batch_norm(nn.BatchNorm1d, 4),
    )
    batches = [(torch.rand(3, 4),)]
    program = capture(net, batches[0])
    put = torch.full((4, 4), 0.25)
    _, (rough,) = walked(SideBySide(program, {}, batches, follow=True), put)
    assert len(program.weights) == 1
    bias = arguments(next(n for n in program.module.graph.nodes if weight_argument(n) is not None))
    shift = program.constant(str(bias["bias"].target))
    want = ((batches[0][0] @ put.T + shift).relu() @ put.T) + shift

    assert torch.allclose(rough, want, atol=1e-5)


def test_tensors_with_a_grid_are_rounded_in_the_quantized_network_alone():
    """A step of 1 at 8 bits: what the network reads is rounded to whole numbers."""
    net = Net(lambda net, x: net.a(x), a=nn.Linear(2, 2, bias=False))
    batches = [(torch.tensor([[0.4, 2.6]]),)]
    with torch.no_grad():
        net.a.weight.copy_(torch.eye(2))
    program = capture(net, batches[0])
    (name,) = program.graph.inputs
    both = SideBySide(program, {name: Grid(8, [1.0], [0])}, batches, follow=True)
    (exact,), (rough,) = walked(both)

    assert torch.allclose(exact, torch.tensor([[0.4, 2.6]]))
    assert rough.tolist() == [[0.0, 3.0]]


def test_values_that_nothing_reads_any_more_are_dropped():
    batches = [(torch.rand(3, 4),)]
    both = SideBySide(capture(network(), batches[0]), {}, batches, follow=True)
    walked(both)

    (last,) = both.exact
    assert list(both.rough) == [last]


def test_the_quantized_network_is_run_only_if_it_is_followed():
    batches = [(torch.rand(3, 4),)]
    both = SideBySide(capture(network(), batches[0]), {}, batches, follow=False)
    _, rough = walked(both, torch.zeros(4, 4))

    assert rough is None
    assert not both.rough
    assert len(both.weights) == 2
