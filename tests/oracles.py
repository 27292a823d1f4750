"""What another solver answers."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array


def by_milp(distortion, cost, budget):
    layers, choices = distortion.shape
    size = layers * choices
    one_each = csr_array(
        (np.ones(size), (np.repeat(np.arange(layers), choices), np.arange(size))),
        shape=(layers, size),
    )
    # Its absolute gap of 1e-6 cannot be set, so distortions are scaled up.
    scale = 1e6 / distortion.min(axis=1).sum()
    found = milp(
        distortion.ravel() * scale,
        integrality=np.ones(size),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(one_each, 1, 1),
            LinearConstraint(cost.reshape(1, -1), -np.inf, budget),
        ],
        options={"mip_rel_gap": 0},
    )
    assert found.success
    choice = found.x.reshape(layers, choices).argmax(axis=1)
    assert cost[np.arange(layers), choice].sum() <= budget
    return distortion[np.arange(layers), choice].sum()
