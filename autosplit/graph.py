"""The network as a DAG of layers; what a cut of it means: crossing and live tensors, memory.

No torch here: everything is names, shapes and counts.  A *tensor* is named by the layer that wrote
it, or is one of the network's inputs.  Shapes leave the batch dimension out, so every count is for
one sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from autosplit.errors import FileError, GraphError, did_you_mean

Shape = tuple[int, ...]
MAX_BITS = 16
"""Widest integer of a quantized tensor."""
FIXED_BITS = 32
"""Width of a parameter that is not quantized: a bias, a norm's scale, a position embedding."""


@dataclass(frozen=True, slots=True)
class Gemm:
    """Matrix multiplications of one size, as an accelerator sees them (Samajdar et al. 2020).

    A convolution has output pixels x filter size x filters, once per group; a linear layer is a
    1x1 convolution over its rows; attention is one product per head, for scores and for values.

    Attributes:
        out_pixels: Output positions (height x width, or rows), E.
        filter_size: Length of one dot product (kernel area x input channels of a group), K.
        filters: Output channels of a group, N.
        repeats: How many such products there are (groups, heads, batch of matrices).
    """

    out_pixels: int
    filter_size: int
    filters: int
    repeats: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all the repeats."""
        return self.out_pixels * self.filter_size * self.filters * self.repeats


@dataclass(frozen=True, slots=True)
class Layer:
    """A fused group of operators with one output tensor that is quantized as one.

    Attributes:
        name: Name of the module it came from, made unique; also the name of its output tensor.
        kind: What it computes: conv, linear, matmul, attention, add, mul, cat, pool, norm, ...;
            an operator that no rule knows has its ATen name as kind.
        inputs: Tensors read, each once, in order of reading.
        input_shapes: Their shapes as they are read (after views), without the batch dimension.
        output_shape: Shape of the output tensor, without the batch dimension.
        weight_elements: Elements of the quantized weight that it reads, 0 without one.
        weight_channels: Output channels of that weight; each has its own scale.
        weight_owner: Layer that stores the weight: itself, or the first use of a shared one.
        fixed_elements: Parameters that stay at 32 bits (bias, norm scale, embedding), owned ones.
        gemms: Its matrix multiplications, empty for layers that have none.
        operators: ATen names fused into it, in order.
        kernel, stride, padding: Per spatial dimension, empty where they mean nothing.
        groups: Groups of a convolution.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    weight_elements: int = 0
    weight_channels: int = 0
    weight_owner: str = ""
    fixed_elements: int = 0
    gemms: tuple[Gemm, ...] = ()
    operators: tuple[str, ...] = ()
    kernel: Shape = ()
    stride: Shape = ()
    padding: Shape = ()
    groups: int = 1

    @property
    def output_elements(self) -> int:
        """Elements of the output tensor for one sample."""
        return math.prod(self.output_shape)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one sample."""
        return sum(gemm.macs for gemm in self.gemms)

    @property
    def owns_weight(self) -> bool:
        """Whether its weight is stored with it, and not with an earlier layer that shares it."""
        return self.weight_elements > 0 and self.weight_owner in ("", self.name)


@dataclass(frozen=True)
class Graph:
    """The DAG of layers in one fixed topological order.

    Attributes:
        name: Name of the network.
        inputs: The network's inputs: name -> shape without the batch dimension.
        layers: In topological order; the place in it is the rank.
        outputs: Tensors that are the network's answer, in order.
        equalized: Whether the weights of neighbouring layers were scaled to each other.

    Raises:
        GraphError: A name is used twice, a layer reads what no earlier layer wrote, an output does
            not exist, or there is no layer at all.
    """

    name: str
    inputs: Mapping[str, Shape]
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    equalized: bool = False

    def __post_init__(self) -> None:
        if not self.layers:
            raise GraphError(f"{self.name}: a graph must have at least one layer, got none")
        seen = set(self.inputs)
        for layer in self.layers:
            if layer.name in seen:
                raise GraphError(f"{self.name}: names must be unique, got {layer.name!r} twice")
            if len(layer.inputs) != len(set(layer.inputs)):
                raise GraphError(f"{layer.name}: each input must be listed once")
            for tensor in layer.inputs:
                if tensor not in seen:
                    raise GraphError(
                        f"{layer.name}: must read an input or an earlier layer (no cycles), "
                        f"got {tensor!r}"
                    )
            seen.add(layer.name)
        for tensor in self.outputs:
            if tensor not in seen:
                raise GraphError(f"{self.name}: output {tensor!r} must be an input or a layer")

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """Layer name -> layer, in topological order."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def rank(self) -> dict[str, int]:
        """Layer name -> place in topological order, from 0."""
        return {layer.name: i for i, layer in enumerate(self.layers)}

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        """Every tensor: the network's inputs, then the layers' outputs."""
        return (*self.inputs, *self.by_name)

    @cached_property
    def readers(self) -> dict[str, tuple[str, ...]]:
        """Tensor name -> the layers that read it, in topological order."""
        readers: dict[str, list[str]] = {name: [] for name in self.tensors}
        for layer in self.layers:
            for tensor in layer.inputs:
                readers[tensor].append(layer.name)
        return {name: tuple(layers) for name, layers in readers.items()}

    def shape(self, tensor: str) -> Shape:
        """Shape of a tensor without the batch dimension."""
        return self.inputs[tensor] if tensor in self.inputs else self.by_name[tensor].output_shape

    def elements(self, tensor: str) -> int:
        """Elements of a tensor for one sample."""
        return math.prod(self.shape(tensor))

    def cut(self, edge: Iterable[str]) -> Cut:
        """The cut with these layers on the edge.

        Raises:
            GraphError: A name is unknown, or a predecessor of an edge layer is not on the edge.
        """
        chosen = set(edge)
        for name in sorted(chosen - self.by_name.keys()):
            raise GraphError(f"{self.name}: no layer {name!r}{did_you_mean(name, self.by_name)}")
        for layer in self.layers:
            if layer.name not in chosen:
                continue
            for tensor in layer.inputs:
                if tensor not in chosen and tensor not in self.inputs:
                    raise GraphError(
                        f"{layer.name}: is on the edge, so {tensor!r} that it reads must be too"
                    )
        return Cut(self, tuple(name for name in self.by_name if name in chosen))

    def prefix(self, length: int) -> Cut:
        """The cut whose edge side is the first ``length`` layers; 0 is all-cloud."""
        if not 0 <= length <= len(self.layers):
            raise GraphError(
                f"{self.name}: a prefix must have 0 to {len(self.layers)} layers, got {length}"
            )
        return Cut(self, tuple(layer.name for layer in self.layers[:length]))


