"""Compute seconds of a device known by its peak rates (Williams et al. 2009)."""

from __future__ import annotations

from autosplit.errors import LatencyError
from autosplit.graph.layer import Layer
from autosplit.hardware.device import Device
from autosplit.hardware.operations import operations


def roofline_s(layer: Layer, device: Device, weight_bits: int, activation_bits: int) -> float:
    """Seconds at peak rate, of the narrowest listed width that holds the operands."""
    operand_bits = max(weight_bits, activation_bits)
    peaks = device.peak_macs_per_s
    seconds = operations(layer, device) / (device.elementwise_ops_per_s or min(peaks.values()))
    if not layer.gemms:
        return seconds
    width = min((bits for bits in peaks if bits >= operand_bits), default=None)
    if width is None:
        listed = ", ".join(map(str, sorted(peaks)))
        raise LatencyError(
            f"{layer.name}: needs {operand_bits}-bit operands, {device.name} has peak_macs_per_s "
            f"for {listed} only"
        )
    return seconds + layer.macs / peaks[width]
