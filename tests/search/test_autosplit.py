"""Our method is beaten by no other one."""

from dataclasses import replace

import pytest
from brute import everything, small_problem
from builders import LINKS

from autosplit.search.methods import METHODS
from autosplit.stats.coding import InputCoding


@pytest.mark.parametrize("seed", range(30))
def test_no_method_has_a_faster_plan_of_the_same_distortion(seed):
    problem = replace(small_problem(6000 + seed, 12), widths=(2, 3, 4, 6, 8))
    problem = replace(
        problem, input_codings=(InputCoding(50, 1.25, 0.3), InputCoding(75, 1.5, 1e-3))
    )
    ours = METHODS["autosplit"](problem)
    for name in set(METHODS) - {"autosplit", "cloud8"}:  # in cloud8 the cloud is quantized too
        for plan in METHODS[name](problem):
            if plan.edge and not problem.fits(plan.edge_memory_bytes):
                continue
            for link in LINKS:
                assert any(
                    one.predictions[link].latency_s <= plan.predictions[link].latency_s * (1 + 1e-9)
                    and one.distortion <= plan.distortion * (1 + 1e-9)
                    for one in ours
                )


@pytest.mark.parametrize("seed", range(4))
def test_all_edge_has_the_least_distortion_of_all_plans_with_every_layer_that_fit(seed):
    problem = replace(small_problem(300 + seed, 5), widths=(2, 3, 8))
    whole = problem.graph.prefix(len(problem.graph.layers))
    fit = everything(problem, whole, next(iter(LINKS)))[1]

    plans = METHODS["all-edge"](problem)

    assert [plan.distortion for plan in plans] == pytest.approx([fit.min()] if len(fit) else [])
