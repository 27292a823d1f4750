"""A plan over one link, with what was measured of it: what the pick is chosen from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from autosplit.evaluate.noninferiority import NUISANCE
from autosplit.evaluate.task import FLOAT, Task
from autosplit.graph.memory import fits_memory
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan
from autosplit.search.limits import keeps_energy
from autosplit.search.tolerance import keeps_drop


@dataclass(frozen=True, slots=True)
class FloatScore:
    """What the float network scored, with which every plan is compared.

    Attributes:
        metric: What is measured, as a person calls it, such as ``top-1``.
        accuracy: By that metric, 0..1.
        images: Evaluation images.
        calibrated: Whether the same images served for calibration.
        interval: Lower and upper end of the 95 % confidence interval of the accuracy, 0..1; None
            where no interval is known.
    """

    metric: str
    accuracy: float
    images: int
    calibrated: bool = False
    interval: tuple[float, float] | None = None

    @classmethod
    def of(cls, task: Task, scores: Mapping[str, Mapping[str, str]]) -> FloatScore:
        """The float network's score.

        Args:
            task: What the network is for.
            scores: Plan name -> row of ``scores.csv``, with the float network's own.
        """
        row = scores[FLOAT]
        counted = task.counts_metric(row)
        metric = task.metric_name if counted else task.agreement_name
        interval = task.interval(row) if counted else None
        return cls(metric, task.accuracy(row, row) or 0.0, int(row["images"]), interval=interval)

    @property
    def percent(self) -> str:
        """The accuracy in words, with its interval where one is known."""
        found = f"{100 * self.accuracy:.2f} %"
        if self.interval is None:
            return found
        low, high = (100 * end for end in self.interval)
        return f"{found} (95 % interval {low:.2f} to {high:.2f})"


@dataclass(frozen=True, slots=True)
class DropTest:
    """Whether a plan is shown to lose no more than is allowed, among several plans.

    Attributes:
        confidence: Least probability that no plan is taken for good that is not, 0..1.
        plans: Plans that are accounted for.
        error: Error of this plan's own test.
        kept: Whether the test shows it.
    """

    confidence: float
    plans: int
    error: float
    kept: bool

    @property
    def spent(self) -> float:
        """Part of the error that bounds how often the networks differ."""
        return NUISANCE * (1 - self.confidence) / self.plans


@dataclass(frozen=True, slots=True)
class SentOn:
    """What is known of an escalation beside its means: the edge answers some of the images.

    Attributes:
        share: Share of the images that the edge answers, 0..1.
        latency_s: Seconds that 95 % of the images take at most.
        bytes: Bytes that 95 % of the images send at most.
        crossing: Tensors that are sent on; empty for a JPEG file.
        sent_as: Their widths, or the quality of the JPEG file, in words.
    """

    share: float
    latency_s: float
    bytes: int
    crossing: tuple[str, ...]
    sent_as: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One plan over one link, with what was measured of it.

    Attributes:
        plan: The plan.
        link: Name of the link.
        prediction: Seconds over this link.
        fits: Whether the edge half keeps the memory limit, and the answer that of the energy.
        drop: Accuracy points lost against the float network on the same images; None if the plan
            was not measured.
        accuracy: By the task's metric, 0..1, or agreement with the float network without labels;
            None if the plan was not measured.
        interval: Lower and upper end of the 95 % confidence interval of the accuracy, 0..1; None
            where no interval is known.
        drop_interval: Interval of the drop, points, from the images that only one network gets
            right.
        pairs: Images that only the float network gets right, that only the plan does, and that both
            were run on; None where they are not counted.
        test: Whether the drop is shown to keep the limit; None if that was not asked.
        stopped: Whether the plan was measured on a part of the images only, because it must lose
            more accuracy than is allowed.
        sent_on: Of an escalation, whose prediction and bytes are means over images; else None.
    """

    plan: Plan
    link: str
    prediction: Prediction
    fits: bool
    drop: float | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    drop_interval: tuple[float, float] | None = None
    stopped: bool = False
    pairs: tuple[int, int, int] | None = None
    test: DropTest | None = None
    sent_on: SentOn | None = None

    @property
    def measured(self) -> bool:
        """Whether its accuracy is known on all images."""
        return self.drop is not None and not self.stopped

    @property
    def latency_s(self) -> float:
        """Seconds from the input to the answer."""
        return self.prediction.latency_s

    def keeps(self, max_drop: float) -> bool:
        """Whether it keeps the memory limit, and loses at most ``max_drop`` points as measured.

        If a confidence is asked, the drop must also be shown to keep the limit.
        """
        shown = self.test is None or self.test.kept
        return shown and self.keeps_measured(max_drop)

    def keeps_measured(self, max_drop: float) -> bool:
        """Whether it keeps the memory limit and the accuracy on the images that were measured."""
        return self.fits and self.measured and keeps_drop(self.drop or 0.0, max_drop)


def candidate(
    plan: Plan,
    link: str,
    prediction: Prediction,
    limit_bytes: int | None,
    task: Task,
    scores: Mapping[str, Mapping[str, str]],
    max_energy_j: float | None = None,
) -> Candidate:
    """Join a plan with its seconds over a link and its score.

    Args:
        plan: The plan.
        link: Name of the link.
        prediction: Seconds of the plan over the link, which take the place of those in the plan.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
        task: What the network is for.
        scores: Plan name -> row of ``scores.csv``, with the float network's own.
        max_energy_j: Joules of an answer on the edge device at most; None if not limited.
    """
    timed = replace(plan, predictions={**plan.predictions, link: prediction})
    fits = fits_memory(plan.edge_memory_bytes, limit_bytes)
    fits = fits and keeps_energy(prediction, max_energy_j)
    score = scores.get(plan.name)
    if score is None:
        return Candidate(timed, link, prediction, fits)
    pairs, images = task.lost_and_won(score), int(score["images"])
    return Candidate(
        timed,
        link,
        prediction,
        fits,
        drop=float(score["drop"]),
        accuracy=task.accuracy(score, scores[FLOAT]),
        interval=task.interval(score),
        drop_interval=task.drop_interval(score),
        stopped=images < int(scores[FLOAT]["images"]),
        pairs=None if pairs is None else (*pairs, images),
    )
