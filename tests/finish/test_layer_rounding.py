"""The weight of one layer against all choices of integers, group by group."""

import itertools

import pytest
import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.operators import weight_argument
from autosplit.finish.effort import EFFORTS, Recovery
from autosplit.finish.layer_rounding import layer_inputs, round_layer
from autosplit.grid.grid import Grid

RECOVERY = Recovery("moment", bias=False, propagation=1.0)


def operator(layer, shape):
    program = capture(Net(lambda net, x: net.a(x), a=layer), (torch.zeros(1, *shape),))
    return next(n for n in program.module.graph.nodes if weight_argument(n) is not None)


def output_error(weight, exact, levels, scale, rough):
    """Mean squared error of one group's outputs."""
    return float((exact @ weight.T - rough @ (levels * scale).T).square().mean())


def test_the_integers_are_near_the_best_of_all_choices():
    """One row of three weights at 2 bits: 64 choices; inputs correlated, and rough ones off."""
    torch.manual_seed(0)
    node = operator(nn.Linear(3, 1), (3,))
    for seed in range(10):
        random = torch.Generator().manual_seed(seed)
        exact = torch.randn(64, 3, generator=random) @ torch.randn(3, 3, generator=random)
        rough = exact + 0.2 * torch.randn(64, 3, generator=random)
        weight = torch.randn(1, 3, generator=random)
        grid = Grid(2, [float(weight.abs().max()) / 2], [2])
        inputs = exact[None].clone(), rough[None].clone()
        levels, fitted = round_layer(node, weight, torch.zeros(1), grid, inputs, RECOVERY)
        found = output_error(weight, exact, levels, float(fitted.scale[0]), rough)
        best = min(
            output_error(weight, exact, torch.tensor([choice]), float(grid.scale[0]), rough)
            for choice in itertools.product((-2.0, -1.0, 0.0, 1.0), repeat=3)
        )

        assert found <= 1.3 * best + 1e-6, seed


def test_each_group_is_a_problem_of_its_own():
    """Both groups at once have the levels and scales that each has as a layer without groups."""
    torch.manual_seed(0)
    recovery = Recovery("moment", bias=False)
    node = operator(nn.Conv2d(4, 6, 1, groups=2), (4, 1, 1))
    alone = operator(nn.Linear(2, 3), (2,))
    weight, inputs = torch.randn(6, 2), torch.randn(2, 40, 2)
    grid = Grid(3, [0.3] * 6, [4] * 6)
    levels, fitted = round_layer(
        node, weight, torch.zeros(6), grid, (inputs.clone(), inputs.clone()), recovery
    )
    for group in range(2):
        rows, own = slice(3 * group, 3 * group + 3), inputs[group : group + 1]
        part, scales = round_layer(
            alone,
            weight[rows],
            torch.zeros(3),
            grid.take(range(3)),
            (own.clone(), own.clone()),
            recovery,
        )
        assert torch.equal(part, levels[rows])
        assert scales.scale == pytest.approx(fitted.scale[rows])


def test_means_count_unless_a_bias_takes_them_up():
    """Inputs of mean 10: without bias correction the sum of the rounding errors must be small."""
    torch.manual_seed(0)
    node = operator(nn.Linear(8, 4), (8,))
    weight, inputs = torch.randn(4, 8), torch.randn(1, 200, 8) + 10
    grid = Grid(3, [0.5] * 4, [4] * 4)
    errors = {}
    for bias in (True, False):
        recovery = Recovery("moment", bias=bias)
        levels, fitted = round_layer(
            node, weight, torch.zeros(4), grid, (inputs.clone(), inputs.clone()), recovery
        )
        scale = torch.tensor(fitted.scale)[:, None]
        errors[bias] = output_error(weight, inputs[0], levels, scale, inputs[0])

    assert errors[False] < 0.5 * errors[True]


def test_inputs_of_both_networks_are_taken_at_the_same_positions():
    torch.manual_seed(0)
    node = operator(nn.Conv2d(3, 4, 3), (3, 40, 40))
    exact = [torch.randn(n, 3, 40, 40) for n in (2, 3)]
    rough = [x + 1 for x in exact]
    columns = layer_inputs(node, exact, rough, EFFORTS["good"].positions)

    assert columns[0].shape == columns[1].shape
    assert columns[0].shape[::2] == (1, 27)
    assert columns[0].shape[1] < 5 * 38 * 38  # a choice of them
    assert torch.equal(columns[0] + 1, columns[1])
