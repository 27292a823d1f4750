"""Seconds of layers that were measured: a table by layer name, and by the widths of its operands.

A kernel runs at the widths that it was built for, so a layer with narrower operands runs in the
narrowest measured kernel that holds them: of the rows with ``weight_bits`` and ``activation_bits``
at least the layer's, the one with the least of the wider of the two, then of the weight's, then of
the activations'.  A row of a narrower kernel may well be slower; it is taken all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from autosplit.errors import LatencyError, did_you_mean
from autosplit.graph.layer import Layer
from autosplit.hardware.device import Device


def table_s(layer: Layer, device: Device, weight_bits: int, activation_bits: int) -> float:
    """Seconds as measured, of the narrowest kernel that holds the operands.

    Args:
        layer: The layer.
        device: A device whose model is ``table``.
        weight_bits: Width of the layer's weight, bits; 0 without one.
        activation_bits: Width of its widest input, bits.

    Raises:
        LatencyError: The table has no such layer, or no row of it that holds the operands.
    """
    if layer.name not in device.table and device.unknown_operators == "traffic":
        return 0.0
    if layer.name not in device.table:
        hint = did_you_mean(layer.name, device.table)
        raise LatencyError(f"{layer.name}: the table of {device.name} has no such layer{hint}")
    measured = device.table[layer.name]
    if not isinstance(measured, Mapping):
        return measured
    holding = [w for w in measured if w[0] >= weight_bits and w[1] >= activation_bits]
    if not holding:
        there = ", ".join(f"{weight}/{activation}" for weight, activation in sorted(measured))
        raise LatencyError(
            f"{layer.name}: the table of {device.name} must have a row that holds a weight of "
            f"{weight_bits} and activations of {activation_bits} bits, it has {there}; measure the "
            "layer at that width, or list the device's widths"
        )
    return measured[min(holding, key=lambda widths: (max(widths), *widths))]
