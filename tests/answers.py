"""A judge of each task, and outputs that it can read."""

from types import SimpleNamespace

import torch

from autosplit.data.preprocess import Letterbox
from autosplit.evaluate.tasks.tasks import judge_of
from autosplit.models.networks.yolo_decode import YoloHead

PLAN = SimpleNamespace(name="p", crossing_bytes=7)


def _judge(*heads):
    model = SimpleNamespace(
        name="net", heads=heads, labels=("house", "tree"), preprocess=Letterbox((64, 64))
    )
    return judge_of(model, SimpleNamespace(labels=()))


JUDGES = {
    "classification": _judge(),
    "detection": _judge(YoloHead(3, ((20.0, 30.0),), 2)),
}
"""Name of a task -> a judge of two classes without labels."""


def outputs(task, seed):
    """Outputs for two images, with one sure answer each."""
    drawn = torch.Generator().manual_seed(seed)
    if task == "classification":
        return (torch.nn.functional.one_hot(torch.randint(2, (2,), generator=drawn), 2).float(),)
    raw = torch.full((2, 7, 2, 2), -20.0)  # x, y, width, height, objectness, two classes
    raw[:, :4] = torch.randn(2, 4, 2, 2, generator=drawn) / 10
    raw[:, [4, 6], 0, 1] = 6.0
    return (raw,)
