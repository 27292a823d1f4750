"""The halves of any cut of any network give the whole network's answers."""

import random
import weakref
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from captures import IMAGE, conv, program_of, split
from nets import REQUIRED, Net, TwoInputs, captured, relative_error
from torch import nn

from autosplit.errors import PlanError
from autosplit.halves.partition import edge_part, join


def run_halves(program, cut, *inputs, **options):
    """The outputs of a cut network; what crosses must be what the cut says, and nothing else."""
    edge, cloud = split(program, cut, **options)
    assert edge.reads == tuple(program.graph.inputs)
    assert cloud.reads == cut.crossing
    written = edge(dict(zip(program.graph.inputs, inputs, strict=True)))
    answers = {name: value for name, value in written.items() if name.startswith("output:")}
    crossed = {name: value for name, value in written.items() if name not in answers}
    assert tuple(crossed) == cut.crossing
    return join(answers, cloud(crossed))


def assert_halves_equal(program, cut, want, *inputs):
    outputs = run_halves(program, cut, *inputs)
    for got, expected in zip(outputs, want, strict=True):
        assert relative_error(got, expected) < 1e-4


def prefixes(program):
    return [program.graph.prefix(length) for length in range(len(program.graph.layers) + 1)]


def answers_of(network, *inputs):
    with torch.no_grad():
        answer = network(*(tensor.clone() for tensor in inputs))
    return answer if isinstance(answer, tuple) else (answer,)


# ---- the required networks ----


DEEP = 60
"""Layers from which on every fifth cut is tried, and all cuts in the slow tests alone."""


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", REQUIRED)
def test_the_halves_of_every_prefix_cut_give_the_whole(name, every):
    """The blocks of a deep network repeat, and their lengths are no multiples of five."""
    found = captured(name)
    cuts = prefixes(found.program)
    if len(cuts) > DEEP and not every:
        cuts = [cut for i, cut in enumerate(cuts) if i % 5 == 0 or i < 8 or i > len(cuts) - 5]
    for i, cut in enumerate(cuts):
        batch = 1 if i % 4 else 3
        assert_halves_equal(found.program, cut, (found.answer[:batch],), found.images[:batch])


def branches(graph, generator):
    """A random set of layers that is closed under predecessors, and hardly ever a prefix."""
    chosen = set()
    last = generator.randrange(len(graph.layers))
    for layer in graph.layers[: last + 1]:
        known = all(tensor in chosen or tensor in graph.inputs for tensor in layer.inputs)
        if known and generator.random() < 0.95:
            chosen.add(layer.name)
    return graph.cut(chosen)


@pytest.mark.parametrize("name", ["googlenet", "shufflenet_v2_x1_0", "resnet18"])
def test_the_halves_of_cuts_through_branches_give_the_whole(name):
    found = captured(name)
    generator = random.Random(0)
    cuts = [branches(found.program.graph, generator) for _ in range(10)]
    lengths = {len(cut.edge) for cut in cuts}
    assert any(cut.edge != cut.graph.prefix(len(cut.edge)).edge for cut in cuts)
    assert len(lengths) > 3
    for cut in cuts:
        assert_halves_equal(found.program, cut, (found.answer,), found.images)


# ---- what crosses, and what answers ----


def test_all_cloud_sends_the_input_as_it_is():
    network = Net(lambda net, x: net.b(net.a(x)), a=conv(), b=conv())
    program = program_of(network)
    images = torch.randn(2, *IMAGE[1:])
    edge, cloud = split(program, program.graph.prefix(0))
    assert torch.equal(edge({"x": images})["x"], images)
    assert edge.writes == cloud.reads == ("x",)
    assert relative_error(cloud({"x": images})["output:0"], answers_of(network, images)[0]) < 1e-4


def test_all_edge_leaves_nothing_to_the_cloud():
    program = program_of(Net(lambda net, x: net.a(x).flatten(1), a=conv()))
    edge, cloud = split(program, program.graph.prefix(1))
    assert edge.writes == ("output:0",)
    assert (cloud.reads, cloud.writes) == ((), ())
    assert cloud({}) == {}


