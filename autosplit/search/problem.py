"""What the search is asked: a graph, what its widths cost in accuracy, the hardware, the limits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from autosplit.errors import DataError, GraphError, InfeasibleError, LatencyError, PlanError
from autosplit.graph.graph import Cut, Graph
from autosplit.graph.layer import FIXED_BITS
from autosplit.graph.memory import (
    WholeBytes,
    edge_memory_bytes,
    fits_memory,
    packed_bytes,
    sent_bytes,
    tensor_bytes,
)
from autosplit.grid.grid import DEFAULT_WIDTHS, WIDTHS
from autosplit.hardware.coding_seconds import tensor_s
from autosplit.hardware.device import OF_DEVICE, Device, MemoryLimit, memory_limit
from autosplit.hardware.link import Link
from autosplit.hardware.operations import unpriced_layers
from autosplit.search.arrays import Floats, Ints
from autosplit.stats.coding import InputCoding
from autosplit.stats.stats import Distortion, Role, Stats

MOST_TENSOR_BYTES = 2**52
"""Bytes that all tensors and weights may add up to, at 32 bits: beyond, float64 rounds them."""


@dataclass(frozen=True)
class Problem:
    """One search: every method reads it, none changes it.

    Attributes:
        graph: The network.
        distortions: (tensor, role, width) -> distortion, as in ``Stats``: every stored weight and
            every layer at all of ``stats.WIDTHS``, the network's inputs at ``input_bits``.
        edge: The edge device.
        cloud: The cloud device.
        links: Link name -> link; at least one.
        memory_bytes: What the edge half may use; None: no limit; ``OF_DEVICE``: as much as the
            edge device has.
        widths: Widths that may be used, ascending; those that the edge device lacks are left out.
        input_bits: Width of the network's inputs, on the edge and on the wire.
        input_codings: How the input may travel compressed, for ``cloud-jpeg``; empty: never.
        coded: Tensor and width -> mean bytes on the wire, entropy-coded unless these are
            ``WholeBytes``; others are packed.
        stats: Statistics that the distortions are of, for whoever makes plans real; no search
            method reads them.

    Raises:
        DataError: A distortion is missing, negative or not finite.
        GraphError: The tensors are too large to be added up exactly.
        InfeasibleError: The edge device supports none of the widths, or the limit is no size.
        PlanError: The widths are not ascending ones that were measured, or there is no link.
    """

    graph: Graph
    distortions: Mapping[tuple[str, Role, int], Distortion]
    edge: Device
    cloud: Device
    links: Mapping[str, Link]
    memory_bytes: MemoryLimit = OF_DEVICE
    widths: tuple[int, ...] = DEFAULT_WIDTHS
    input_bits: int = 8
    input_codings: tuple[InputCoding, ...] = ()
    coded: Mapping[tuple[str, int], int] = field(default_factory=dict)
    stats: Stats | None = field(default=None, repr=False, compare=False)
    usable: tuple[int, ...] = field(init=False)
    """Widths that may be used and that the edge device supports, ascending."""

    def __post_init__(self) -> None:
        if not self.widths or list(self.widths) != sorted(set(self.widths) & set(WIDTHS)):
            raise PlanError(
                f"widths: must be ascending and from {_listed(WIDTHS)}, got {_listed(self.widths)}"
            )
        if self.input_bits not in WIDTHS:
            raise PlanError(f"input_bits: must be from {_listed(WIDTHS)}, got {self.input_bits}")
        if not self.links:
            raise PlanError("links: must name at least one, got none")
        supported = self.edge.widths or self.widths
        usable = tuple(width for width in self.widths if width in supported)
        if not usable:
            raise InfeasibleError(
                f"{self.edge.name}: must support one of the widths {_listed(self.widths)}, "
                f"supports {_listed(supported)}"
            )
        object.__setattr__(self, "usable", usable)
        if isinstance(self.memory_bytes, int) and self.memory_bytes < 0:
            raise InfeasibleError(f"memory_bytes: must be at least 0, got {self.memory_bytes}")
        self._check_sizes()
        self._check_distortions()

    def _check_sizes(self) -> None:
        graph = self.graph
        counts = [graph.elements(name) for name in graph.tensors]
        counts += [
            layer.weight_elements + graph.fixed_elements(layer.name) for layer in graph.layers
        ]
        total = sum(packed_bytes(count, FIXED_BITS) for count in counts)
        if total > MOST_TENSOR_BYTES:
            largest = max(graph.tensors, key=graph.elements)
            raise GraphError(
                f"{graph.name}: tensors and weights must add up to at most 2**52 bytes, got "
                f"{total:,}; the largest tensor is {largest}, {graph.elements(largest):,} elements"
            )

    def _check_distortions(self) -> None:
        keys: list[tuple[str, Role, int]] = [
            (name, "activation", self.input_bits) for name in self.graph.inputs
        ]
        for layer in self.graph.layers:
            roles: tuple[Role, ...] = ("activation",)
            if layer.owns_weight:
                roles = ("activation", "weight")
            keys += [(layer.name, role, width) for role in roles for width in WIDTHS]
        for name, role, width in keys:
            found = self.distortions.get((name, role, width))
            if found is None:
                raise DataError(f"{name}: its {role} distortion at {width} bits must be measured")
            if not (np.isfinite(found.distortion) and found.distortion >= 0):
                raise DataError(
                    f"{name}: its {role} distortion at {width} bits must be finite and not "
                    f"negative, got {found.distortion}"
                )

    def __repr__(self) -> str:
        limit = self.limit_bytes
        memory = "no memory limit" if limit is None else f"{limit:,} bytes"
        return (
            f"Problem({self.graph.name}: {self.edge.name} + {self.cloud.name} over "
            f"{', '.join(self.links)}, {memory})"
        )

    @property
    def limit_bytes(self) -> int | None:
        """Most memory that the edge half may use; None: not limited."""
        return memory_limit(self.memory_bytes, self.edge)

    def fits(self, memory_bytes: int) -> bool:
        """Whether an edge half of this size keeps the limit."""
        return fits_memory(memory_bytes, self.limit_bytes)

    @cached_property
    def unpriced(self) -> tuple[dict[str, str], dict[str, str]]:
        """Layers that the edge device, and those that the cloud device, refuses to time."""
        return unpriced_layers(self.graph, self.edge), unpriced_layers(self.graph, self.cloud)

    @cached_property
    def priced_devices(self) -> tuple[Device, Device]:
        """Both devices, for costs of cuts that may be left out: what they refuse costs traffic."""
        edge, cloud = (replace(one, unknown_operators="traffic") for one in (self.edge, self.cloud))
        return edge, cloud

    def coding_s(self, tensor: str, bits: int) -> float:
        """Seconds to code a tensor on the edge and to decode it in the cloud; 0 if it is packed."""
        if (tensor, bits) not in self.coded or isinstance(self.coded, WholeBytes):
            return 0.0
        elements = self.graph.elements(tensor)
        return tensor_s(self.edge.encode_s, elements) + tensor_s(self.cloud.decode_s, elements)

    def allows(self, edge: Collection[str]) -> bool:
        """Whether no device would run a layer that it refuses to time.

        Args:
            edge: Names of the edge layers.
        """
        here, there = self.unpriced
        return here.keys().isdisjoint(edge) and all(name in edge for name in there)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Numbers of edge layers of the prefixes that are allowed, ascending."""
        names = tuple(self.graph.by_name)
        return tuple(n for n in range(len(names) + 1) if self.allows(set(names[:n])))

    def distortion_of(
        self, weight_bits: Mapping[str, int], activation_bits: Mapping[str, int]
    ) -> float:
        """Sum of the distortions of some weights and activations at their widths.

        Floats and integers have none.

        A width above all that are measured is that of a float.
        """
        total = 0.0
        roles: tuple[tuple[Role, Mapping[str, int]], ...]
        roles = (("weight", weight_bits), ("activation", activation_bits))
        for role, widths in roles:
            kept = self.graph.integers if role == "activation" else {}
            quantized = (
                (name, bits)
                for name, bits in widths.items()
                if bits <= WIDTHS[-1] and name not in kept
            )
            total += sum((self.distortions[n, role, b].distortion for n, b in quantized), 0.0)
        return total

    def uniform(self, cut: Cut, bits: int) -> tuple[dict[str, int], dict[str, int]]:
        """Weight and activation widths of a cut that are the same everywhere but at the inputs."""
        inputs = dict.fromkeys(self.graph.inputs, self.input_bits)
        return dict.fromkeys(cut.weights, bits), {**inputs, **dict.fromkeys(cut.edge, bits)}

    def check_feasible(self) -> None:
        """Make sure that the edge device has room for at least one layer.

        A limit of 0 asks for plans that run nothing on the edge, so it is kept.

        Raises:
            InfeasibleError: There is no room, even at 1 bit, or not at the widths that may be used.
            LatencyError: Every prefix has a layer on a device that refuses to time it.
        """
        if not self.lengths:
            sides = zip(self.unpriced, (self.edge, self.cloud), ("edge", "cloud"), strict=True)
            refused = [
                f"{next(iter(found))} ({next(iter(found.values()))}) on the {side} {device.name}"
                for found, device, side in sides
                if found
            ]
            raise LatencyError(
                f"{self.graph.name}: no cost is known of {', nor of '.join(refused)}, and every "
                "cut has one of these; measure the layers and use a device of model table, or let "
                "the profile say unknown_operators: traffic"
            )
        if self.limit_bytes == 0:
            return
        smallest = self.graph.prefix(1)  # memory never falls when layers are added
        for bits, remedy in ((1, ""), (self.usable[0], "; allow narrower widths")):
            need = edge_memory_bytes(smallest, *self.uniform(smallest, bits))
            if not self.fits(need):
                raise InfeasibleError(
                    f"memory: the smallest edge half, {smallest.edge[0]} at {bits} "
                    f"{'bit' if bits == 1 else 'bits'}, needs {need:,} bytes, "
                    f"the limit is {self.limit_bytes:,}{remedy}"
                )


