"""A judge of each task, and outputs that it can read."""

from types import SimpleNamespace

import torch

from autosplit.data.preprocess import Letterbox
from autosplit.evaluate.task import TASKS
from autosplit.evaluate.tasks.own_score import OwnScore
from autosplit.evaluate.tasks.tasks import ScoredOutput, TaskChoice
from autosplit.models.networks.yolo_decode import YoloHead

PLAN = SimpleNamespace(name="p", crossing_bytes=7)
_BY_NAME = {task.name: task for task in TASKS}


def _judge(name):
    heads = (YoloHead(3, ((20.0, 30.0),), 2),) if name == "detection" else ()
    model = SimpleNamespace(
        name="net", heads=heads, labels=("house", "tree"), preprocess=Letterbox((64, 64))
    )
    task = _BY_NAME[name]
    scored = (ScoredOutput("answer", 0, task),)
    if name == "own-score":
        own = OwnScore(lambda answers, _: (answers > 0).float().mean(1), "mine", ("answer",))
        scored = (ScoredOutput("answer", 0, task, own=own),)
    if name == "several":
        scored = tuple(
            ScoredOutput(part, place, _BY_NAME[part])
            for place, part in enumerate(("classification", "segmentation"))
        )
    return TaskChoice(task, scored).judge(model, SimpleNamespace(labels=()))


JUDGES = {name: _judge(name) for name in _BY_NAME}
"""Name of a task -> a judge of two classes without labels."""
_SHAPES = {
    "binary": (2, 1),
    "multi-label": (2, 3),
    "regression": (2, 3),
    "segmentation": (2, 2, 4, 4),
    "embedding": (2, 5),
    "sequence-labelling": (2, 4, 3),
    "language-modelling": (2, 4, 3),
    "own-score": (2, 3),
}


def outputs(task, seed):
    """Outputs for two images, with one sure answer each."""
    drawn = torch.Generator().manual_seed(seed)
    if task == "several":
        return (*outputs("classification", seed), *outputs("segmentation", seed))
    if task == "own-score":
        return (torch.rand(2, 3, generator=drawn) + 1,)
    if task in _SHAPES:
        return (torch.randn(_SHAPES[task], generator=drawn),)
    if task == "classification":
        return (torch.nn.functional.one_hot(torch.randint(2, (2,), generator=drawn), 2).float(),)
    raw = torch.full((2, 7, 2, 2), -20.0)  # x, y, width, height, objectness, two classes
    raw[:, :4] = torch.randn(2, 4, 2, 2, generator=drawn) / 10
    raw[:, [4, 6], 0, 1] = 6.0
    return (raw,)


def wrong_outputs(task, seed):
    """Outputs for the same images that are all wrong."""
    right = outputs(task, seed)
    if task in ("classification", "detection", "several"):
        return tuple(torch.roll(output, 1, 1) for output in right)
    return tuple(-output for output in right)
