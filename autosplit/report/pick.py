"""The pick of a link as a small table beside the ways not to split, with one sentence on why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import isinf
from textwrap import fill

from autosplit.errors import counted, plural
from autosplit.graph.graph import Graph
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan
from autosplit.report.aligned import TERMINAL_WIDTH, aligned, html
from autosplit.report.candidate import Candidate, DropTest, FloatScore
from autosplit.report.cells import (
    ACCURACY,
    LABELS,
    NO_VALUE,
    SENT_ON,
    in_ms,
    percent,
    sent_on_cells,
)
from autosplit.report.choice import Contender, contenders
from autosplit.report.confidence import judge_drops, possible_drop
from autosplit.search.tolerance import keeps_drop

_NAMED = 3
"""So many layers are named, of the others the number."""


@dataclass(frozen=True)
class Pick:
    """The plan that is picked for a link, beside the best plans that do not split the network.

    Attributes:
        graph: The network.
        contenders: The pick first, then the best plan of each way not to split that there is.
        max_drop: Accuracy points that a pick may lose at most, infinite if that is not limited.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
        float_score: What the float network scored.
        measured: Plans over this link whose accuracy was measured on all images.
        stopped: Faster plans whose measurement was stopped, because they must lose too much.
        by_traffic: Layers that are priced by their memory traffic alone -> seconds.
        timed: What kind of seconds the devices have, a sentence; empty: not known.
    """

    graph: Graph
    contenders: tuple[Contender, ...]
    max_drop: float
    limit_bytes: int | None
    float_score: FloatScore
    measured: int
    stopped: int
    by_traffic: Mapping[str, float] = field(default_factory=dict)
    timed: str = ""

    @property
    def candidate(self) -> Candidate:
        """The picked plan over its link, with what was measured of it."""
        return self.contenders[0].candidate

    @property
    def plan(self) -> Plan:
        """The picked plan."""
        return self.candidate.plan

    @property
    def link(self) -> str:
        """Name of the link."""
        return self.candidate.link

    @property
    def prediction(self) -> Prediction:
        """Seconds of the picked plan."""
        return self.candidate.prediction

    @property
    def latency_s(self) -> float:
        """Seconds from the input to the answer."""
        return self.candidate.latency_s

    @property
    def accuracy(self) -> float:
        """Measured accuracy, 0..1."""
        assert self.candidate.accuracy is not None
        return self.candidate.accuracy

    @property
    def drop(self) -> float:
        """Accuracy points lost against the float network; below 0 the plan gains."""
        assert self.candidate.drop is not None
        return self.candidate.drop

    def text(self, width: int = TERMINAL_WIDTH) -> str:
        """The table and the sentence, for a terminal or a log.

        Args:
            width: Characters of a line at most.
        """
        table = aligned(self.header(), self.rows(), width)
        timed = f"\n{fill(self.timed, width)}" if self.timed else ""
        return f"{fill(self.title, width)}\n\n{table}\n\n{fill(self.reason, width)}{timed}"

    @property
    def title(self) -> str:
        """The link, and what the float network scores."""
        score = self.float_score
        same = ", which also served for calibration" if score.calibrated else ""
        return (
            f"Over {self.link}; float network: {score.metric} {percent(score.accuracy)} % on "
            f"{counted(score.images, 'sample')}{same}"
        )

    @property
    def reason(self) -> str:
        """One sentence on why this plan is picked, and how sure its accuracy is."""
        kept = [] if self.limit_bytes is None else [f"fits in {self.limit_bytes:,} bytes"]
        kept += [] if isinf(self.max_drop) else [_allowed(self.max_drop)]
        limits = f" that {' and '.join(kept)}" if kept else ""
        stopped = ""
        if self.stopped:
            were = "plan was" if self.stopped == 1 else "plans were"
            stopped = f" ({self.stopped} faster {were} stopped early, beyond a doubt of 5 %)"
        among = f"Of {self.measured} measured {plural(self.measured, 'plan')}"
        return (
            f"{among}, {self.plan.name} is the fastest{limits}{stopped}; {self._surety()}."
            f"{self._uncosted()}"
        )

    def _uncosted(self) -> str:
        """The layers whose cost is not known, and their share of the seconds; empty without any."""
        if not self.by_traffic:
            return ""
        kinds = {layer.name: layer.kind for layer in self.graph.layers}
        names = [f"{name} ({kinds[name]})" for name in self.by_traffic]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        share = 100 * sum(self.by_traffic.values()) / self.latency_s
        return (
            f" {share:.1f} % of its latency is that of layers whose cost is unknown, so that they "
            f"are priced by their memory traffic alone: {', '.join(names[:_NAMED])}{more}."
        )

    def _surety(self) -> str:
        """How sure the accuracy is."""
        score = self.float_score
        samples = f"on {counted(score.images, 'sample')}"
        interval = self.candidate.drop_interval
        if interval is None:
            return f"its {score.metric} was measured {samples}, no confidence interval is known"
        low, high = interval
        text = f"{samples} its loss is between {low:.2f} and {high:.2f} points with 95 % confidence"
        test = self.candidate.test
        if test is not None:
            sure = f"it loses at most {possible_drop(self.candidate):.2f} points"
            return f"{samples} {sure} with {100 * test.confidence:g} % confidence, {_others(test)}"
        if keeps_drop(high, self.max_drop):
            return text
        if self.max_drop < 0:
            less = f"gain less than {-self.max_drop:g} {plural(-self.max_drop, 'point')}"
            return f"{text}, so the plan may {less}"
        few = f"with {counted(score.images, 'sample')}"
        return f"{text}, so {few} a drop of up to {high:.2f} points is possible"

    def header(self) -> list[str]:
        """Titles of the columns of the table."""
        return ["", *(", ".join(one.titles) for one in self.contenders)]

    def rows(self) -> list[list[str]]:
        """Label and cells of every line of the table."""
        rows = [[label] for label in (*LABELS, *(SENT_ON if self._some_sent_on else ()))]
        rows[LABELS.index(ACCURACY)] = [f"{self.float_score.metric}, %"]
        for one in self.contenders:
            for row, cell in zip(rows, self._cells(one), strict=True):
                row.append(cell)
        return rows

    @property
    def _some_sent_on(self) -> bool:
        """Whether a plan of the table is an escalation."""
        return any(one.candidate.sent_on is not None for one in self.contenders)

    def _cells(self, contender: Contender) -> list[str]:
        """Cells of one plan, in the order of ``LABELS``."""
        one, plan = contender.candidate, contender.candidate.plan
        cut, seconds = self.graph.cut(plan.edge), contender.candidate.prediction
        bits = "+".join(str(plan.activation_bits[name]) for name in cut.crossing)
        bits = f"{bits} bits" if bits else NO_VALUE
        if plan.input_coding is not None:
            bits = f"JPEG {plan.input_coding.quality}"
        faster = NO_VALUE
        if contender is not self.contenders[0] and contender.allowed:
            faster = f"{one.latency_s / self.latency_s:.2f} x"
        interval = None if one.interval is None else "-".join(map(percent, one.interval))
        lost = one.drop_interval and "{:.2f} to {:.2f}".format(*one.drop_interval)
        more: list[str] = []
        crossing = cut.crossing
        if one.sent_on is not None:
            crossing, bits = one.sent_on.crossing, one.sent_on.sent_as
        if self._some_sent_on:
            more = sent_on_cells(one)
        return [
            plan.name,
            "+".join(crossing) or "none",
            f"{len(plan.edge)} of {len(self.graph.layers)}",
            bits,
            f"{plan.crossing_bytes:,}",
            *(in_ms(part) for part in (seconds.edge_s, seconds.transfer_s, seconds.cloud_s)),
            in_ms(one.latency_s),
            f"{plan.edge_memory_bytes:,}",
            NO_VALUE if one.accuracy is None else percent(one.accuracy),
            interval or NO_VALUE,
            NO_VALUE if one.drop is None else f"{one.drop:.2f}",
            lost or NO_VALUE,
            contender.verdict,
            faster,
            *more,
        ]

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        total, lost = in_ms(self.latency_s), f"{self.drop:.2f}"
        return f"Pick({self.plan.name} over {self.link}: {total} ms, {lost} points lost)"

    def _repr_html_(self) -> str:
        table = html(self.header(), self.rows())
        return (
            f"<p>{escape(self.title)}</p>{table}<p>{escape(self.reason)} {escape(self.timed)}</p>"
        )


def pick_from(
    graph: Graph,
    candidates: Sequence[Candidate],
    max_drop: float,
    limit_bytes: int | None,
    float_score: FloatScore,
    confidence: float | None = None,
) -> Pick | None:
    """Pick a plan for one link, and find what to compare it with.

    Args:
        graph: The network.
        candidates: Plans over one link.
        max_drop: Accuracy points that a pick may lose at most; below 0 it must gain.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
        float_score: What the float network scored.
        confidence: Probability with which the pick must be shown to lose no more; None: the drop
            on the images that were measured decides.

    Returns:
        The pick; None if no plan keeps the limits.
    """
    candidates = judge_drops(candidates, max_drop, confidence)
    found = contenders(graph, candidates, max_drop)
    if not found:
        return None
    first = found[0].candidate
    return Pick(
        graph,
        found,
        max_drop,
        limit_bytes,
        float_score,
        measured=sum(one.measured for one in candidates),
        stopped=sum(one.stopped and one.latency_s <= first.latency_s for one in candidates),
    )


def _others(test: DropTest) -> str:
    return f"{test.plans} {plural(test.plans, 'plan')} accounted for"


def _allowed(max_drop: float) -> str:
    """What a plan must do to be picked."""
    if max_drop < 0:
        return f"gains at least {-max_drop:g} {plural(-max_drop, 'point')}"
    return f"loses at most {max_drop:g} {plural(max_drop, 'point')}"
