"""What a search may be asked, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from builders import (
    INTEGERS,
    chain_problem,
)

from autosplit.errors import DataError, GraphError, InfeasibleError, PlanError
from autosplit.search.methods import search
from autosplit.search.problem import distortion_and_bytes
from autosplit.stats.stats import Distortion


def test_a_device_too_small_for_one_bit_names_need_and_limit():
    # 16 weights at 1 bit take 2 bytes; live are x (8 bytes) and c0 (1 byte).
    with pytest.raises(InfeasibleError, match=r"c0 at 1 bit, needs 11 bytes, the limit is 10$"):
        search(chain_problem(10))


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"widths": (4, 2)}, PlanError, "widths: must be ascending and from 1, 2.*got 4, 2"),
        ({"widths": (2, 9)}, PlanError, "got 2, 9"),
        ({"widths": ()}, PlanError, "got none"),
        ({"input_bits": 16}, PlanError, "input_bits: must be from 1, 2, .* got 16"),
        ({"memory_bytes": -1}, InfeasibleError, "memory_bytes: must be at least 0, got -1"),
        (
            {"edge": replace(INTEGERS, widths=(16,))},
            InfeasibleError,
            "integers: must support one of the widths 2, 3, 4, 5, 6, 8, supports 16",
        ),
    ],
)
def test_wrong_questions_are_refused(more, error, message):
    with pytest.raises(error, match=message):
        chain_problem(**more)


def test_a_question_without_links_is_refused():
    with pytest.raises(PlanError, match="links: must name at least one"):
        replace(chain_problem(), links={})


def test_a_device_keeps_to_its_own_widths():
    problem = chain_problem(edge=replace(INTEGERS, widths=(4, 16)))
    assert problem.usable == (4,)
    used = {b for p in search(problem, ["autosplit"]) for b in p.weight_bits.values()}
    assert used <= {4}


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5])
def test_distortions_must_be_numbers(value):
    problem = chain_problem()
    table = {**problem.distortions, ("c1", "weight", 4): Distortion(0.0, value)}
    with pytest.raises(DataError, match="c1: its weight distortion at 4 bits must be finite"):
        replace(problem, distortions=table)


def test_a_missing_distortion_is_named():
    problem = chain_problem()
    table = {key: one for key, one in problem.distortions.items() if key != ("c2", "activation", 7)}
    with pytest.raises(DataError, match="c2: its activation distortion at 7 bits must be measured"):
        replace(problem, distortions=table)


@pytest.mark.parametrize("elements", [2**51, 2**60, 2**70])
def test_tensors_too_large_to_be_added_up_exactly_are_one_clear_line(elements):
    with pytest.raises(
        GraphError, match=r"at most 2\*\*52 bytes, got .*largest tensor is c1"
    ) as caught:
        chain_problem(sizes=(8, 8, elements))
    assert "\n" not in str(caught.value)


def test_no_memory_at_all_leaves_what_runs_in_the_cloud():
    plans = search(chain_problem(0), ["autosplit", "cloud16", "random"])
    assert {plan.edge for plan in plans} == {()}
    assert {plan.method for plan in plans} == {"autosplit", "cloud16", "random"}
    with pytest.raises(InfeasibleError, match=r"needs 11 bytes, the limit is 1$"):
        search(chain_problem(1))


def test_floats_have_no_distortion_and_everything_else_adds_up():
    problem = chain_problem()
    table = {"x": 8, "c0": 4, "c1": 32}
    assert problem.distortion_of({"c0": 2, "c1": 32}, table) == 4.0**-2 + 4.0**-8 + 4.0**-4


def test_widths_alike_leave_the_inputs_at_their_own():
    problem = chain_problem()
    weights, tensors = problem.uniform(problem.graph.prefix(2), 3)
    assert weights == {"c0": 3, "c1": 3}
    assert tensors == {"x": 8, "c0": 3, "c1": 3}


def test_distortion_and_bytes_are_tabulated_at_the_usable_widths():
    """c0 has 16 weights and 8 outputs: 4, 8 and 16 bytes, and 2, 4 and 8."""
    problem = chain_problem(widths=(2, 4, 8))
    for role, sizes in (("weight", [4, 8, 16]), ("activation", [2, 4, 8])):
        distortion, size = distortion_and_bytes(problem, ["c0", "c1"], role)
        assert size.tolist() == [sizes, sizes]
        assert distortion.tolist() == [[4.0**-2, 4.0**-4, 4.0**-8]] * 2
