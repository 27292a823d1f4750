"""Cycles of a systolic array, equal to SCALE-Sim's (Samajdar et al., ISPASS 2020)."""

from __future__ import annotations

import numpy as np

from autosplit.errors import LatencyError, did_you_mean
from autosplit.graph.layer import Layer
from autosplit.hardware.checks import DATAFLOWS
from autosplit.hardware.device import Device
from autosplit.hardware.operations import operations


def systolic_cycles(
    out_pixels: int, filter_size: int, filters: int, rows: int, cols: int, dataflow: str
) -> int:
    """Count the compute cycles of one matrix multiplication on a systolic array.

    Equal to what SCALE-Sim 3.0.0 reports.  The array works through the product in folds of its
    own size; a fold is as long as its operands need to get in and through, 2R + C + T - 2 cycles
    for T streamed operands (Samajdar et al., ISPASS 2020, run-time model of section III).  Under
    ``os`` the simulator lets the next fold begin while results leave, which saves R cycles.  It
    reports the number of the last cycle, counted from 0, hence one less:

    - ``os``: ceil(E / R) ceil(N / C) (R + C + K - 2) - 1
    - ``ws``: ceil(K / R) ceil(N / C) (2R + C + E - 2) - 1
    - ``is``: ceil(K / R) ceil(E / C) (2R + C + N - 2) - 1

    Args:
        out_pixels: Output positions, E, at least 1.
        filter_size: Length of one dot product, K, at least 1.
        filters: Output channels, N, at least 1.
        rows: Rows of the array, R, at least 1.
        cols: Columns of the array, C, at least 1.
        dataflow: What stays in the array: ``os`` outputs, ``ws`` weights, ``is`` inputs.

    Returns:
        Cycles, without stalls for memory.

    Raises:
        LatencyError: An argument is not a positive integer, or the dataflow is unknown.

    >>> systolic_cycles(196, 576, 64, rows=12, cols=14, dataflow="os")
    50999
    """
    sizes = {
        "out_pixels": out_pixels,
        "filter_size": filter_size,
        "filters": filters,
        "rows": rows,
        "cols": cols,
    }
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise LatencyError(f"{name}: must be an integer of at least 1, got {size!r}")
    if dataflow not in DATAFLOWS:
        hint = did_you_mean(str(dataflow), DATAFLOWS)
        raise LatencyError(f"dataflow: must be a known one, got {dataflow!r}{hint}")
    down, across, streamed = {
        "os": (out_pixels, filters, filter_size - rows),  # its operands are not loaded first
        "ws": (filter_size, filters, out_pixels),
        "is": (filter_size, out_pixels, filters),
    }[dataflow]
    folds = -(-int(down) // int(rows)) * -(-int(across) // int(cols))
    return folds * (2 * int(rows) + int(cols) + int(streamed) - 2) - 1


def systolic_s(layer: Layer, device: Device, weight_bits: int, activation_bits: int) -> float:
    """Seconds on a systolic array; operands wider than its multipliers take several passes.

    At or below the native width nothing gets faster; Auto-Split (KDD 2021) counts the same way.
    """
    cycles = sum(
        gemm.repeats
        * systolic_cycles(
            gemm.out_pixels,
            gemm.filter_size,
            gemm.filters,
            device.rows,
            device.cols,
            device.dataflow,
        )
        for gemm in layer.gemms
    )
    passes = -(-max(weight_bits, activation_bits) // device.native_bits)
    lanes = device.vector_lanes or device.cols
    return (cycles * passes + -(-operations(layer, device) // lanes)) / device.clock_hz
