"""Score ``taylor``: mean square of the first-order change of the loss without a unit.

With the gate g of a unit (``gates``), E[(dL/dg)^2] / 2 over samples is the change of the loss by
the Fisher information (Theis et al. 2018, eq. 7); Molchanov et al. 2019 (eq. 8) square the change
of a whole batch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from autosplit.compress.gates import GatedRun
from autosplit.compress.scores.scores import Scored, UnitScores


def taylor_score(scored: Scored) -> UnitScores:
    """Score units by the loss; without labels, of the classes that the network answers."""
    units = len(scored.channels.free)
    total, samples = torch.zeros(units, dtype=torch.float64), 0
    for place, inputs in enumerate(scored.batches):
        gates = torch.ones(len(inputs[0]), units, requires_grad=True)
        logits = GatedRun(scored.live, scored.channels, gates).run(*inputs)[0]
        labels = logits.argmax(1) if scored.labels is None else scored.labels[place]
        loss = cross_entropy(logits, labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, gates)
        total += gradient.double().square().sum(0)
        samples += len(gates)
    return np.asarray(total / (2 * max(samples, 1)))
