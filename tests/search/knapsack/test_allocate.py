import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import by_milp

from autosplit.errors import InfeasibleError
from autosplit.search.knapsack import dynamic_programming, prefixes
from autosplit.search.knapsack.allocate import allocate, allocate_all

ROWS_RESNET50 = (
    [9408]
    + [
        elements
        for blocks, inputs, planes in ((3, 64, 64), (4, 256, 128), (6, 512, 256), (3, 1024, 512))
        for block in range(blocks)
        for elements in (
            (inputs if block == 0 else 4 * planes) * planes,
            9 * planes * planes,
            4 * planes * planes,
            *([4 * inputs * planes] if block == 0 else []),
        )
    ]
    + [2048 * 1000]
)


def resnet50(seed):
    """Its 54 weights at 7 widths: true sizes, noise that falls about fourfold with each bit."""
    rng = np.random.default_rng(seed)
    widths = np.array([2, 3, 4, 5, 6, 7, 8])
    sizes = np.array(ROWS_RESNET50)[:, None]
    scale, slope = rng.normal(0, 0.5, sizes.shape), rng.normal(1, 0.05, sizes.shape)
    noise = rng.normal(0, 0.1, (len(sizes), len(widths)))
    return np.exp(scale + noise) * 4.0 ** (-widths * slope), (sizes * widths + 7) // 8


def brute(distortion, cost, budget):
    """Least distortion over every choice, or None."""
    layers, choices = np.shape(distortion)
    rows = np.arange(layers)
    fitting = [
        np.asarray(distortion)[rows, list(choice)].sum()
        for choice in itertools.product(range(choices), repeat=layers)
        if np.asarray(cost)[rows, list(choice)].sum() <= budget
    ]
    return min(fitting, default=None)


@st.composite
def instances(draw):
    layers, choices = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    cell = st.integers(0, draw(st.sampled_from([3, 40, 10_000])))
    size = layers * choices
    shape = (layers, choices)
    costs = np.array(draw(st.lists(cell, min_size=size, max_size=size))).reshape(shape)
    costs *= draw(st.sampled_from([1, 8]))
    distortion = np.array(draw(st.lists(cell, min_size=size, max_size=size))).reshape(shape)
    budget = draw(st.integers(0, int(costs.max(axis=1).sum()) + 1))
    return distortion / draw(st.sampled_from([1.0, 7.0])), costs, budget


@settings(max_examples=400, deadline=None)
@given(instances())
def test_the_choice_is_the_best_of_all(instance):
    distortion, cost, budget = instance
    best = brute(distortion, cost, budget)
    if best is None:
        with pytest.raises(InfeasibleError):
            allocate(distortion, cost, budget)
        return

    got = allocate(distortion, cost, budget)

    rows = np.arange(len(cost))
    assert got.distortion == pytest.approx(best, rel=1e-12)
    assert got.distortion == distortion[rows, got.choice].sum()
    assert got.cost == cost[rows, got.choice].sum() <= budget
    assert (got.lower_bound, got.gap) == (got.distortion, 0.0)


