"""Detectors cut in two: the halves give the whole, and every route the cloud reads is sent."""

import functools

import pytest
import torch
from captures import split
from nets import relative_error

from autosplit.capture.capture import capture
from autosplit.data.bundled import DARKNET
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.grid.grid import Grid, Unquantized
from autosplit.halves.deployed import deploy
from autosplit.halves.partition import join
from autosplit.hardware.prediction import Prediction
from autosplit.models.networks.darknet import load_darknet
from autosplit.models.networks.darknet_cfg import parse_cfg, read_darknet_text
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.report.tables import plan_row

SIZE = 416
NAMES = [
    "yolov3-tiny",
    pytest.param("yolov3", marks=pytest.mark.slow),
    pytest.param("yolov3-spp", marks=pytest.mark.slow),
]


@functools.cache
def captured(name, size=SIZE):
    """A network with random weights, captured at a size, an image, and its float answer."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = load_darknet(DARKNET / f"{name}.cfg", size).eval()
        image = torch.rand(1, 3, size, size)
    with torch.no_grad():
        answer = network(image)
    return capture(network, (image,), name), image, answer


@pytest.mark.parametrize("name", NAMES)
def test_the_halves_of_every_prefix_cut_give_the_whole(name):
    """On small images, for what is cut where does not depend on their size."""
    program, image, answer = captured(name, 128)
    for count in range(len(program.graph.layers) + 1):
        cut = program.graph.prefix(count)
        edge, cloud = split(program, cut)
        written = edge(dict.fromkeys(program.graph.inputs, image))
        crossed = {tensor: written[tensor] for tensor in cut.crossing}
        own = {k: v for k, v in written.items() if k.startswith("output:")}
        outputs = join(own, cloud(crossed))
        for got, want in zip(outputs, answer, strict=True):
            assert relative_error(got, want) <= 1e-4


def read_later(name, last):
    """Layers up to ``last`` whose output a later layer reads, from the text of the file alone.

    What only hands on another's output (a route of one layer, a yolo section) is looked through.
    """
    _, *sections = parse_cfg(read_darknet_text(DARKNET / f"{name}.cfg"), name)
    own = {-1: -1}
    sources = {}
    for section in sections:
        i = section.number
        reads = [i - 1]
        if section.kind == "route":
            reads = [j if j >= 0 else i + j for j in section.integers("layers")]
        if section.kind == "shortcut":
            reads += [i + j for j in section.integers("from")]
        handed = section.kind == "yolo" or (section.kind == "route" and len(reads) == 1)
        own[i] = own[reads[0]] if handed else i
        sources[i] = [] if handed else [own[j] for j in reads]
    return {j for i in sources if i > last for j in sources[i] if 0 <= j <= last}


def cut_after(graph, last):
    """The prefix cut whose edge half ends with a layer of the file."""
    names = [layer.name for layer in graph.layers]
    return graph.prefix(names.index(str(last)) + 1)


# The routes of each network: layers whose output is read again far later in the file.
ROUTES = {
    "yolov3-tiny": {8: 20, 13: 18},
    "yolov3": {36: 98, 61: 86, 79: 84},
    "yolov3-spp": {36: 105, 61: 93, 77: 83, 86: 91},
}
TOGETHER = {
    "yolov3-tiny": (15, ("8", "13")),
    "yolov3": (81, ("36", "61", "79")),
    "yolov3-spp": (77, ("36", "61", "77")),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_crossing_tensors_are_all_that_the_cloud_still_reads(name):
    graph = captured(name)[0].graph
    for layer in graph.layers:
        cut = cut_after(graph, layer.name)
        assert {int(tensor) for tensor in cut.crossing} == read_later(name, int(layer.name))


@pytest.mark.parametrize("name", NAMES)
def test_a_route_crosses_as_long_as_its_reader_is_in_the_cloud(name):
    graph = captured(name)[0].graph
    for route, reader in ROUTES[name].items():
        places = [int(layer.name) for layer in graph.layers]
        crossing = [p for p in places if str(route) in cut_after(graph, p).crossing]
        assert crossing == [p for p in places if route <= p < reader]
    last, together = TOGETHER[name]
    assert cut_after(graph, last).crossing == together


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_in_the_table_are_those_that_are_packed(name):
    program, image, _ = captured(name)
    last, together = TOGETHER[name]
    cut = cut_after(program.graph, last)
    widths = dict(zip(together, (3, 5, 6), strict=False))
    bits = {tensor: widths.get(tensor, 8) for tensor in cut.edge_tensors}
    weight_bits = dict.fromkeys(cut.weights, 32)
    plan = Plan(
        name="p",
        method="test",
        edge=cut.edge,
        weight_bits=weight_bits,
        activation_bits=bits,
        distortion=0.0,
        lower_bound=0.0,
        edge_memory_bytes=edge_memory_bytes(cut, weight_bits, bits),
        crossing_bytes=crossing_bytes(cut, bits),
        predictions={"l": Prediction(0.0, 0.0, 0.0)},
    )
    floats = {layer: Unquantized(32) for layer in cut.weights}
    steps = {tensor: Grid.of(b, (0.1,), (1,)) for tensor, b in bits.items()}

    _, sent = deploy(program, PlanFile(plan, floats, steps, name, ""))(image)

    elements = {tensor: program.graph.elements(tensor) for tensor in together}
    row = plan_row(program.graph, plan, "l", pareto=False)
    assert sent == sum(-(-elements[tensor] * bits[tensor] // 8) for tensor in together)
    assert int(row["cut_bytes"]) == sent


@pytest.mark.slow
def test_the_route_of_yolov3_that_the_original_forgot_is_an_image_of_6_bits():
    graph = captured("yolov3")[0].graph

    assert graph.elements("36") == 692_224
    assert 3 * SIZE * SIZE * 8 == 692_224 * 6
