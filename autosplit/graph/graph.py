"""The network as a DAG of layers; what a cut of it means: crossing and live tensors, memory.

No torch here: everything is names, shapes and counts.  A *tensor* is named by the layer that wrote
it, or is one of the network's inputs.  Shapes leave the batch dimension out, so every count is for
one sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from autosplit.errors import GraphError, did_you_mean
from autosplit.graph.integers import Integers
from autosplit.graph.layer import FIXED_BITS, Layer, Shape


@dataclass(frozen=True)
class Tail:
    """What is always computed in floats behind the network, where one of its layers runs.

    Attributes:
        after: The layer: the tail runs on the same machine, and has its parameters there.
        graph: What the tail computes.
    """

    after: str
    graph: Graph

    @cached_property
    def parameters(self) -> int:
        """Number of its parameters, all of them floats."""
        return sum(layer.weight_elements + layer.fixed_elements for layer in self.graph.layers)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates for one sample."""
        return sum(layer.macs for layer in self.graph.layers)


@dataclass(frozen=True)
class Graph:
    """The DAG of layers in one fixed topological order.

    Attributes:
        name: Name of the network.
        inputs: The network's inputs: name -> shape without the batch dimension.
        layers: In topological order; the place in it is the rank.
        outputs: Tensors that are the network's answer, in order.
        equalized: Whether the weights of neighbouring layers were scaled to each other.
        integers: Tensors that keep their values, as masks and indices do -> the values they take.
        tail: What is computed in floats behind the network; None for nearly all networks.

    Raises:
        GraphError: A name is used twice, a layer reads what no earlier layer wrote, an output, a
            tensor of integers or the layer of the tail does not exist, or there is no layer at all.
    """

    name: str
    inputs: Mapping[str, Shape]
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    equalized: bool = False
    integers: Mapping[str, Integers] = field(default_factory=dict)
    tail: Tail | None = None

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
        for tensor in self.integers:
            if tensor not in seen:
                raise GraphError(f"{self.name}: integers {tensor!r} must be an input or a layer")
        if self.tail is not None and self.tail.after not in self.by_name:
            raise GraphError(
                f"{self.name}: the tail must be after a layer, got {self.tail.after!r}"
            )

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

    def fixed_elements(self, layer: str) -> int:
        """Parameters of 32 bits that are stored where a layer runs, those of a tail among them."""
        behind = self.tail.parameters if self.tail and self.tail.after == layer else 0
        return self.by_name[layer].fixed_elements + behind

    def shape(self, tensor: str) -> Shape:
        """Shape of a tensor without the batch dimension."""
        return self.inputs[tensor] if tensor in self.inputs else self.by_name[tensor].output_shape

    def elements(self, tensor: str) -> int:
        """Elements of a tensor for one sample."""
        return math.prod(self.shape(tensor))

    def width(self, tensor: str, bits: int) -> int:
        """Bits of an element of a tensor in a plan that gives it ``bits``; integers keep theirs."""
        kept = self.integers.get(tensor)
        return bits if kept is None else kept.bits

    def widths(self, bits: Mapping[str, int]) -> dict[str, int]:
        """Bits of an element of some tensors in a plan that gives them ``bits``."""
        return {tensor: self.width(tensor, width) for tensor, width in bits.items()}

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

    def prefixes(self) -> tuple[Cut, ...]:
        """Every cut whose edge side is a prefix: L + 1 of them, all-cloud first, all-edge last."""
        return tuple(self.prefix(length) for length in range(len(self.layers) + 1))


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
        owners = {layer.owner for layer in layers if layer.weight_elements}
        return tuple(name for name in self.graph.by_name if name in owners)

    @cached_property
    def fixed_bits(self) -> int:
        """Bits of the edge side's parameters that are not quantized."""
        return FIXED_BITS * sum(map(self.graph.fixed_elements, self.edge))
