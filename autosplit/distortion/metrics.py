"""Distortion metrics by name: what the search adds up over the tensors of an edge half.

``measure`` leaves the noise-to-signal ratio (``mse``), which does not depend on what a tensor is
for.  The metrics ``fisher`` and ``output`` use gradients of the network's output with respect to
every layer's output; each is a module of its name.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from autosplit.capture.program import Batches, Program
from autosplit.capture.replay import Wiring
from autosplit.distortion.finished_share import Gains
from autosplit.distortion.fisher import fisher
from autosplit.distortion.output import output_change
from autosplit.distortion.quantization_errors import QuantizationErrors
from autosplit.errors import StageError, did_you_mean
from autosplit.progress import Advance
from autosplit.stats.stats import Stats, TensorAtWidth


def sensitivity(
    program: Program,
    batches: Batches,
    stats: Stats,
    metric: str = "output",
    seed: int = 0,
    advance: Advance | None = None,
    *,
    finished: bool = True,
) -> Stats:
    """Statistics with the distortions of a metric in place of noise over signal.

    A tensor that the output does not depend on (or not by a derivative: an index) has distortion
    0.  None is negative, infinite or NaN.

    Args:
        program: The captured network.
        batches: Batches that the statistics were measured on.
        stats: From ``measure``.
        metric: A name in ``METRICS``.
        seed: Seed of the random output vectors.
        advance: Told of samples done.
        finished: Whether coarse weights are counted as ``recover`` chooses their integers, and
            not as rounded to the nearest.

    Raises:
        StageError: The metric is unknown.
    """
    check_metric(metric)
    generator = torch.Generator().manual_seed(seed)
    wiring = Wiring(program)
    gains = Gains(program, wiring, seed) if finished else None
    errors = QuantizationErrors(program, stats, wiring, gains)
    measured = METRICS[metric](errors, batches, generator, advance or (lambda _: None))
    distortions = {
        key: replace(found, distortion=_clean(measured[key])) if key in measured else found
        for key, found in stats.distortions.items()
    }
    return replace(stats, distortions=distortions)


def check_metric(metric: str) -> None:
    """Make sure that a metric has a name that is known.

    Raises:
        StageError: It has not.
    """
    if metric not in METRICS:
        raise StageError(f"metric: unknown name {metric!r}{did_you_mean(metric, METRICS)}")


def _clean(value: float) -> float:
    """A distortion that a search can add up, whatever a broken gradient made of it."""
    return min(max(value, 0.0), 1e30) if not math.isnan(value) else 1e30


def _keep(
    _errors: QuantizationErrors, _batches: Batches, _random: torch.Generator, _tell: Advance
) -> dict[TensorAtWidth, float]:
    """``mse``: noise over signal, as measured."""
    return {}


METRICS = {"mse": _keep, "fisher": fisher, "output": output_change}
"""Name -> function that gives the distortion of every (tensor, role, width)."""