@dataclass(frozen=True)
class Cut:
    """A set of layers closed under predecessors, the edge side, and the tensors that cross.

    Made by ``Graph.cut`` or ``Graph.prefix``, which check it.

    Attributes:
        graph: The graph it cuts.
        edge: Layers on the edge side, in topological order.
    """

    graph: Graph
    edge: tuple[str, ...]

    @cached_property
    def cloud(self) -> tuple[str, ...]:
        """Layers on the cloud side, in topological order."""
        edge = set(self.edge)
        return tuple(name for name in self.graph.by_name if name not in edge)

    @cached_property
    def crossing(self) -> tuple[str, ...]:
        """Tensors sent to the cloud, each once: on the edge side, and read by a cloud layer.

        Skip and route tensors count.  All-cloud sends the network's inputs, all-edge nothing.
        """
        cloud = set(self.cloud)
        return tuple(
            tensor
            for tensor in self.graph.tensors
            if tensor not in cloud and not cloud.isdisjoint(self.graph.readers[tensor])
        )

    @cached_property
    def edge_tensors(self) -> tuple[str, ...]:
        """Tensors that exist on the edge: the network's inputs and the edge layers' outputs."""
        return (*self.graph.inputs, *self.edge)

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """Outputs computed in the cloud, which have to come back."""
        cloud = set(self.cloud)
        return tuple(tensor for tensor in self.graph.outputs if tensor in cloud)

    @cached_property
    def live(self) -> tuple[tuple[str, ...], ...]:
        """Tensors in memory together, one set per edge layer while it runs, and one at the end.

        A tensor is live from the step that writes it (an input: from the start) to its last
        reader on the edge; a crossing tensor and an output stay until the edge half is done.
        Nothing is overwritten in place.
        """
        step = {name: i for i, name in enumerate(self.edge)}
        end = len(self.edge)
        kept = set(self.crossing) | set(self.graph.outputs)
        spans = []
        for tensor in self.edge_tensors:
            first = step.get(tensor, 0)
            reads = [step[name] for name in self.graph.readers[tensor] if name in step]
            spans.append((tensor, first, end if tensor in kept else max(reads, default=first)))
        sets: list[list[str]] = [[] for _ in range(end + 1)]
        for tensor, first, last in spans:
            for live in sets[first : last + 1]:
                live.append(tensor)
        return tuple(map(tuple, sets))

    @cached_property
    def weights(self) -> tuple[str, ...]:
        """Owners of the quantized weights that the edge stores, each once, in topological order.

        A weight that an edge layer reads is stored on the edge, whichever side its owner is on.
        """
        layers = (self.graph.by_name[name] for name in self.edge)
        owners = {layer.weight_owner or layer.name for layer in layers if layer.weight_elements}
        return tuple(name for name in self.graph.by_name if name in owners)

    @cached_property
    def fixed_bits(self) -> int:
        """Bits of the edge side's parameters that are not quantized."""
        return FIXED_BITS * sum(self.graph.by_name[name].fixed_elements for name in self.edge)


