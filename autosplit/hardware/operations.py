"""Operations of layers that have no matrix product, one rule per kind."""

from __future__ import annotations

import math
from collections.abc import Callable

from autosplit.errors import LatencyError, did_you_mean
from autosplit.graph.layer import Layer
from autosplit.hardware.device import Device

PASSES = 5
"""Operations per element of a norm (sum, centre, sum of squares, scale, shift) and of a softmax
(maximum, subtract, exponential, sum, divide)."""
TAPS = 4
"""Operations per output element of an upsampling: bilinear, the dearer of the usual two."""


def operations(layer: Layer, device: Device) -> int:
    """Count what a layer does besides products: elementwise operations, for one sample.

    An activation fused into the layer that feeds it is free.  The softmax inside an attention
    counts, over the elements of its first product, the scores.

    Raises:
        LatencyError: The layer has no products, and its kind is unknown.
    """
    if layer.kind == "attention" and layer.gemms:
        scores = layer.gemms[0]
        return PASSES * scores.out_pixels * scores.filters * scores.repeats
    if layer.gemms:
        return 0
    if layer.kind not in _OPERATIONS:
        raise LatencyError(
            f"{layer.name}: no cost is known for kind {layer.kind!r} on {device.name} (model "
            f"{device.model}){did_you_mean(layer.kind, VECTOR_KINDS)}; measure the layers and use "
            "a device of model table"
        )
    return _OPERATIONS[layer.kind](layer)


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
    "upsample": _in_taps,
    "embedding": _nothing,
    "cat": _nothing,
    "move": _nothing,
}
VECTOR_KINDS = frozenset(_OPERATIONS)
"""Kinds of layers without products whose cost is known; ``cat``, ``embedding`` and ``move`` (pad,
roll, gather, channel shuffle ...) cost their traffic only."""
