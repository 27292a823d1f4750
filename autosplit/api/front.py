"""Plans that a search found: what ``autosplit.search`` gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from autosplit.api.keywords import read_keywords, takes_options
from autosplit.api.scores import Scores
from autosplit.errors import DataError, PlanError, counted, did_you_mean
from autosplit.evaluate.task import CLASSIFICATION
from autosplit.graph.graph import Graph
from autosplit.graph.memory import fits_memory
from autosplit.hardware.seconds import timed_by
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Progress, silent
from autosplit.report.candidate import Candidate, candidate
from autosplit.report.choice import no_pick
from autosplit.report.confidence import judge_drops
from autosplit.report.pick import Pick, pick_from
from autosplit.report.tables import PLANS_HEADER, plan_rows
from autosplit.runs.options import CollectOptions, SearchOptions
from autosplit.runs.planning import make_plans, plan_files
from autosplit.search.problem import Problem as SearchProblem
from autosplit.stats.stats import Stats

if TYPE_CHECKING:
    from pandas import DataFrame

    from autosplit.report.figure import Drawing


@dataclass(frozen=True)
class Front(Sequence[Plan]):
    """Plans of one network for one pair of devices over some links.

    A place (``front[0]``) or a name (``front["uniform8"]``) gives a plan; a slice or a list of
    names gives a front of fewer plans.

    Attributes:
        graph: The network.
        plans: The plans, with predictions for every link.
        links: Names of the links.
        limit_bytes: Memory that an edge half may use; None if that is not limited.
        hardware: Names of the edge device and the cloud device.
        stats: Statistics that the plans were searched on; None where they are not known.
        coded: Tensor and width -> mean bytes on the wire, as the search counted them.
        timed: What kind of seconds the devices have, a sentence.
        max_energy_j: Joules of an answer on the edge device at most; None if not limited.
    """

    graph: Graph
    plans: tuple[Plan, ...]
    links: tuple[str, ...]
    limit_bytes: int | None
    hardware: tuple[str, str]
    stats: Stats | None = field(default=None, repr=False, compare=False)
    coded: Mapping[tuple[str, int], int] = field(default_factory=dict, repr=False)
    timed: str = field(default="", repr=False)
    max_energy_j: float | None = field(default=None, repr=False)

    @overload
    def __getitem__(self, key: int | str) -> Plan: ...

    @overload
    def __getitem__(self, key: slice | list[str]) -> Front: ...

    def __getitem__(self, key: int | str | slice | list[str]) -> Plan | Front:
        """One plan by place or name, or a front of some plans.

        Raises:
            PlanError: There is no plan of that name.
            IndexError: There is no such place.
        """
        if isinstance(key, slice):
            return replace(self, plans=self.plans[key])
        if isinstance(key, list):
            return replace(self, plans=tuple(self._named(name) for name in key))
        return self._named(key) if isinstance(key, str) else self.plans[key]

    def _named(self, name: str) -> Plan:
        found = {plan.name: plan for plan in self.plans}
        if name not in found:
            raise PlanError(f"front: no plan {name!r}{did_you_mean(str(name), found)}")
        return found[name]

    def __len__(self) -> int:
        return len(self.plans)

    def __iter__(self) -> Iterator[Plan]:
        return iter(self.plans)

    @property
    def title(self) -> str:
        """Network and hardware."""
        return f"{self.graph.name}: {' + '.join(self.hardware)}"

    def to_pandas(self, link: str | None = None) -> DataFrame:
        """One row per plan and link, the fastest first, as in ``plans.csv``.

        Args:
            link: Only this link.

        Raises:
            DataError: The link is not one of the front.
        """
        from pandas import DataFrame

        links = self.links if link is None else (self._link(link),)
        rows = plan_rows(self.graph, self.plans, links, self.limit_bytes)
        return DataFrame(rows, columns=PLANS_HEADER).set_index("name")

    def candidates(self, link: str, scores: Scores | None = None) -> list[Candidate]:
        """The plans over one link, with what was measured of them.

        Args:
            link: Name of the link.
            scores: What ``autosplit.evaluate`` gave.

        Raises:
            DataError: The link is not one of the front, or the scores are no scores.
        """
        name = self._link(link)
        task = CLASSIFICATION if scores is None else _checked(scores).task
        rows = {} if scores is None else scores.by_name
        about = self.limit_bytes, task, rows, self.max_energy_j
        return [candidate(plan, name, plan.predictions[name], *about) for plan in self.plans]

    def pick(
        self,
        link: str,
        scores: Scores,
        max_drop: float | None = 1.0,
        confidence: float | None = None,
    ) -> Pick:
        """The fastest plan over a link that fits the memory and keeps the accuracy.

        Args:
            link: Name of the link.
            scores: What ``autosplit.evaluate`` gave.
            max_drop: Accuracy points that the pick may lose at most; below 0 it must gain; None: it
                may lose anything.
            confidence: Probability, 0.5 to 0.9999, with which the pick must be shown to lose no
                more, all plans of the front accounted for; None: the drop on the images that were
                measured decides.

        Raises:
            DataError: The link is not one of the front, or the scores are no scores.
            InfeasibleError: No measured plan keeps the limits, or is shown to.
            OptionError: The confidence is no such number.
        """
        sure = CollectOptions(confidence=confidence).confidence
        most, found = _points(max_drop), self.candidates(link, scores)
        picked = pick_from(self.graph, found, most, self.limit_bytes, scores.float_score, sure)
        if picked is None:
            raise no_pick(judge_drops(found, most, sure), most)
        return replace(picked, timed=self.timed)

    def plot(
        self,
        scores: Scores | None = None,
        max_drop: float | None = None,
        path: str | Path | None = None,
    ) -> Drawing:
        """Draw the plans, one panel per link; a notebook shows the figure.

        Args:
            scores: What ``autosplit.evaluate`` gave; accuracy is drawn then, else distortion.
            max_drop: Accuracy points that a pick may lose at most; the picks are marked then.
            path: PNG file to write.
        """
        from autosplit.files import write_bytes
        from autosplit.report.figure import front_figure
        from autosplit.report.points import Points

        found = {link: self.candidates(link, scores) for link in self.links}
        every = [one for candidates in found.values() for one in candidates]
        float_score = None if scores is None else scores.float_score
        picks: dict[str, Pick] = {}
        if float_score is not None and max_drop is not None:
            about = _points(max_drop), self.limit_bytes, float_score
            made = {link: pick_from(self.graph, some, *about) for link, some in found.items()}
            picks = {link: pick for link, pick in made.items() if pick is not None}
        drawing = front_figure(Points(every, self.title, float_score), picks, max_drop)
        if path is not None:
            write_bytes(Path(path), drawing.png())
        return drawing

    def plan_files(self) -> list[PlanFile]:
        """The plans with their grids and the layout of what they send.

        Raises:
            PlanError: The statistics are not known.
        """
        if self.stats is None:
            raise PlanError("front: must come from a search on statistics, has none")
        return list(plan_files(self.plans, self.graph, self.stats, coded=self.coded))

    def fastest_first(self, link: str) -> list[str]:
        """Names of the plans that fit the memory, the fastest over a link first."""
        fitting = [p for p in self.plans if fits_memory(p.edge_memory_bytes, self.limit_bytes)]
        return [
            p.name for p in sorted(fitting, key=lambda p: (p.predictions[link].latency_s, p.name))
        ]

    def _link(self, link: str) -> str:
        """Name of a link that is there.

        Raises:
            DataError: It is not.
        """
        if link not in self.links:
            raise DataError(
                f"link {link!r}: must be one of the front{did_you_mean(str(link), self.links)}"
            )
        return link

    def __repr__(self) -> str:
        limit = "no memory limit" if self.limit_bytes is None else f"{self.limit_bytes:,} bytes"
        plans = counted(len(self), "plan")
        return f"Front({self.title}: {plans} over {', '.join(self.links)}, {limit})"

    def _repr_html_(self) -> str:
        """A table with one row per plan, its milliseconds over each link at the right."""
        table = self.to_pandas(self.links[0])
        wanted = ["method", "cut", "edge_layers", "cut_bits", "cut_bytes", "edge_memory_bytes"]
        table = table[[*wanted, "distortion", "optimality_gap"]]
        for link in self.links:
            seconds = {plan.name: plan.predictions[link].latency_s for plan in self.plans}
            table[f"{link}, ms"] = [round(1e3 * seconds[name], 2) for name in table.index]
        return f"<p>{self!r}</p>{table.to_html(float_format='{:.4g}'.format)}"


OPTIONS_OF_SEARCH = (
    *("methods", "front", "pins", "cuts"),
    *("max_weight_bits", "max_activation_bits", "max_bops"),
    *("max_latency_s", "max_energy_j", "max_distortion"),
)
"""Options of ``search`` beside what a problem holds."""


@takes_options(SearchOptions, *OPTIONS_OF_SEARCH)
def search(problem: SearchProblem, *, progress: Progress = silent, **options: Any) -> Front:
    """Search cuts and widths.

    Args:
        problem: What ``autosplit.Problem`` gave.
        progress: Shows how far it is.
        **options: Options of ``autosplit search``, with its defaults: ``methods`` (methods that
            make plans, or ``("all",)``), ``front`` (plans of our front that are kept for each link;
            None: all), ``pins`` (pinned widths, each as ``PATTERN:weight=8``), ``max_weight_bits``
            and ``max_activation_bits`` (mean widths of the edge half at most), ``max_bops`` (its
            bit operations at most), ``max_latency_s`` (seconds from input to answer at most, over
            at least one link), ``max_energy_j`` (joules of the edge device for an answer at most,
            likewise), ``max_distortion``, and ``cuts`` (which cuts a search with a limit
            considers: ``prefixes`` or ``useful``).

    Raises:
        PlanError, OptionError: The problem is none, or an option cannot have its value.
        InfeasibleError: Nothing fits the memory, or no plan keeps the limits.
    """
    if not isinstance(problem, SearchProblem):
        raise PlanError(f"problem: must be an autosplit.Problem, got {type(problem).__name__}")
    asked = read_keywords(SearchOptions, search, options)
    with progress("search: cuts and widths", 1) as advance:
        planned = make_plans(problem, asked)
        advance(1)
    return Front(
        problem.graph,
        planned.plans,
        tuple(problem.links),
        problem.limit_bytes,
        (problem.edge.name, problem.cloud.name),
        problem.stats,
        problem.coded,
        timed_by(problem.edge, problem.cloud),
        asked.max_energy_j,
    )


def _points(max_drop: float | None) -> float:
    """Points that may be lost; infinite for None.

    Raises:
        OptionError: They are no number.
    """
    points = CollectOptions(max_drop=max_drop).max_drop
    return inf if points is None else points


def _checked(scores: Scores) -> Scores:
    if not isinstance(scores, Scores):
        raise DataError(
            f"scores: must be what autosplit.evaluate gives, got {type(scores).__name__}"
        )
    return scores
