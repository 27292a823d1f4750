"""The loss of YOLO heads: boxes, objectness and classes of the anchors that objects train.

An object trains the anchor of the most similar shape, of all heads, in the cell of its centre;
the objectness of other boxes counts unless they overlap an object by more than ``OVERLAP_IGNORED``
(Redmon & Farhadi 2018, section 2.1).  Objectness and classes have binary cross entropy (there and
in section 2.2).  A box has the complete IoU loss (Zheng et al. 2020, eq. 10), or the squared error
of its raw numbers, those of small boxes up to twice as much (``scales`` of Darknet's yolo layer).
Sums over a picture are averaged over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torchvision.ops import box_iou, complete_box_iou_loss

from autosplit.compress.augment import Place, moved_to_input
from autosplit.data.coco import Truth
from autosplit.errors import OptionError
from autosplit.models.networks.yolo_boxes import AnchorGrid, boxes_of
from autosplit.models.networks.yolo_heads import YoloHead

OVERLAP_IGNORED = 0.5
"""Overlap with an object from which a box that trains none has no objectness to learn."""
BOX_WEIGHT = 3.0
"""Weight of the complete IoU loss beside objectness and classes, which are sums of logits."""
TRAINED_CODINGS = ("darknet", "region", "scaled")
"""Codings of boxes whose objectness and classes are logits."""
BoxLoss = Callable[["MatchedAnchors"], Tensor]


@dataclass(frozen=True)
class YoloLoss:
    """The loss of a batch.

    Attributes:
        heads: How each output is read.
        input_size: Height and width of the network's input, pixels.
        place: Left, top, width and height that a picture of a width and a height takes in it.
        boxes: A name of ``BOX_LOSSES``.
    """

    heads: tuple[YoloHead, ...]
    input_size: tuple[int, int]
    place: Place
    boxes: str = "ciou"

    def __post_init__(self) -> None:
        other = sorted({head.coding for head in self.heads} - set(TRAINED_CODINGS))
        if other or not self.heads:
            raise OptionError(
                f"train: has a loss for boxes of the codings {', '.join(TRAINED_CODINGS)}, this "
                f"detector has {', '.join(other) or 'no anchors'}; a --teacher with "
                "--teacher-share 1 needs none"
            )

    def __call__(self, answers: Sequence[Tensor], labels: Sequence[Truth], _: float) -> Tensor:
        """Mean loss of the pictures."""
        objects = self._objects(labels)
        total = torch.zeros((), dtype=answers[0].dtype)
        for numbers, matched in zip(
            self.numbers(answers), self.matches(answers, labels), strict=True
        ):
            total = total + self._of_head(numbers, matched, objects)
        return total / len(answers[0])

    def numbers(self, answers: Sequence[Tensor]) -> list[Tensor]:
        """Raw numbers of each head, shape (n, anchors, H, W, 5 + classes)."""
        return [
            output.unflatten(1, (len(head.anchors), -1)).movedim(2, -1)
            for output, head in zip(answers, self.heads, strict=True)
        ]

    def matches(self, answers: Sequence[Tensor], labels: Sequence[Truth]) -> list[MatchedAnchors]:
        """The objects that train each head, and where."""
        objects = self._objects(labels)
        best = _best_anchors(objects[:, 2:4] - objects[:, :2], self.heads)
        found, first = [], 0
        for numbers, head in zip(self.numbers(answers), self.heads, strict=True):
            own = (best >= first) & (best < first + len(head.anchors))
            found.append(self._matched(numbers, head, objects[own], best[own] - first))
            first += len(head.anchors)
        return found

    def _matched(
        self, numbers: Tensor, head: YoloHead, own: Tensor, anchors: Tensor
    ) -> MatchedAnchors:
        rows, columns = numbers.shape[2:4]
        centre = (own[:, :2] + own[:, 2:4]) / 2
        step = torch.tensor([self.input_size[1] / columns, self.input_size[0] / rows])
        cell = (centre / step).floor().long()
        cell = cell.clamp_min(0).minimum(torch.tensor([columns - 1, rows - 1]))
        place = (own[:, 4].long(), anchors, cell[:, 1], cell[:, 0])
        grid = AnchorGrid(
            torch.stack([anchors, cell[:, 1], cell[:, 0]], 1), rows, columns, self.input_size
        )
        return MatchedAnchors(numbers[place], own, head, grid, centre / step, place)

    def _objects(self, labels: Sequence[Truth]) -> Tensor:
        """Corners in pixels of the input, picture and class of each object, shape (n, 6)."""
        rows = []
        height, width = self.input_size
        for image, truth in enumerate(labels):
            moved = moved_to_input(truth, self.place, (width, height))
            crowds = moved.crowds or (False,) * len(moved.boxes)
            for (x, y, w, h), kind, crowd in zip(moved.boxes, moved.classes, crowds, strict=True):
                if not crowd:
                    rows.append((x, y, x + w, y + h, image, kind))
        return torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)

    def _of_head(self, numbers: Tensor, matched: MatchedAnchors, every: Tensor) -> Tensor:
        """Loss of one head; ``every`` are all objects."""
        wanted = torch.zeros_like(numbers[..., 4])
        wanted[matched.place] = 1.0
        counts = self._counts(numbers.detach(), matched.head, every) | (wanted > 0)
        sure = cross_entropy(numbers[..., 4], wanted, reduction="none")
        total = (sure * counts).sum()
        if not len(matched.objects):
            return total
        classes = matched.objects[:, 5].long()
        kinds = torch.nn.functional.one_hot(classes, matched.head.classes).to(numbers.dtype)
        total = total + cross_entropy(matched.numbers[:, 5:], kinds, reduction="sum")
        return total + BOX_LOSSES[self.boxes](matched)

    def _counts(self, numbers: Tensor, head: YoloHead, objects: Tensor) -> Tensor:
        """Whether each box overlaps no object much, shape (n, anchors, H, W)."""
        images, anchors, rows, columns = numbers.shape[:4]
        cells = torch.cartesian_prod(*(torch.arange(size) for size in (anchors, rows, columns)))
        grid = AnchorGrid(cells.view(-1, 3), rows, columns, self.input_size)
        found = torch.ones(images, anchors * rows * columns, dtype=torch.bool)
        for image in range(images):
            there = objects[objects[:, 4] == image, :4]
            if len(there):
                boxes = boxes_of(numbers[image].reshape(len(grid.cells), -1), head, grid)
                found[image] = box_iou(boxes, there).amax(1) <= OVERLAP_IGNORED
        return found.view(images, anchors, rows, columns)


@dataclass(frozen=True)
class MatchedAnchors:
    """Objects of a batch and the anchors of one head that they train.

    Attributes:
        numbers: Raw numbers of these anchors, shape (objects, 5 + classes).
        objects: Corners in pixels of the input, picture and class, shape (objects, 6).
        head: The head.
        grid: The cells.
        centre: Centres of the objects, in cells.
        place: Picture, anchor, row and column of each.
    """

    numbers: Tensor
    objects: Tensor
    head: YoloHead
    grid: AnchorGrid
    centre: Tensor
    place: tuple[Tensor, Tensor, Tensor, Tensor]


def _best_anchors(sizes: Tensor, heads: Sequence[YoloHead]) -> Tensor:
    """Anchor of the most similar shape, by IoU about one centre, counted over all heads."""
    anchors = torch.tensor([anchor for head in heads for anchor in head.anchors])
    width, height = sizes[:, 0], sizes[:, 1]
    common = torch.minimum(sizes[:, None], anchors).prod(2)
    union = (width * height)[:, None] + anchors.prod(1) - common
    return (common / union).argmax(1)


def _complete_iou(found: MatchedAnchors) -> Tensor:
    boxes = boxes_of(found.numbers, found.head, found.grid)
    loss: Tensor = complete_box_iou_loss(boxes, found.objects[:, :4], reduction="sum")
    return BOX_WEIGHT * loss


def _squared(found: MatchedAnchors) -> Tensor:
    """Squared error, of small boxes up to twice as much."""
    size = found.objects[:, 2:4] - found.objects[:, :2]
    height, width = found.grid.input_size
    return ((2 - size.prod(1) / (height * width)) * squared_errors(found)).sum()


def squared_errors(found: MatchedAnchors) -> Tensor:
    """Squared error of the centre in its cell and of the logarithm of the size, by object."""
    if found.head.coding == "scaled":
        raise OptionError(
            "--box-loss squared: suits sizes that are exponentials, this detector's are squares; "
            "take ciou"
        )
    size = found.objects[:, 2:4] - found.objects[:, :2]
    anchors = torch.tensor(found.head.anchors)[found.grid.cells[:, 0]]
    wrong = (centre_in_cell(found) - found.centre.frac()).square().sum(1)
    return wrong + (found.numbers[:, 2:4] - (size / anchors).log()).square().sum(1)


def centre_in_cell(found: MatchedAnchors) -> Tensor:
    """Centres of the boxes that matched anchors give, in their cells."""
    stretch = found.head.scale_x_y
    return found.numbers[:, :2].sigmoid() * stretch - (stretch - 1) / 2


BOX_LOSSES: dict[str, BoxLoss] = {"ciou": _complete_iou, "squared": _squared}
"""Name -> loss of the boxes of matched anchors."""
