"""Two sides and a message between them: what the edge wrote is what the cloud reads."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch
from measured import plan_for
from nets import Net, TwoInputs
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion.measure import measure
from autosplit.grid.grid import Unquantized
from autosplit.halves.deployed import deploy
from autosplit.halves.partition import cloud_part, join
from autosplit.halves.quantized import check_plan, integer_half
from autosplit.halves.wire.layout import WireLayout
from autosplit.halves.wire.message import HEADER_BYTES
from autosplit.halves.wire.pack import pack
from autosplit.plan.wire_layout import wire_layout


def attention(net, x):
    return net.a(net.mix(*[x.transpose(0, 1)] * 3)[0]).transpose(0, 1).softmax(2)


def merged(net, x):
    return net.a(x.reshape(-1, 8)).view(x.shape[0], 6, 8).softmax(1)


def skip(net, x):
    a = torch.relu(net.a(x))
    return net.b(a) + a.mean(2, keepdim=True)


torch.manual_seed(0)
NETWORKS = {
    "batch second": Net(attention, mix=nn.MultiheadAttention(8, 2), a=nn.Linear(8, 8)),
    "batch merged": Net(merged, a=nn.Linear(8, 8)),
    "two tensors": Net(skip, a=nn.Linear(8, 8), b=nn.Linear(8, 8)),
}
X = torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0))


@functools.cache
def measured(name):
    """A captured network and its statistics."""
    program = capture(NETWORKS[name], (X[:1],), "net")
    return program, measure(program, lambda: iter([X]))


def every_cut(name, bits=5):
    program, stats = measured(name)
    for length in range(len(program.graph.layers) + 1):
        yield program, plan_for(program, X, 8, bits, length, stats)


def plan_of_two(bits, length):
    """A plan of the network of which two tensors may cross."""
    program, stats = measured("two tensors")
    return program, plan_for(program, X, 8, bits, length, stats)


@pytest.mark.parametrize(
    ("name", "bits"), [(name, 5) for name in NETWORKS] + [("two tensors", 1), ("two tensors", 8)]
)
def test_what_arrives_is_what_was_sent_to_the_bit(name, bits):
    for program, file in every_cut(name, bits):
        deployed, exact = deploy(program, file), integer_half(program, file)
        written = exact({exact.reads[0]: X})

        message, answers = deployed.edge([X])
        arrived = deployed.cloud.crossing.to_tensors(message)

        assert set(written) == {*arrived, *answers}
        for tensor, value in {**arrived, **answers}.items():
            assert torch.equal(value, written[tensor])
            assert value.dtype == written[tensor].dtype


@pytest.mark.parametrize("name", NETWORKS)
def test_the_sides_answer_as_the_halves_do_and_send_what_the_plan_counts(name):
    for program, file in every_cut(name):
        edge = integer_half(program, file)
        cloud = cloud_part(program, check_plan(program, file))
        written = edge({edge.reads[0]: X})
        want = join({k: v for k, v in written.items() if "output" in k}, cloud(written))

        deployed = deploy(program, file)
        answers, sent = deployed(X)

        assert all(map(torch.equal, answers, want))
        assert sent == 3 * deployed.crossing_bytes
        elements = [program.graph.elements(tensor) for tensor in cloud.reads]
        assert deployed.crossing_bytes == sum((5 * count + 7) // 8 for count in elements)


def test_a_message_holds_the_integers_of_the_grid_sample_by_sample():
    program, file = plan_of_two(3, 1)
    edge = integer_half(program, file)
    value = edge({"x": X})["a"].numpy()
    scale, zero = file.activations["a"].per_tensor

    message, _ = deploy(program, file).edge([X])

    codes = np.round(value / np.float32(scale)).astype(int) + zero
    data = message.encode()[HEADER_BYTES:]
    assert data == b"".join(pack(sample, 3) for sample in codes)
    assert len(np.unique(codes)) == 8


def test_the_order_of_a_plan_file_changes_the_bytes_and_no_answer():
    program, file = plan_of_two(4, 2)
    first = deploy(program, file)
    names = first.layout.names
    assert len(names) == 2
    wires = [replace(wire, order=(1, 0)) for wire in reversed(first.layout.tensors)]
    second = deploy(program, replace(file, wire=WireLayout(tuple(wires))))

    assert all(map(torch.equal, first(X)[0], second(X)[0]))
    assert first(X)[1] == second(X)[1]
    assert second.layout.names == names[::-1]
    assert first.edge([X])[0].encode()[HEADER_BYTES:] != second.edge([X])[0].encode()[HEADER_BYTES:]


def test_a_tensor_that_stays_a_float_crosses_as_one():
    program, file = plan_of_two(8, 1)
    file = replace(file, activations={**file.activations, "a": Unquantized(16)})

    deployed = deploy(program, file)
    message, _ = deployed.edge([X])

    want = integer_half(program, file)({"x": X})["a"]
    assert torch.equal(deployed.cloud.crossing.to_tensors(message)["a"], want.half().float())
    assert deployed(X)[1] == 3 * 6 * 8 * 2


@pytest.mark.filterwarnings("ignore:.*samples are run one at a time")
def test_a_tensor_that_is_the_same_for_every_sample_is_sent_with_each_as_it_is_counted():
    def spread(net, x):
        a = net.a(x.mean((0, 1)))
        return net.b(x) + a

    program = capture(Net(spread, a=nn.Linear(8, 8), b=nn.Linear(8, 8)), (X[:1],), "net")
    names = [layer.name for layer in program.graph.layers]
    file = plan_for(program, X, 8, 4, names.index("b") + 1)
    assert {"a", "b"} <= set(wire_layout(program.graph.cut(file.plan.edge), file.activations).names)

    deployed = deploy(program, file)
    message, _ = deployed.edge([X])

    assert [len(numbers) for numbers in message.tensors.values()] == [3, 3]
    arrived = deployed.cloud.crossing.to_tensors(message)["a"]
    assert torch.equal(arrived, integer_half(program, file)({"x": X})["a"])
    assert deployed(X)[1] == 3 * deployed.crossing_bytes


def test_an_input_that_is_an_answer_crosses_although_no_layer_reads_it():
    network = TwoInputs(lambda net, x, y: (net.a(x), y), a=nn.Linear(8, 8))
    y = torch.rand(3, 4)
    program = capture(network, (X[:1], y[:1]), "net")
    stats = plan_for(program, (X, y), 8, 8, 0)

    (_, arrived), sent = deploy(program, stats)(X, y)

    step = float(stats.activations["y"].scale[0])
    assert float((arrived - y).abs().max()) <= 0.51 * step
    assert sent == 3 * (48 + 4)
