"""What a detector learns from a teacher beside its labels: answers, boxes, features.

| part | loss, with temperature T = 3 | source |
| --- | --- | --- |
| ``logits`` | T^2 KL of the softmax over all numbers of a box | Hinton et al. 2015, section 2 |
| ``classes`` | T^2 KL of the softmax over objectness and classes of a box | the same |
| ``bounded`` | squared error to the object, where the teacher's is less | Chen et al. 2017, eq. 4 |
| ``direct`` | squared difference from the teacher's box, at anchors that objects train | there, without the bound |
| ``features`` | T^2 KL of the softmax over places of sum_c abs(F_c), F read by the heads | Zagoruyko & Komodakis 2017, section 3.1 |
| ``near-objects`` | the same over the cells that objects cover | Wang et al. 2019, section 3 |

Strategies 1 to 5 are usual sums of them.  All are sums over a picture, averaged over the batch.
"""  # noqa: E501 - a table

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from autosplit.capture.operators import arguments, is_call
from autosplit.compress.live import LiveNetwork, live_network
from autosplit.compress.yolo_loss import MatchedAnchors, YoloLoss, centre_in_cell, squared_errors
from autosplit.data.coco import Truth
from autosplit.distortion.divergence import kl_terms
from autosplit.errors import OptionError
from autosplit.runs.network import load_network
from autosplit.runs.options import StatsOptions

TEMPERATURE = 3.0
_HEADS = ("conv2d", "convolution")
_READS_FEATURES = ("features", "near-objects")


@dataclass(frozen=True)
class _Taught:
    """Answers of a batch: those of the student, and of the teacher.

    Attributes:
        raw: Raw numbers of each head, shape (n, anchors, H, W, 5 + classes).
        features: What each head reads, shape (n, C, H, W); empty if not asked for.
        matched: Anchors that objects train, with the student's numbers, then the teacher's.
    """

    raw: tuple[Sequence[Tensor], Sequence[Tensor]]
    features: tuple[Sequence[Tensor], Sequence[Tensor]]
    matched: Sequence[tuple[MatchedAnchors, MatchedAnchors]]


@dataclass(frozen=True)
class BoxDistillation:
    """The loss of the labels, and what is learned from a teacher beside it.

    Attributes:
        own: The loss of the labels, which knows the heads.
        parts: Names of ``TAUGHT_PARTS``.
    """

    own: YoloLoss
    parts: tuple[str, ...]

    @property
    def reads_features(self) -> bool:
        """Whether some part reads what the heads read."""
        return any(part in _READS_FEATURES for part in self.parts)

    def __call__(
        self, answers: Sequence[Tensor], labels: Sequence[Truth], teacher: Sequence[Tensor]
    ) -> Tensor:
        """Loss of a batch; behind the outputs of the heads are features, if a part reads them."""
        heads = len(self.own.heads)
        outputs = answers[:heads], teacher[:heads]
        both = zip(*(self.own.matches(one, labels) for one in outputs), strict=True)
        raw = self.own.numbers(outputs[0]), self.own.numbers(outputs[1])
        taught = _Taught(raw, (answers[heads:], teacher[heads:]), list(both))
        found = [TAUGHT_PARTS[name][0] * TAUGHT_PARTS[name][1](taught) for name in self.parts]
        return self.own(outputs[0], labels, 0.0) + torch.stack(found).sum() / len(answers[0])


def parts_of(names: Sequence[str]) -> tuple[str, ...]:
    """Parts by the numbers of strategies or by their own names."""
    return tuple(dict.fromkeys(part for name in names for part in STRATEGIES.get(name, (name,))))


