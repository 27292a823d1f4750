"""Compute seconds of layers that were measured: a table by layer name."""

from __future__ import annotations

from autosplit.errors import LatencyError, did_you_mean
from autosplit.graph.layer import Layer
from autosplit.hardware.device import Device


def table_s(layer: Layer, device: Device, operand_bits: int) -> float:
    """Seconds as measured, whatever the width."""
    del operand_bits
    if layer.name not in device.table:
        hint = did_you_mean(layer.name, device.table)
        raise LatencyError(f"{layer.name}: the table of {device.name} has no such layer{hint}")
    return device.table[layer.name]