OUTPUTS = {
    "one early, one late": lambda net, x: (net.a(x), net.b(net.a(x)).relu()),
    "late, early, late": lambda net, x: (net.b(net.a(x)) + 1, net.a(x).mean((2, 3)), net.b(x)),
    "views of one tensor": lambda net, x: (*net.a(x).chunk(3, 1), net.b(x).flatten(1)),
    "its input first": lambda net, x: (x, net.b(net.a(x))),
    "its input alone unread": lambda net, x: (x.flatten(1), net.a(x * 0 + 1)),
    "a parameter": lambda net, x: (net.a.weight * 2, net.b(net.a(x))),
    "the same twice": lambda net, x: (net.a(x),) * 2,
    "a size times the batch": lambda net, x: (net.a(x).view(x.shape[0] * 3, 64), net.b(x)),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_outputs_come_from_the_side_that_computes_them(case):
    network = Net(OUTPUTS[case], a=conv(), b=conv())
    program = program_of(network)
    images = torch.randn(2, *IMAGE[1:])
    for cut in prefixes(program):
        edge, cloud = split(program, cut)
        together = [name for half in (edge, cloud) for name in half.writes if ":" in name]
        assert len(together) == len(set(together)) == len(answers_of(network, images))
        assert_halves_equal(program, cut, answers_of(network, images), images)
        on_edge = [name for name in edge.writes if ":" in name]
        if cut.answers == () and cut.edge and case != "a parameter":
            assert len(on_edge) == len(together)


def test_an_input_that_is_an_answer_crosses_although_no_layer_reads_it():
    network = TwoInputs(lambda net, x, y: (net.a(x), y), a=conv())
    program = program_of(network, IMAGE, (1, 4))
    cut = program.graph.prefix(0)
    assert cut.crossing == ("x",)
    edge, cloud = split(program, cut)
    assert edge.writes == cloud.reads == ("x", "y")
    x, y = torch.randn(IMAGE), torch.randn(1, 4)
    first, second = join({}, cloud(edge({"x": x, "y": y})))
    assert relative_error(first, answers_of(network, x, y)[0]) < 1e-4
    assert torch.equal(second, y)


def test_several_inputs_are_cut_between():
    network = TwoInputs(lambda net, x, y: net.a(x) + net.b(y), a=conv(), b=conv())
    program = program_of(network, IMAGE, IMAGE)
    x, y = torch.randn(2, *IMAGE[1:]), torch.randn(2, *IMAGE[1:])
    for cut in (*prefixes(program), program.graph.cut(["b"])):
        assert_halves_equal(program, cut, answers_of(network, x, y), x, y)


LAYOUTS = {
    "batch second": Net(
        lambda net, x: net.attention(*[x.transpose(0, 1)] * 3)[0].transpose(0, 1),
        attention=nn.MultiheadAttention(8, 2),
    ),
    "batch merged": Net(
        lambda net, x: net.a(x.reshape(-1, 8)).view(x.shape[0], 6, 8).softmax(1), a=nn.Linear(8, 8)
    ),
    "a token for each sample": Net(
        lambda net, x: net.a(torch.cat([net.token.expand(x.shape[0], 1, 8), x], 1))[:, 0].relu(),
        token=nn.Parameter(torch.randn(1, 1, 8)),
        a=nn.Linear(8, 8),
    ),
    "a number that is not in proportion to the batch": Net(
        lambda net, x: (net.a(x) * (x.shape[0] + 1)).relu() / (x.shape[0] + 1), a=nn.Linear(8, 8)
    ),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("case", LAYOUTS)
def test_any_batch_is_cut(case, batch):
    network = LAYOUTS[case]
    program = program_of(network, (1, 6, 8))
    assert program.batch_size is None
    x = torch.randn(batch, 6, 8)
    for cut in prefixes(program):
        assert_halves_equal(program, cut, answers_of(network, x), x)


@pytest.mark.filterwarnings("ignore:.*samples are run one at a time")
def test_a_half_that_cannot_know_the_batch_says_so():
    def spread(net, x):
        return net.a(x.mean((0, 1))).expand(x.shape[0], 8)

    program = program_of(Net(spread, a=nn.Linear(8, 8)), (1, 6, 8))
    with pytest.raises(PlanError, match=r"^net: a half must read a tensor that grows with the"):
        split(program, program.graph.prefix(1))


# ---- weights and insertions ----


def test_a_weight_that_both_sides_read_is_changed_on_one_alone():
    network = Net(lambda net, x: net.a(net.b(net.a(x))), a=conv(), b=conv())
    program = program_of(network)
    images = torch.randn(2, *IMAGE[1:])
    other = torch.randn(3, 3, 3, 3)
    edge, cloud = split(program, program.graph.prefix(2))
    edge = replace(edge, constants={**edge.constants, "a/weight": other})

    (got,) = join({}, cloud(edge({"x": images})))

    with torch.no_grad():
        first = F.conv2d(images, other, network.a.bias, padding=1)
        want = network.a(network.b(first))
    assert relative_error(got, want) < 1e-4


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16"])
def test_insert_is_called_once_for_every_edge_tensor(name):
    program = captured(name).program
    for cut in prefixes(program)[::7]:
        called = []

        def insert(graph, node, tensor, called=called):
            called.append(tensor)
            return node

        split(program, cut, insert=insert)
        assert sorted(called) == sorted(cut.edge_tensors)


def double(graph, node, tensor):
    return graph.call_function(torch.mul, (node, 2))


def test_what_is_inserted_is_what_all_readers_read():
    network = Net(lambda net, x: torch.cat([x, x.exp(), (x * 3).flatten(2)[..., None]], 2))
    program = program_of(network, (1, 2, 4, 1))
    x = torch.rand(3, 2, 4, 1)
    doubled = torch.cat([2 * x, 2 * (2 * x).exp(), 2 * (2 * x * 3)], 2)
    wanted = {0: torch.cat([2 * x, (2 * x).exp(), 2 * x * 3], 2), 3: 2 * doubled}
    for length, want in wanted.items():
        (got,) = run_halves(program, program.graph.prefix(length), x, insert=double)
        assert relative_error(got, want) < 1e-5


def test_an_answer_of_the_edge_is_what_was_inserted():
    program = program_of(Net(lambda net, x: (net.a(x).flatten(1), net.a(x) + 1), a=conv()))
    cut = program.graph.prefix(len(program.graph.layers))
    x = torch.randn(IMAGE)
    first, _ = run_halves(program, cut, x, insert=double)
    with torch.no_grad():
        want = 2 * F.conv2d(
            2 * x, program.weight("a"), program.module.get_buffer("a/bias"), padding=1
        )
    assert relative_error(first, want.flatten(1)) < 1e-5


def test_tensors_that_are_kept_come_first_and_change_no_answer():
    first, second = conv(), conv(4)
    program, images = program_of(nn.Sequential(first, second)), torch.randn(2, 3, 8, 8)
    graph = program.graph
    kept = (*graph.inputs, graph.layers[0].name)

    half = edge_part(program, graph.prefix(2), kept=kept)
    written = half({kept[0]: images})

    assert half.writes == (*kept, "output:0")
    with torch.no_grad():
        expected = (images, first(images), second(first(images)))
    for got, want in zip(written.values(), expected, strict=True):
        assert relative_error(got, want) < 1e-6


def test_values_are_freed_after_their_last_reader():
    alive, written = [], []

    def watched(value):
        alive.append(sum(ref() is not None for ref in written))
        copy = value.clone()
        written.append(weakref.ref(copy))
        return copy

    def insert(graph, node, tensor):
        return graph.call_function(watched, (node,))

    def deep(net, x):
        for _ in range(6):
            x = net.a(x)
        return x

    program = program_of(Net(deep, a=conv()))
    edge, _ = split(program, program.graph.prefix(6), insert=insert)
    edge({"x": torch.randn(IMAGE)})
    assert len(alive) == 7
    assert max(alive) <= 1


def test_the_caller_s_tensors_are_left_as_they_were():
    found = captured("resnet18")
    images = found.images.clone()
    for cut in prefixes(found.program)[::10]:
        run_halves(found.program, cut, images)
    assert torch.equal(images, found.images)
