"""The weights of real networks, as they are: our answer is that of scipy's milp at every budget."""

import functools

import numpy as np
import pytest
import torch
import torchvision
from oracles import by_milp
from torch import nn

from autosplit.models.load import load_model
from autosplit.quantize.weight_grids import weight_grids
from autosplit.search.knapsack.allocate import allocate, allocate_all

WIDTHS = (2, 3, 4, 5, 6, 7, 8)
BUDGETS = 7
MORE_BUDGETS = 20


def network(name):
    if name == "efficientnet-lite0":
        return load_model(name).module
    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    return getattr(torchvision.models, name)(weights=None, **options)


@functools.cache
def instance(name):
    """Distortion and bytes of every convolution and linear layer at seven widths."""
    distortion, cost = [], []
    for module in network(name).modules():
        if not isinstance(module, (nn.Conv2d, nn.Linear)):
            continue
        weight = module.weight.detach()
        grids = weight_grids(weight, 0, WIDTHS)
        square = float(weight.double().square().mean())
        distortion.append([float(grids[bits].mse.mean()) / square for bits in WIDTHS])
        cost.append([-(-weight.numel() * bits // 8) for bits in WIDTHS])
    return np.array(distortion), np.array(cost)


@pytest.mark.parametrize("count", [BUDGETS, pytest.param(MORE_BUDGETS, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "layers"), [("resnet50", 54), ("googlenet", 58), ("efficientnet-lite0", 50)]
)
def test_milp_agrees(name, layers, count):
    distortion, cost = instance(name)
    assert distortion.shape == (layers, len(WIDTHS))
    least, most = int(cost.min(axis=1).sum()), int(cost.max(axis=1).sum())
    budgets = [int(budget) for budget in np.linspace(least, most, count)]

    together = allocate_all(distortion, cost, budgets)[-1]

    last = np.inf
    for budget, whole in zip(budgets, together, strict=True):
        found = allocate(distortion, cost, budget)
        best = by_milp(distortion, cost, budget)
        assert found.cost <= budget
        assert found.gap == whole.gap == 0
        assert found.distortion == pytest.approx(best, rel=1e-8)
        assert whole.distortion == pytest.approx(best, rel=1e-8)
        assert found.distortion <= last
        last = found.distortion
