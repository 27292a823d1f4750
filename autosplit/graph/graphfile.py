"""The graph as rows of ``layers.csv`` and as ``graph.json``, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from autosplit.errors import FileError, GraphError
from autosplit.graph.graph import Graph, Tail
from autosplit.graph.integers import Integers
from autosplit.graph.layer import Gemm, Layer, Shape

LAYERS_HEADER = (
    "name rank kind predecessors successors input_shape output_shape weight_elements "
    "fixed_elements output_elements macs kernel stride padding groups operators"
).split()
"""Columns of ``layers.csv``; shapes are without the batch, several values are joined by spaces."""


def layer_rows(graph: Graph) -> list[dict[str, Any]]:
    """Rows of ``layers.csv``, one per layer in topological order."""
    return [
        {
            "name": layer.name,
            "rank": rank,
            "kind": layer.kind,
            "predecessors": " ".join(layer.inputs),
            "successors": " ".join(graph.readers[layer.name]),
            "input_shape": " ".join(map(by_x, layer.input_shapes)),
            "output_shape": by_x(layer.output_shape),
            "weight_elements": layer.weight_elements if layer.owns_weight else 0,
            "fixed_elements": layer.fixed_elements,
            "output_elements": layer.output_elements,
            "macs": layer.macs,
            "kernel": by_x(layer.kernel),
            "stride": by_x(layer.stride),
            "padding": by_x(layer.padding),
            "groups": layer.groups,
            "operators": " ".join(layer.operators),
        }
        for rank, layer in enumerate(graph.layers)
    ]


def by_x(shape: Shape) -> str:
    """A shape as people write it, 3x224x224."""
    return "x".join(map(str, shape))


def graph_to_dict(graph: Graph) -> dict[str, Any]:
    """Plain data for ``graph.json``."""
    data: dict[str, Any] = {
        "name": graph.name,
        "inputs": {name: list(shape) for name, shape in graph.inputs.items()},
        "layers": [asdict(layer) for layer in graph.layers],
        "outputs": list(graph.outputs),
        "equalized": graph.equalized,
    }
    if graph.integers:
        data["integers"] = {name: asdict(kept) for name, kept in graph.integers.items()}
    if graph.tail is not None:
        data["tail"] = {"after": graph.tail.after, "graph": graph_to_dict(graph.tail.graph)}
    return data


def graph_from_dict(data: Mapping[str, Any], where: str = "graph") -> Graph:
    """The graph that ``graph_to_dict`` wrote.

    Raises:
        FileError: The data is not a graph's.
    """
    try:
        return Graph(
            name=data["name"],
            inputs={name: tuple(shape) for name, shape in data["inputs"].items()},
            layers=tuple(_layer_from_dict(layer) for layer in data["layers"]),
            outputs=tuple(data["outputs"]),
            equalized=bool(data["equalized"]),
            integers={name: Integers(**kept) for name, kept in data.get("integers", {}).items()},
            tail=_tail_from_dict(data["tail"]) if "tail" in data else None,
        )
    except (KeyError, TypeError, AttributeError, GraphError) as error:
        raise FileError(f"{where}: must describe a graph, {error}") from error


def _tail_from_dict(data: Mapping[str, Any]) -> Tail:
    return Tail(data["after"], graph_from_dict(data["graph"], "tail"))


def _layer_from_dict(data: Mapping[str, Any]) -> Layer:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
    }
    fields["input_shapes"] = tuple(map(tuple, data["input_shapes"]))
    fields["gemms"] = tuple(Gemm(**gemm) for gemm in data["gemms"])
    return Layer(**fields)
