"""Grids of weights that a device takes fast as 8-bit levels of -128..127 only.

A grid of up to 7 bits has such levels whatever its zero point is.  One of 8 bits has them at zero
point 128, with a step that is coarser by

    s' = max(z / 128, (255 - z) / 127) s

so that no value is clipped that was not clipped before.  The squared error of a fine grid grows as
the square of its step, and the distortion with it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.grid.grid import Grid
from autosplit.hardware.device import Device
from autosplit.stats.stats import Distortion, Stats

_BITS, _MIDDLE = 8, 128


def stats_for(device: Device, graph: Graph, stats: Stats) -> Stats:
    """Statistics with grids that the kernels of an edge device take.

    Args:
        device: The edge device.
        graph: The network.
        stats: What was measured of it, with free grids.
    """
    return int8_stats(graph, stats, device.int8_weights)


def int8_stats(graph: Graph, stats: Stats, which: str) -> Stats:
    """Statistics in which weights have int8 levels.

    Args:
        graph: The network.
        stats: What was measured of it, with free grids.
        which: ``none``, ``depthwise`` or ``all``: of these layers.
    """
    found = {
        layer.name: stats.weight_grids[layer.name, _BITS]
        for layer in graph.layers
        if (which == "all" or (which == "depthwise" and is_depthwise(layer)))
        and (layer.name, _BITS) in stats.weight_grids
    }
    grids, distortions = dict(stats.weight_grids), dict(stats.distortions)
    for name, free in found.items():
        grids[name, _BITS] = kept = int8_grid(free)
        factor = float(np.square(kept.scale).mean() / np.square(free.scale).mean())
        before = distortions[name, "weight", _BITS]
        after = Distortion(before.mse * factor, before.distortion * factor)
        distortions[name, "weight", _BITS] = after
    return replace(stats, weight_grids=grids, distortions=distortions) if found else stats


def is_depthwise(layer: Layer) -> bool:
    """Whether a layer is a convolution whose channels each have a filter of their own."""
    return layer.groups > 1 and layer.groups == layer.weight_channels


def int8_grid(free: Grid) -> Grid:
    """The grid of 8 bits and zero point 128 that holds all values that a grid of 8 bits holds."""
    zero = free.zero_point.astype(np.float64)
    reach = np.maximum(zero / _MIDDLE, (free.steps - zero) / (_MIDDLE - 1))
    scale = (free.scale * reach).astype(np.float32)
    return Grid(_BITS, scale, np.full_like(free.zero_point, _MIDDLE))
