"""The fit of measured layers: seconds of a unit of each kind of work, per width and family.

Non-negative least squares (Lawson and Hanson 1974) of relative errors: each layer counts as much as
any other, however long it takes.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from autosplit.graph.layer import Layer
from autosplit.hardware.fitted import family, unit_seconds, work

CLOCK_S = 5e-6
"""Added to the seconds of a layer before its error is taken relative to them: the profiler counts
whole microseconds, and layers that the runtime fuses into others take none."""

COUNTED_S = 2e-5
"""Least seconds of a layer whose error is told."""


@dataclass(frozen=True, slots=True)
class TimedLayer:
    """A layer that was measured.

    Attributes:
        layer: The layer.
        bits: Width at which it was computed.
        seconds: What it took.
    """

    layer: Layer
    bits: int
    seconds: float


def fit_layers(measured: Iterable[TimedLayer]) -> dict[int, dict[str, dict[str, float]]]:
    """Width -> family -> kind of work -> seconds of a unit; work that costs nothing is left out.

    Args:
        measured: Layers of many sizes; layers of no known family are left out.
    """
    groups: dict[tuple[int, str], list[TimedLayer]] = defaultdict(list)
    for one in measured:
        if family(one.layer, one.bits):
            groups[one.bits, family(one.layer, one.bits)].append(one)
    found: dict[int, dict[str, dict[str, float]]] = defaultdict(dict)
    for (bits, name), layers in sorted(groups.items()):
        found[bits][name] = _fitted(layers)
    return dict(found)


def fit_error(
    fit: Mapping[int, Mapping[str, Mapping[str, float]]], measured: Iterable[TimedLayer]
) -> float:
    """Median of the relative errors of a fit, of layers that take ``COUNTED_S`` or more.

    Args:
        fit: From ``fit_layers``.
        measured: Layers of its families.
    """
    errors = [
        abs(unit_seconds(fit[one.bits][family(one.layer, one.bits)], one.layer) / one.seconds - 1)
        for one in measured
        if one.seconds >= COUNTED_S and family(one.layer, one.bits) in fit[one.bits]
    ]
    return statistics.median(errors) if errors else math.nan


def _fitted(layers: list[TimedLayer]) -> dict[str, float]:
    units = [work(one.layer) for one in layers]
    names = sorted({name for one in units for name, amount in one.items() if amount})
    amounts = np.array([[one.get(name, 0.0) for name in names] for one in units])  # (layers, work)
    seconds = np.array([one.seconds for one in layers])
    most, weights = amounts.max(0), 1 / (seconds + CLOCK_S)
    scaled, _ = nnls(amounts / most * weights[:, None], seconds * weights)
    return {
        name: float(f"{value:.6g}")
        for name, value in zip(names, scaled / most, strict=True)
        if value > 0
    }
