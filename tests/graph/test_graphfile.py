import json
from dataclasses import replace

import pytest
from builders import diamond

from autosplit.errors import FileError
from autosplit.graph.graph import Tail
from autosplit.graph.graphfile import (
    LAYERS_HEADER,
    by_x,
    graph_from_dict,
    graph_to_dict,
    layer_rows,
)


def test_a_graph_survives_its_file():
    graph = diamond()
    again = graph_from_dict(json.loads(json.dumps(graph_to_dict(graph))))
    assert again == graph
    assert again.prefix(2).live == graph.prefix(2).live


def test_a_graph_with_a_tail_survives_its_file():
    graph = replace(diamond(), tail=Tail("out", diamond()))

    assert graph_from_dict(json.loads(json.dumps(graph_to_dict(graph)))) == graph


@pytest.mark.parametrize("broken", [{}, {"name": "n", "inputs": {}, "layers": [{}], "outputs": []}])
def test_what_is_not_a_graph_file_is_refused(broken):
    with pytest.raises(FileError, match=r"g\.json: must describe a graph"):
        graph_from_dict(broken, "g.json")


def test_rows_have_one_line_a_layer_and_count_a_shared_weight_where_it_is_stored():
    rows = layer_rows(diamond())

    assert [tuple(row) for row in rows] == [tuple(LAYERS_HEADER)] * 4
    assert [row["rank"] for row in rows] == [0, 1, 2, 3]
    assert [row["weight_elements"] for row in rows] == [100, 50, 0, 0]
    assert [row["successors"] for row in rows] == ["b add", "add", "out", ""]
    assert rows[2]["predecessors"] == "b a"


def test_shapes_are_written_as_people_write_them():
    assert by_x((3, 224, 224)) == "3x224x224"
    assert by_x(()) == ""