def packed_bytes(elements: int, bits: int) -> int:
    """Bytes of a tensor whose elements are packed without gaps, rounded up to a whole byte.

    This one function says what a tensor takes in memory and on the wire; ``pack`` obeys it.

    >>> packed_bytes(3, 3)
    2
    """
    return (elements * bits + 7) // 8


def crossing_bytes(cut: Cut, activation_bits: Mapping[str, int]) -> int:
    """Bytes that cross to the cloud for one sample, at the given widths."""
    return sum(packed_bytes(cut.graph.elements(t), activation_bits[t]) for t in cut.crossing)


def weight_bytes(cut: Cut, weight_bits: Mapping[str, int]) -> int:
    """Bytes of the edge side's parameters: packed weights and those kept at 32 bits."""
    layers = cut.graph.by_name
    packed = sum(packed_bytes(layers[w].weight_elements, weight_bits[w]) for w in cut.weights)
    return packed + cut.fixed_bits // 8


def peak_bytes(cut: Cut, activation_bits: Mapping[str, int]) -> int:
    """Largest sum of simultaneously live tensors on the edge at their widths, bytes.

    All-cloud counts nothing: the edge runs no layer, and the image it sends is the camera's.
    """
    if not cut.edge:
        return 0
    size = {t: packed_bytes(cut.graph.elements(t), activation_bits[t]) for t in cut.edge_tensors}
    return max(sum(size[tensor] for tensor in live) for live in cut.live)


def edge_memory_bytes(
    cut: Cut, weight_bits: Mapping[str, int], activation_bits: Mapping[str, int]
) -> int:
    """Memory that the edge half needs: packed weights plus peak live activations, bytes."""
    return weight_bytes(cut, weight_bits) + peak_bytes(cut, activation_bits)


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
    return {
        "name": graph.name,
        "inputs": {name: list(shape) for name, shape in graph.inputs.items()},
        "layers": [asdict(layer) for layer in graph.layers],
        "outputs": list(graph.outputs),
        "equalized": graph.equalized,
    }


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
        )
    except (KeyError, TypeError, AttributeError, GraphError) as error:
        raise FileError(f"{where}: must describe a graph, {error}") from error


def _layer_from_dict(data: Mapping[str, Any]) -> Layer:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
    }
    fields["input_shapes"] = tuple(map(tuple, data["input_shapes"]))
    fields["gemms"] = tuple(Gemm(**gemm) for gemm in data["gemms"])
    return Layer(**fields)
