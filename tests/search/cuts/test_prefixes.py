from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.search.cuts.prefixes import prefixes


def test_every_prefix_is_a_cut_from_all_cloud_to_all_edge():
    layers = tuple(Layer(n, "add", ("x",), ((1,),), (1,)) for n in "abc")
    graph = Graph("three", {"x": (1,)}, layers, ("c",))

    assert [cut.edge for cut in prefixes(graph)] == [(), ("a",), ("a", "b"), ("a", "b", "c")]
    assert [cut.crossing for cut in prefixes(graph)] == [("x",), ("x",), ("x",), ()]
