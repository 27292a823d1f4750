"""Which plan is picked, and which plans that do not split the network it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autosplit.errors import InfeasibleError, plural
from autosplit.escalation.escalation import METHOD
from autosplit.graph.graph import Graph
from autosplit.plan.plan import Plan
from autosplit.report.candidate import Candidate
from autosplit.report.confidence import not_shown
from autosplit.search.front.front import OURS

PICK = "pick"
ALL_EDGE, ALL_CLOUD, JPEG = "all-edge", "all-cloud", "JPEG"
"""Ways not to split: the whole network on the edge; in the cloud, with the input sent packed to
its width; in the cloud, with the input sent as a JPEG file."""
ALLOWED = "yes"
"""Verdict on a plan that keeps all limits."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A plan in the table of a link: the pick, or the best plan of a way not to split.

    Attributes:
        titles: ``pick``, the name of the way, or both.
        candidate: The plan, with what was measured of it.
        verdict: ``yes`` if it keeps all limits, else which limit it breaks.
    """

    titles: tuple[str, ...]
    candidate: Candidate
    verdict: str

    @property
    def allowed(self) -> bool:
        """Whether it keeps all limits."""
        return self.verdict == ALLOWED


def fastest_allowed(candidates: Sequence[Candidate], max_drop: float) -> Candidate | None:
    """The fastest plan that fits and whose measured drop is at most ``max_drop`` points.

    Ties go to the smaller drop, the smaller memory, our own method, and the name.
    """
    return min(
        (one for one in candidates if one.keeps(max_drop)),
        key=lambda one: (
            one.latency_s,
            one.drop or 0.0,
            one.plan.edge_memory_bytes,
            one.plan.method != OURS,
            one.plan.name,
        ),
        default=None,
    )


def contenders(
    graph: Graph, candidates: Sequence[Candidate], max_drop: float
) -> tuple[Contender, ...]:
    """The pick and the best plan of each way not to split that there is, in this order.

    A pick that does not split stands for the best of its way.

    Args:
        graph: The network.
        candidates: Plans over one link.
        max_drop: Accuracy points that a pick may lose at most; below 0 it must gain.

    Returns:
        Nothing if no plan keeps the limits, so that there is no pick.
    """
    chosen = fastest_allowed(candidates, max_drop)
    if chosen is None:
        return ()
    titles, others = [PICK], []
    for way, belongs in _ways(graph).items():
        if belongs(chosen.plan):
            titles.append(way)
            continue
        best = _best([one for one in candidates if belongs(one.plan)], max_drop)
        if best is not None:
            others.append(Contender((way,), best, _verdict(best, max_drop)))
    return (Contender(tuple(titles), chosen, ALLOWED), *others)


def no_pick(candidates: Sequence[Candidate], max_drop: float) -> InfeasibleError:
    """What to raise where no plan keeps the limits: the limit that is in the way, and the remedy.

    Args:
        candidates: Plans, none of which keeps its limits.
        max_drop: Accuracy points that a pick may lose at most.
    """
    unsure = not_shown(candidates, max_drop)
    if unsure is not None:
        return unsure
    fitting = [one for one in candidates if one.fits]
    measured = [one for one in fitting if one.measured]
    if all(one.drop is None for one in fitting) and any(one.drop is not None for one in candidates):
        return InfeasibleError(
            "memory: no plan that was measured fits the edge device; measure more plans (autosplit "
            "quantize --plans all), or allow more with --memory"
        )
    points = plural(abs(max_drop), "point")
    if not measured:
        return InfeasibleError(
            "max-drop: no plan that fits was measured to the end, so none is known to lose at most "
            f"{max_drop:g} {points}; measure more plans (autosplit quantize --plans "
            "pareto), or allow more with --max-drop"
        )
    best = min(measured, key=lambda one: (one.drop, one.plan.name))
    drop = best.drop or 0.0
    asked = f"gains at least {-max_drop:g}" if max_drop < 0 else f"loses at most {max_drop:g}"
    found = f"gains {-drop:.2f}" if drop < 0 else f"loses {drop:.2f}"
    return InfeasibleError(
        f"max-drop: no measured plan {asked} {points}, the best one {found} "
        f"({best.plan.name}); allow more with --max-drop, or --memory"
    )


def _ways(graph: Graph) -> dict[str, Callable[[Plan], bool]]:
    """Ways not to split, each with what says whether a plan is of that way."""
    return {
        ALL_EDGE: lambda plan: len(plan.edge) == len(graph.layers) and plan.method != METHOD,
        ALL_CLOUD: lambda plan: not plan.edge and plan.input_coding is None,
        JPEG: sends_jpeg,
    }


def sends_jpeg(plan: Plan) -> bool:
    """Whether a plan runs everything in the cloud, and sends the input as a JPEG file."""
    return not plan.edge and plan.input_coding is not None


def _best(candidates: Sequence[Candidate], max_drop: float) -> Candidate | None:
    """The fastest plan within the limits; if there is none, the one that breaks them least.

    Beyond the limits, plans that fit go before others, measured plans before others; of these the
    smallest drop wins, then the least memory.
    """
    allowed = fastest_allowed(candidates, max_drop)
    if allowed is not None:
        return allowed
    return min(
        candidates,
        key=lambda one: (
            not one.fits,
            not one.measured,
            (one.drop or 0.0) if one.fits and one.measured else 0.0,
            one.plan.edge_memory_bytes,
            one.latency_s,
            one.plan.name,
        ),
        default=None,
    )


def _verdict(one: Candidate, max_drop: float) -> str:
    if one.keeps(max_drop):
        return ALLOWED
    if not one.fits:
        return "too large"
    if one.keeps_measured(max_drop):
        return "not shown"
    return "not measured" if one.drop is None else "loses too much"
