"""Bytes of tensors in memory and on the wire: packed, crossing, and the edge half's peak."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from autosplit.graph.graph import Cut, Graph

NOT_CODED: Mapping[tuple[str, int], int] = {}
"""Where every tensor is packed."""


class WholeBytes(dict[tuple[str, int], int]):
    """Tensor and width -> bytes on the wire where every element takes whole bytes.

    So a tool sends them that does no packing; to make them takes no seconds of coding.
    """


def whole_bits(bits: int) -> int:
    """Width of an element that takes whole bytes: 8 bits, 16, or 32.

    >>> [whole_bits(bits) for bits in (1, 8, 9, 32)]
    [8, 8, 16, 32]
    """
    return next(whole for whole in (8, 16, 32) if bits <= whole)


def packed_bytes(elements: int, bits: int) -> int:
    """Bytes of a tensor whose elements are packed without gaps, rounded up to a whole byte.

    This one function says what a tensor takes in memory and on the wire; ``pack`` obeys it.

    >>> packed_bytes(3, 3)
    2
    """
    return (elements * bits + 7) // 8


def tensor_bytes(graph: Graph, tensor: str, bits: int) -> int:
    """Packed bytes of a tensor of one sample in a plan that gives it ``bits``."""
    return packed_bytes(graph.elements(tensor), graph.width(tensor, bits))


def sent_bytes(
    graph: Graph, tensor: str, bits: int, coded: Mapping[tuple[str, int], int] = NOT_CODED
) -> int:
    """Bytes of a tensor of one sample on the wire: as they are listed, else packed.

    Args:
        graph: The graph.
        tensor: The tensor.
        bits: Width that a plan gives it.
        coded: Tensor and width -> mean bytes of a sample, entropy-coded.
    """
    found = coded.get((tensor, bits))
    return tensor_bytes(graph, tensor, bits) if found is None else found


def crossing_bytes(
    cut: Cut,
    activation_bits: Mapping[str, int],
    coded: Mapping[tuple[str, int], int] = NOT_CODED,
) -> int:
    """Bytes that cross to the cloud for one sample, at its widths.

    Args:
        cut: The cut.
        activation_bits: Tensor -> width, for every crossing tensor.
        coded: Tensor and width -> mean bytes of a sample, entropy-coded.
    """
    return sum(sent_bytes(cut.graph, t, activation_bits[t], coded) for t in cut.crossing)


def coded_crossing(
    cut: Cut, activation_bits: Mapping[str, int], coded: Collection[tuple[str, int]]
) -> tuple[str, ...]:
    """Tensors that cross entropy-coded at their widths.

    Args:
        cut: The cut.
        activation_bits: Tensor -> width, for every crossing tensor.
        coded: Tensors and widths that are entropy-coded; none of ``WholeBytes`` are.
    """
    if isinstance(coded, WholeBytes):
        return ()
    return tuple(t for t in cut.crossing if (t, activation_bits[t]) in coded)


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
    size = {t: tensor_bytes(cut.graph, t, activation_bits[t]) for t in cut.edge_tensors}
    return max(sum(size[tensor] for tensor in live) for live in cut.live)


def edge_memory_bytes(
    cut: Cut, weight_bits: Mapping[str, int], activation_bits: Mapping[str, int]
) -> int:
    """Memory that the edge half needs: packed weights plus peak live activations, bytes."""
    return weight_bytes(cut, weight_bits) + peak_bytes(cut, activation_bits)


def fits_memory(memory_bytes: int, limit_bytes: int | None) -> bool:
    """Whether an edge half of this size keeps a memory limit; a limit of None is no limit."""
    return limit_bytes is None or memory_bytes <= limit_bytes
