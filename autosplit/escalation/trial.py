"""Plans run as escalations: the threshold chosen on some images, everything counted on others.

The evaluation images are run in a random order.  The first ones choose the threshold, and their
labels are not read; the rest say which share the edge answers, what is sent, and how accurate the
answers are.  The calibration images are not used: they have chosen the integers of the plan, and it
agrees with the float network on them too well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autosplit.escalation.agreement import same_answers
from autosplit.escalation.confidence_scores import (
    TEMPERED,
    Confidences,
    SeenAnswers,
    confidence_score,
    fit_temperature,
)
from autosplit.escalation.costs import SentBytes
from autosplit.escalation.escalation import Escalation
from autosplit.escalation.merged import last_of, merged
from autosplit.escalation.threshold import Threshold, choose_threshold
from autosplit.evaluate.outputs import as_tuple, plan_outputs
from autosplit.evaluate.task import DETECTION
from autosplit.evaluate.trials import Trials
from autosplit.halves.deployed import deploy
from autosplit.plan.planfile import PlanFile


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """How a threshold is chosen.

    Attributes:
        score: Name of the confidence score, or ``auto``.
        limit: Largest share of images that the edge may answer otherwise than the float network.
        error: Probability at most that it does so for more, for any one plan.
        images: Images that choose the threshold.
    """

    score: str
    limit: float
    error: float
    images: int


@dataclass(frozen=True)
class Sure:
    """A plan that runs the whole network on the edge, and when it answers.

    Attributes:
        file: The plan.
        score: Name of the confidence score.
        temperature: By which logits are divided.
        threshold: The threshold.
        answered: For each image that did not choose the threshold, whether the edge answers it.
    """

    file: PlanFile
    score: str
    temperature: float
    threshold: Threshold
    answered: tuple[bool, ...]


def sure_of(trials: Trials, file: PlanFile, rule: ThresholdRule) -> Sure | None:
    """Run a plan, and choose its threshold.

    Args:
        trials: The network and its images; nothing is finished.
        file: A plan that runs the whole network on the edge, finished.
        rule: How the threshold is chosen.

    Returns:
        None if no threshold is shown to keep the limit.
    """
    reference = trials.reference()
    record, _ = trials.run(file, reference)
    same = same_answers(record, reference)
    seen = _answers(trials, file)
    name, score = confidence_score(rule.score, boxes=seen.boxes is not None)
    first = 0
    if name in TEMPERED and seen.logits is not None:
        first = rule.images // 4  # they choose the temperature, so they may choose nothing else
        classes = reference.data()["classes"][:first]
        seen = replace(seen, temperature=fit_temperature(seen.logits[:first], classes))
    sure: Confidences = score(seen)
    choosing = slice(first, rule.images)
    found = choose_threshold(sure[choosing].tolist(), same[choosing], rule.limit, rule.error)
    if found is None:
        return None
    answered = tuple((sure[rule.images :] >= found.value).tolist())
    return Sure(file, name, seen.temperature, found, answered)


def _answers(trials: Trials, file: PlanFile) -> SeenAnswers:
    """What a plan answers to every image, in the order in which images are run."""
    deployed = deploy(trials.program, file)
    boxes: list[Any] = []
    logits = []
    for group in trials.looks.after(0):
        for inputs, _ in group:
            count = trials.looks.count_of(inputs)
            outputs = plan_outputs(deployed, inputs, count)
            if trials.choice.task is DETECTION:
                found = trials.judge.read(outputs, None, count, None).found
                boxes += [one.scores for one in found]
            else:
                logits.append(outputs[trials.choice.scored[0].place].numpy())
    return SeenAnswers(boxes=boxes) if boxes else SeenAnswers(logits=np.concatenate(logits))


def sizes_of(trials: Trials, file: PlanFile) -> list[int]:
    """Bytes that a plan sends for each image, in the order in which images are run."""
    deployed = deploy(trials.program, file)
    sizes: list[int] = []
    for group in trials.looks.after(0):
        for inputs, _ in group:
            message, _ = deployed.edge(as_tuple(inputs))
            sizes += message.sample_sizes()
    return sizes


def escalate(
    trials: Trials, sure: Sure, sent_on: PlanFile, name: str, sizes: Sequence[int]
) -> tuple[Escalation, dict[str, Any]]:
    """Send on what a plan is not sure of, and score the answers.

    Args:
        trials: The network and its images; nothing is finished.
        sure: The plan on the edge.
        sent_on: The plan of the images that are sent on.
        name: Name of the escalation.
        sizes: Bytes that ``sent_on`` sends for each image.

    Returns:
        The escalation, and its row of ``scores.csv``.
    """
    reference = trials.reference()
    edge, _ = trials.run(sure.file, reference)
    cloud, _ = trials.run(sent_on, reference)
    judged = len(sure.answered)
    sent = SentBytes.of(sure.answered, sizes[-judged:])
    escalation = Escalation(
        name,
        sure.file.plan.name,
        sent_on.plan.edge,
        sent_on.plan.input_coding,
        sure.score,
        sure.temperature,
        sure.threshold,
        judged,
        sent,
        trials.choice.scored[0].place,
    )
    about = replace(sure.file.plan, name=name, crossing_bytes=round(sent.mean))
    mixed = merged(edge, cloud, sure.answered)
    row = mixed.plan_row(about, last_of(reference, judged))
    assert row is not None
    return escalation, row
