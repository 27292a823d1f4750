"""Predicted bytes by hand, beside what the files have."""

from builders import part

from autosplit.deploy.bundle_bytes import bytes_table, most_edge_bytes, predicted_bytes
from autosplit.deploy.manifest import read_manifest
from autosplit.graph.graph import Graph
from autosplit.plan.plan import Plan


def test_bytes_of_halves_are_those_of_weights_at_their_widths(small):
    # a: 6x3x3x3 = 162 weights, b: 6x1x3x3 = 54, c: 5x12 = 60, each with a bias of 6, 6 and 5
    graph = small.program.graph

    split = predicted_bytes(graph, small.files["split"].plan)
    edge = predicted_bytes(graph, small.files["edge"].plan)

    # 162 * 7 / 8 = 141.75, 54 * 7 / 8 = 47.25: whole bytes each
    assert split == {"edge_bytes": 142 + 48 + 4 * 12, "cloud_bytes": 4 * 65}
    assert edge == {"edge_bytes": 81 + 27 + 30 + 4 * 17, "cloud_bytes": 0}
    assert most_edge_bytes(1_000_000) == 1_090_000


def test_a_shared_weight_is_in_each_half_that_reads_it_once():
    """The first layer stores a weight of 10, which runs in the cloud; the edge reads it too."""
    layers = (
        part("first", "x", elements=5, weight=10, owner="first", fixed=2),
        part("edge", "x", elements=5, weight=10, owner="first", fixed=3),
        part("last", "first", "edge", elements=5, weight=10, owner="first"),
    )
    graph = Graph("tied", {"x": (1,)}, layers, ("last",))
    plan = Plan("p", "", ("edge",), {"first": 3}, {"x": 8, "edge": 8}, 0.0, 0.0, 0, 0)

    found = predicted_bytes(graph, plan)

    assert found == {"edge_bytes": 4 + 3 * 4, "cloud_bytes": 4 * (10 + 2)}  # ceil(30 / 8) is 4


def test_the_table_has_every_half_and_what_crosses(bundle):
    manifest = read_manifest(bundle)
    size = (bundle / manifest.plan("split").edge).stat().st_size

    lines = [line.split() for line in bytes_table(manifest, bundle, {"split": [4, 8]}).splitlines()]

    assert lines[0] == ["bytes", "predicted", "real", "at", "most"]
    assert [
        "split:",
        "edge",
        "half",
        "238",
        f"{size:,}",
        f"{round(1.03 * 238) + 60_000:,}",
    ] in lines
    sent = manifest.plan("split").predicted["sent_bytes"]
    assert ["split:", "a", "sample", "on", "the", "wire", f"{sent:,.0f}", "6"] in lines
    assert ["raw:", "a", "sample", "on", "the", "wire", "192", "not", "measured"] in lines
    assert size <= most_edge_bytes(238)
