"""Plans whose accuracy drop is shown to keep a limit, all plans accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autosplit.errors import InfeasibleError, counted
from autosplit.evaluate.noninferiority import NUISANCE, drop_bound, drop_p_value, images_needed
from autosplit.plan.plan import Plan
from autosplit.report.candidate import Candidate, DropTest


def judge_drops(
    candidates: Sequence[Candidate], max_drop: float, confidence: float | None
) -> list[Candidate]:
    """Say of each plan over one link whether its drop is shown to keep a limit.

    The tests are exact (``noninferiority``); Holm's procedure (1979) accounts for all plans that
    fit the memory and differ, whether they were measured or not: so the confidence also holds where
    measuring was stopped at the first plan that was good enough.

    Args:
        candidates: Plans over one link.
        max_drop: Accuracy points that a pick may lose at most; infinite: nothing is tested.
        confidence: Least probability that no plan is taken for good that is not, 0..1; None: not
            asked.
    """
    if confidence is None or max_drop >= 100:
        return list(candidates)
    values: dict[object, float] = {}
    spent = NUISANCE * (1 - confidence)
    plans = len({_half(one.plan) for one in candidates if one.fits and one.plan.cloud_is_float})
    for one in candidates:
        value = 1.0
        if one.keeps_measured(max_drop) and one.pairs is not None:
            value = drop_p_value(*one.pairs, max_drop, spent / plans)
        key = _half(one.plan)
        values[key] = min(value, values.get(key, 1.0))
    tests, left, open_ = {}, max(plans, 1), True
    for key in sorted(values, key=values.__getitem__):
        error = (1 - confidence) / max(left, 1)
        open_ = open_ and values[key] <= error
        tests[key] = DropTest(confidence, max(plans, 1), error, open_)
        left -= open_
    return [replace(one, test=tests[_half(one.plan)]) for one in candidates]


def _half(plan: Plan) -> object:
    """What decides the answers of a plan: plans that share it are one."""
    widths = (tuple(sorted(bits.items())) for bits in (plan.weight_bits, plan.activation_bits))
    return plan.edge, *widths, plan.input_coding, plan.cloud_bits


def possible_drop(one: Candidate) -> float:
    """Largest drop, points, that the test of a plan leaves possible; 100 if nothing is counted."""
    if one.pairs is None or one.test is None:
        return 100.0
    return drop_bound(*one.pairs, one.test.error, one.test.spent)


def not_shown(candidates: Sequence[Candidate], max_drop: float) -> InfeasibleError | None:
    """What to raise where plans keep the limits as measured, and none is shown to.

    Args:
        candidates: Plans, tested; none of them keeps its limits.
        max_drop: Accuracy points that a pick may lose at most.
    """
    asked = [one for one in candidates if one.test and one.keeps_measured(max_drop)]
    if not asked:
        return None
    if all(one.pairs is None for one in asked):
        return InfeasibleError(
            "confidence: the drop must be counted in samples that are right or wrong, which this "
            "task does not do (or autosplit quantize was an older one); leave --confidence out"
        )
    best = min((one for one in asked if one.pairs), key=lambda one: (one.drop, one.latency_s))
    assert best.pairs is not None
    assert best.test is not None
    test, (*_, seen) = best.test, best.pairs
    need = images_needed(*best.pairs, max_drop, (1 - test.confidence) / test.plans)
    enough = f"about {need:,} samples" if need else "no number of samples"
    return InfeasibleError(
        f"confidence: with {counted(seen, 'sample')} a drop of up to {possible_drop(best):.2f} "
        f"points is possible, at {100 * test.confidence:g} % with {test.plans} plans accounted "
        f"for, more than {max_drop:g}; {enough} would show it of the plan that loses least "
        f"({best.plan.name})"
    )
