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


def mse_at(x, scale, zero, bits):
    """Mean squared error of values on one grid, written out in numpy."""
    level = np.clip(np.rint(x / scale), -zero, 2**bits - 1 - zero)
    return np.mean((level * scale - x) ** 2)


def dense_search(x, bits, scales=400):
    """Least MSE over a dense grid of scales and every zero point (at 7 and 8 bits every 4th)."""
    steps = 2**bits - 1
    length = max(x.max(), 0) - min(x.min(), 0)
    widest = length / max(steps - 1, 1)
    return min(
        mse_at(x, scale, zero, bits)
        for scale in np.geomspace(0.1 * widest, 1.02 * widest, scales)
        for zero in range(0, steps + 1, 4 if bits > 6 else 1)
    )