def features_of(network: str) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """What gives the answers of a network, and behind them what its heads read."""
    model = load_network(StatsOptions(model=network))
    live = live_network(
        model.program or model.module, model.example_input, model.name, model.batch_axis
    )
    _add_features(live)

    def answers(inputs: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = live.module(inputs)
        return found

    return answers


@contextmanager
def giving_features(live: LiveNetwork) -> Iterator[None]:
    """Let a network give what its heads read, behind its outputs.

    Raises:
        OptionError: An output is written by no convolution.
    """
    before = live.module.graph.output_node().args
    _add_features(live)
    try:
        yield
    finally:
        live.module.graph.output_node().args = before
        live.module.recompile()


def _add_features(live: LiveNetwork) -> None:
    output = live.module.graph.output_node()
    (results,) = output.args
    assert isinstance(results, tuple)
    output.args = ((*results, *(_read_by_head(result, live.name) for result in results)),)
    live.module.recompile()


def _read_by_head(result: object, name: str) -> fx.Node:
    """What the convolution reads that writes an output, or what is moved to it."""
    node = result
    while isinstance(node, fx.Node) and not is_call(node, *_HEADS):
        node = next(iter(node.all_input_nodes), None)
    found = arguments(node)["input"] if isinstance(node, fx.Node) else None
    if not isinstance(found, fx.Node):
        raise OptionError(f"--distill: {name} must have heads that are convolutions to be read")
    return found


def _answers(taught: _Taught, first: int) -> Tensor:
    """Divergence of the numbers of all boxes, from one on."""
    parts = [
        kl_terms(two[..., first:] / TEMPERATURE, one[..., first:] / TEMPERATURE).sum()
        for one, two in zip(*taught.raw, strict=True)
    ]
    return TEMPERATURE**2 * torch.stack(parts).sum()


def _logits(taught: _Taught) -> Tensor:
    return _answers(taught, 0)


def _classes(taught: _Taught) -> Tensor:
    return _answers(taught, 4)


def _bounded(taught: _Taught) -> Tensor:
    total = torch.zeros(())
    for student, teacher in taught.matched:
        wrong, bound = squared_errors(student), squared_errors(teacher)
        total = total + (wrong * (wrong > bound)).sum()
    return total


def _direct(taught: _Taught) -> Tensor:
    total = torch.zeros(())
    for student, teacher in taught.matched:
        apart = (centre_in_cell(student) - centre_in_cell(teacher)).square().sum()
        size = (student.numbers[:, 2:4] - teacher.numbers[:, 2:4]).square().sum()
        total = total + apart + size
    return total


def _features(taught: _Taught) -> Tensor:
    parts = [_maps(*pair).sum() for pair in zip(*taught.features, strict=True)]
    return torch.stack(parts).sum()


def _near_objects(taught: _Taught) -> Tensor:
    """Divergence over the cells of all objects, whichever head they train."""
    objects = torch.cat([student.objects for student, _ in taught.matched])
    height, width = taught.matched[0][0].grid.input_size
    total = torch.zeros(())
    for one, two in zip(*taught.features, strict=True):
        near = torch.zeros(len(one), *one.shape[2:], dtype=torch.bool)
        across, down = width / one.shape[3], height / one.shape[2]
        for x1, y1, x2, y2, image, _ in objects.tolist():
            columns = slice(int(max(x1, 0) / across), int(max(x2, 0) / across) + 1)
            rows = slice(int(max(y1, 0) / down), int(max(y2, 0) / down) + 1)
            near[int(image), rows, columns] = True
        total = total + (_maps(one, two, near) * near.flatten(1)).sum()
    return total


def _maps(one: Tensor, two: Tensor, near: Tensor | None = None) -> Tensor:
    """Terms of the divergence of maps of sums of absolute features, over all places or some."""
    if one.shape[2:] != two.shape[2:]:
        raise OptionError(
            f"--distill: features of the teacher must have the places of the network's, "
            f"{tuple(one.shape[2:])}, have {tuple(two.shape[2:])}"
        )
    maps = [x.abs().sum(1).flatten(1) / TEMPERATURE for x in (one, two)]
    if near is not None:
        far = ~near.flatten(1) & near.flatten(1).any(1, keepdim=True)
        maps = [x.masked_fill(far, -1e4) for x in maps]
    return TEMPERATURE**2 * kl_terms(maps[1], maps[0])


TAUGHT_PARTS: dict[str, tuple[float, Callable[[_Taught], Tensor]]] = {
    "logits": (1e-3, _logits),
    "classes": (1e-4, _classes),
    "bounded": (1e-3, _bounded),
    "direct": (1e-3, _direct),
    "features": (1e-3, _features),
    "near-objects": (1e-3, _near_objects),
}
"""Name -> weight beside the loss of the labels, and the part."""
STRATEGIES = {
    "1": ("logits",),
    "2": ("classes", "bounded"),
    "3": ("classes", "direct"),
    "4": ("classes", "direct", "features"),
    "5": ("classes", "direct", "near-objects"),
}
"""Number of a strategy -> its parts."""