@settings(max_examples=200, deadline=None)
@given(instances(), st.lists(st.integers(-5, 200), max_size=4))
def test_every_prefix_and_budget_is_the_best_of_all(instance, more):
    distortion, cost, budget = instance
    budgets = [budget, *more, budget // 2]

    got = allocate_all(distortion, cost, budgets)

    assert len(got) == len(cost) + 1
    for layers, row in enumerate(got):
        for limit, found in zip(budgets, row, strict=True):
            best = brute(distortion[:layers], cost[:layers], limit)
            assert (found is None) == (best is None)
            if found is not None:
                rows = np.arange(layers)
                assert found.distortion == pytest.approx(best, rel=1e-12)
                assert found.distortion == pytest.approx(distortion[rows, found.choice].sum())
                assert found.cost == cost[rows, found.choice].sum() <= limit
                assert (found.lower_bound, found.gap) == (found.distortion, 0.0)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_milp_agrees_on_resnet50(seed):
    distortion, cost = resnet50(seed)
    budgets = np.linspace(cost[:, 0].sum(), cost[:, -1].sum(), 22)[1:-1].astype(int).tolist()
    together = allocate_all(distortion, cost, budgets)[-1]
    for budget, other in zip(budgets, together, strict=True):
        got = allocate(distortion, cost, budget)
        assert got.gap == 0
        assert got.distortion == pytest.approx(other.distortion, rel=1e-12)
        assert got.distortion == pytest.approx(by_milp(distortion, cost, budget), rel=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_all_prefixes_agree_with_one_at_a_time(seed):
    distortion, cost = resnet50(seed)
    budgets = np.linspace(0, cost[:, -1].sum(), 40).astype(int).tolist()
    together = allocate_all(distortion, cost, budgets)
    for layers in (1, 2, 7, 20, 41, 54):
        for budget, found in zip(budgets, together[layers], strict=True):
            if found is None:
                assert budget < cost[:layers, 0].sum()
                continue
            alone = allocate(distortion[:layers], cost[:layers], budget)
            assert found.gap == 0
            assert found.distortion == pytest.approx(alone.distortion, rel=1e-12)


@pytest.mark.parametrize(
    ("budget", "choice"),
    [
        (3, [0, 0]),
        (4, [0, 1]),  # one more unit: the second tensor's middle width saves 2
        (5, [1, 0]),  # two units: the first tensor's saves 5, instead
        (6, [1, 1]),
        (7, [1, 1]),
        (8, [1, 2]),  # 4 + 4
        (9, [1, 2]),
        (11, [1, 2]),
        (12, [2, 2]),  # 8 + 4: everything at its widest
        (99, [2, 2]),
    ],
)
def test_the_choice_flips_exactly_at_the_budget(budget, choice):
    distortion, cost = [[9.0, 4.0, 1.0], [5.0, 3.0, 0.0]], [[2, 4, 8], [1, 2, 4]]

    assert allocate(distortion, cost, budget).choice.tolist() == choice
    assert allocate_all(distortion, cost, [budget])[2][0].choice.tolist() == choice


def test_distortion_never_rises_with_the_budget():
    distortion, cost = resnet50(5)
    budgets = range(int(cost[:, 0].sum()), int(cost[:, -1].sum()), 400_000)
    found = [allocate(distortion, cost, budget).distortion for budget in budgets]
    assert found == sorted(found, reverse=True)


def test_equal_choices_are_broken_towards_the_first():
    got = allocate(np.ones((3, 4)), np.ones((3, 4), dtype=int), 3)
    assert got.choice.tolist() == [0, 0, 0]


def test_too_small_a_budget_names_need_and_limit():
    with pytest.raises(InfeasibleError, match="cost 3, the budget is 2"):
        allocate([[9.0, 4.0], [5.0, 3.0]], [[2, 4], [1, 2]], 2)


def test_a_budget_of_zero_holds_what_costs_nothing():
    assert allocate([[3.0, 1.0]], [[0, 1]], 0).choice.tolist() == [0]


@pytest.mark.parametrize(
    ("distortion", "cost", "message"),
    [
        ([[np.nan, 1.0]], [[1, 2]], "distortion: must be finite, got nan"),
        ([[np.inf, 1.0]], [[1, 2]], "distortion: must be finite, got inf"),
        ([[-1.0, 1.0]], [[1, 2]], "distortion: must not be negative, got -1.0"),
        ([[1.0, 1.0]], [[1, -2]], "cost: must not be negative, got -2"),
        ([[1.0, 1.0]], [[1, np.nan]], "cost: must be finite"),
        ([[1.0, 1.0]], [[1, 2.5]], "cost: must be whole numbers, got 2.5"),
        ([[1.0, 1.0]], [[1, 2, 3]], r"shape \(L, B\), got \(1, 2\) and \(1, 3\)"),
        ([1.0, 1.0], [1, 2], r"shape \(L, B\), got \(2,\)"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "must not be empty"),
        ([[1.0]], [[2.0**53]], r"at most 2\*\*52"),
    ],
)
def test_bad_input_is_one_clear_line(distortion, cost, message):
    for solve in (
        lambda: allocate(distortion, cost, 9),
        lambda: allocate_all(distortion, cost, [9]),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            solve()
        assert "\n" not in str(caught.value)


def subset_sum(seed, layers=11):
    """Distortion is what cost leaves, so no bound tells one choice from another."""
    rng = np.random.default_rng(seed)
    cost = np.sort(rng.integers(1, 10**6, (layers, 3)), axis=1)
    return 2.0e6 - cost, cost, int(cost.mean(axis=1).sum())


@pytest.mark.parametrize("seed", range(10))
def test_budgets_that_can_be_filled_exactly_are(seed):
    distortion, cost, _ = subset_sum(seed, layers=7)
    rng = np.random.default_rng(seed)
    budget = int(cost[np.arange(7), rng.integers(0, 3, 7)].sum())

    got = allocate(distortion, cost, budget)

    assert got.cost == budget
    assert got.distortion == brute(distortion, cost, budget) == 7 * 2.0e6 - budget


@pytest.mark.parametrize("seed", range(5))
def test_a_bounded_search_says_what_it_has_not_proven(monkeypatch, seed):
    distortion, cost, budget = subset_sum(seed)
    best = allocate(distortion, cost, budget)
    assert best.gap == 0

    monkeypatch.setattr(dynamic_programming, "_MOST_HISTORY", 0)
    monkeypatch.setattr(prefixes, "MOST_STATES", 1000)
    for got in (
        allocate(distortion, cost, budget),
        allocate_all(distortion, cost, [budget])[-1][0],
    ):
        assert got.cost <= budget
        assert got.lower_bound <= best.distortion <= got.distortion
        assert got.gap == pytest.approx((got.distortion - got.lower_bound) / got.distortion)
        assert got.gap > 0


def test_ten_thousand_layers_are_proven_optimal():
    rng = np.random.default_rng(3)
    distortion, cost = (np.tile(part, (200, 1))[:10_000] for part in resnet50(3))
    cost += rng.integers(0, 1000, cost.shape)
    budget = int(cost.mean()) * len(cost)
    assert allocate(distortion, cost, budget).gap == 0
