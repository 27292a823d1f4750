"""Score ``distortion``: divergence of the network's answers without a unit, to second order.

The metric ``output`` of the search (``distortion.output``) for the error that pruning makes: each
channel of the unit becomes its mean.  With J the Jacobian of the answers and d that error, the
score is the square of J d in the divergence of the answers, in the unit of a plan's distortion.
Means are what pruning leaves behind, for the next bias takes them up.
"""

from __future__ import annotations

import numpy as np
import torch

from autosplit.compress.gates import GatedRun, channel_means
from autosplit.compress.scores.scores import Scored, UnitScores
from autosplit.distortion.divergence import probes
from autosplit.distortion.output import PROBES


def answer_change_score(scored: Scored) -> UnitScores:
    """Score units by the change of the network's answers; no labels are read."""
    units = len(scored.channels.free)
    means = channel_means(scored.live, scored.channels, scored.batches)
    random = torch.Generator().manual_seed(scored.seed)
    total, samples = torch.zeros(units, dtype=torch.float64), 0
    for inputs in scored.batches:
        gates = torch.ones(len(inputs[0]), units, requires_grad=True)
        outputs = GatedRun(scored.live, scored.channels, gates, means).run(*inputs)
        floats = [value for value in outputs if value.is_floating_point()]
        for vectors in probes(outputs, PROBES, random):
            pairs = [(v, out) for v, out in zip(vectors, floats, strict=True) if out.requires_grad]
            (gradient,) = torch.autograd.grad(
                [out for _, out in pairs], gates, [v for v, _ in pairs], retain_graph=True
            )
            total += gradient.double().square().sum(0)
        samples += len(gates)
    return np.asarray(total / (2 * max(samples, 1)))
