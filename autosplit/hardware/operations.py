"""Operations of layers that have no matrix product, one rule per kind."""

from __future__ import annotations

import math
from collections.abc import Callable

from autosplit.errors import LatencyError, did_you_mean
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.hardware.device import Device
from autosplit.hardware.fitted import fit_for

PASSES = 5
"""Operations per element of a norm (sum, centre, sum of squares, scale, shift) and of a softmax
(maximum, subtract, exponential, sum, divide)."""
TAPS = 4
"""Operations per output element of an upsampling or a sampled grid: bilinear, the dearer of the
usual two."""
FFT = 5
"""Operations of a Fourier transform of n numbers are 5 n log2 n (the count of Cooley and Tukey's
algorithm at radix 2, as FFTW's benchmarks count; Frigo and Johnson 2005)."""


def operations(layer: Layer, device: Device) -> int:
    """Count what a layer does besides products: elementwise operations, for one sample.

    An activation fused into the layer that feeds it is free.  The softmax inside an attention
    counts, over the elements of its first product, the scores.  A layer of an unknown kind costs
    its traffic alone where the device says so.

    Raises:
        LatencyError: The layer has no products, its kind is unknown, and the device does not say
            that unknown operators cost their traffic.
    """
    if layer.kind == "attention" and layer.gemms:
        scores = layer.gemms[0]
        return PASSES * scores.out_pixels * scores.filters * scores.repeats
    if layer.gemms:
        return 0
    if layer.kind not in _OPERATIONS and device.unknown_operators == "traffic":
        return 0
    if layer.kind not in _OPERATIONS:
        raise LatencyError(
            f"{layer.name}: no cost is known for kind {layer.kind!r} on {device.name} (model "
            f"{device.model}){did_you_mean(layer.kind, VECTOR_KINDS)}; measure the layers and use "
            "a device of model table, or let the profile say unknown_operators: traffic"
        )
    return _OPERATIONS[layer.kind](layer)


def unknown_layers(graph: Graph, device: Device) -> dict[str, str]:
    """Layers that a device times by their traffic alone, for want of a rule -> their kinds.

    A layer with a tail that the device cannot time, or has no floats for, is among them.
    """
    behind = _unknown_tail(graph, device)
    if device.model == "table":
        missing = (layer for layer in graph.layers if layer.name not in device.table)
        return {layer.name: layer.kind for layer in missing} | behind
    if device.model == "fitted":
        fits = device.fit.items()
        return {
            layer.name: layer.kind
            for layer in graph.layers
            if any(fit_for(families, layer, bits) is None for bits, families in fits)
        } | behind
    return {
        layer.name: layer.kind
        for layer in graph.layers
        if not layer.gemms and layer.kind not in _OPERATIONS
    } | behind


def _unknown_tail(graph: Graph, device: Device) -> dict[str, str]:
    if graph.tail is None:
        return {}
    known = device.float_bits <= max(device.peak_macs_per_s, default=device.float_bits)
    known = known and not unknown_layers(graph.tail.graph, device)
    return {} if known else {graph.tail.after: graph.tail.graph.name}


def unpriced_layers(graph: Graph, device: Device) -> dict[str, str]:
    """Layers that a device refuses to time, for want of a rule or a measurement -> their kinds."""
    return {} if device.unknown_operators == "traffic" else unknown_layers(graph, device)


def _nothing(layer: Layer) -> int:
    """Traffic only."""
    del layer
    return 0


def _per_output(layer: Layer) -> int:
    """One operation per output element and further input, at least one."""
    return layer.output_elements * max(1, len(layer.inputs) - 1)


def _per_input(layer: Layer) -> int:
    """One operation per input element."""
    return sum(map(math.prod, layer.input_shapes))


def _per_window(layer: Layer) -> int:
    """One operation per element under the window; without a kernel the window is the image."""
    if not layer.kernel:
        return _per_input(layer)
    return math.prod(layer.kernel) * layer.output_elements


def _in_passes(layer: Layer) -> int:
    return PASSES * layer.output_elements


def _in_order(layer: Layer) -> int:
    """Sorting n elements takes n log2 n comparisons."""
    count = _per_input(layer)
    return count * max(math.ceil(math.log2(max(count, 2))), 1)


def _in_transform(layer: Layer) -> int:
    count = max(_per_input(layer), layer.output_elements)
    return FFT * count * max(math.ceil(math.log2(max(count, 2))), 1)


def _per_pair(layer: Layer) -> int:
    """A difference, a square and a sum for each feature of each pair."""
    return 3 * layer.output_elements * (layer.input_shapes[0][-1] if layer.input_shapes else 1)


def _per_row_read(layer: Layer) -> int:
    """Rows that are looked up are added up: as many as there are indices."""
    return _per_input(layer) * (layer.output_shape[-1] if layer.output_shape else 1)


def _in_crops(layer: Layer) -> int:
    """Bilinear samples, as many for each output element as the kernel has places (RoIAlign)."""
    return TAPS * math.prod(layer.kernel) * layer.output_elements


def _in_taps(layer: Layer) -> int:
    return TAPS * layer.output_elements


_OPERATIONS: dict[str, Callable[[Layer], int]] = {
    "add": _per_output,
    "sub": _per_output,
    "mul": _per_output,
    "div": _per_output,
    "activation": _per_output,
    "elementwise": _per_output,
    "reduce": _per_input,
    "max_pool": _per_window,
    "avg_pool": _per_window,
    "norm": _in_passes,
    "softmax": _in_passes,
    "scan": _per_input,
    "add_at": _per_input,
    "sort": _in_order,
    "fft": _in_transform,
    "distance": _per_pair,
    "upsample": _in_taps,
    "sample": _in_taps,
    "crop": _in_crops,
    "recurrent": _nothing,
    "embedding_bag": _per_row_read,
    "embedding": _nothing,
    "cat": _nothing,
    "move": _nothing,
}
VECTOR_KINDS = frozenset(_OPERATIONS)
"""Kinds of layers without products whose cost is known; ``cat``, ``embedding`` and ``move`` (pad,
roll, gather, channel shuffle ...) cost their traffic only, and so does a further
output of a ``recurrent`` operator, whose products count once."""