def bytes_on_wire(problem: Problem, names: Sequence[str]) -> Ints:
    """Bytes of some tensors on the wire at each usable width.

    Args:
        problem: The problem.
        names: L layers.

    Returns:
        Shape (L, B).
    """
    size = [[sent_bytes(problem.graph, n, b, problem.coded) for b in problem.usable] for n in names]
    return np.array(size, dtype=np.int64).reshape(len(names), len(problem.usable))


def coding_seconds(problem: Problem, names: Sequence[str]) -> Floats:
    """Seconds of coding of some tensors, of both ends, at each usable width.

    Args:
        problem: The problem.
        names: L layers.

    Returns:
        Shape (L, B).
    """
    each = [[problem.coding_s(name, bits) for bits in problem.usable] for name in names]
    return np.array(each).reshape(len(names), len(problem.usable))


def distortion_and_bytes(problem: Problem, names: Sequence[str], role: Role) -> tuple[Floats, Ints]:
    """Distortion and packed bytes of some tensors at each usable width.

    Args:
        problem: The problem.
        names: L layers; as weights, each must store its own.
        role: Their weights or their outputs.

    Returns:
        Distortion and bytes, both of shape (L, B).
    """
    layers = [problem.graph.by_name[name] for name in names]
    graph, shape = problem.graph, (len(names), len(problem.usable))
    distortion = [problem.distortions[n, role, b].distortion for n in names for b in problem.usable]
    size = [
        packed_bytes(layer.weight_elements, b)
        if role == "weight"
        else tensor_bytes(graph, layer.name, b)
        for layer in layers
        for b in problem.usable
    ]
    return np.array(distortion).reshape(shape), np.array(size, dtype=np.int64).reshape(shape)


def _listed(widths: Sequence[int]) -> str:
    return ", ".join(map(str, widths)) or "none"
