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
BoxLoss = Callable[["_Matched"], Tensor]


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
        best = _best_anchors(objects[:, 2:4] - objects[:, :2], self.heads)
        total = torch.zeros((), dtype=answers[0].dtype)
        first = 0
        for output, head in zip(answers, self.heads, strict=True):
            numbers = output.unflatten(1, (len(head.anchors), -1)).movedim(2, -1)
            own = (best >= first) & (best < first + len(head.anchors))
            anchors = best[own] - first
            total = total + self._of_head(numbers, head, objects[own], anchors, objects)
            first += len(head.anchors)
        return total / len(answers[0])

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

    def _of_head(
        self, numbers: Tensor, head: YoloHead, own: Tensor, anchors: Tensor, every: Tensor
    ) -> Tensor:
        """Loss of one head.

        Args:
            numbers: Its raw numbers, shape (n, anchors, H, W, 5 + classes).
            head: The head.
            own: Objects that train it.
            anchors: Anchor that each of them trains.
            every: All objects.
        """
        rows, columns = numbers.shape[2:4]
        centre = (own[:, :2] + own[:, 2:4]) / 2
        step = torch.tensor([self.input_size[1] / columns, self.input_size[0] / rows])
        cell = (centre / step).floor().long()
        cell = cell.clamp_min(0).minimum(torch.tensor([columns - 1, rows - 1]))
        place = (own[:, 4].long(), anchors, cell[:, 1], cell[:, 0])
        wanted = torch.zeros_like(numbers[..., 4])
        wanted[place] = 1.0
        counts = self._counts(numbers.detach(), head, every) | (wanted > 0)
        sure = cross_entropy(numbers[..., 4], wanted, reduction="none")
        total = (sure * counts).sum()
        if not len(own):
            return total
        chosen = numbers[place]
        grid = AnchorGrid(
            torch.stack([anchors, cell[:, 1], cell[:, 0]], 1), rows, columns, self.input_size
        )
        kinds = torch.nn.functional.one_hot(own[:, 5].long(), head.classes).to(numbers.dtype)
        total = total + cross_entropy(chosen[:, 5:], kinds, reduction="sum")
        return total + BOX_LOSSES[self.boxes](_Matched(chosen, own, head, grid, centre / step))

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
class _Matched:
    """Raw numbers of anchors and the objects that train them; ``centre`` is in cells."""

    numbers: Tensor
    objects: Tensor
    head: YoloHead
    grid: AnchorGrid
    centre: Tensor


def _best_anchors(sizes: Tensor, heads: Sequence[YoloHead]) -> Tensor:
    """Anchor of the most similar shape, by IoU about one centre, counted over all heads."""
    anchors = torch.tensor([anchor for head in heads for anchor in head.anchors])
    width, height = sizes[:, 0], sizes[:, 1]
    common = torch.minimum(sizes[:, None], anchors).prod(2)
    union = (width * height)[:, None] + anchors.prod(1) - common
    return (common / union).argmax(1)


def _complete_iou(found: _Matched) -> Tensor:
    boxes = boxes_of(found.numbers, found.head, found.grid)
    loss: Tensor = complete_box_iou_loss(boxes, found.objects[:, :4], reduction="sum")
    return BOX_WEIGHT * loss


def _squared(found: _Matched) -> Tensor:
    """Squared error of the centre in its cell and of the logarithm of the size."""
    if found.head.coding == "scaled":
        raise OptionError(
            "--box-loss squared: suits sizes that are exponentials, this detector's are squares; "
            "take ciou"
        )
    stretch = found.head.scale_x_y
    inside = found.numbers[:, :2].sigmoid() * stretch - (stretch - 1) / 2
    size = found.objects[:, 2:4] - found.objects[:, :2]
    anchors = torch.tensor(found.head.anchors)[found.grid.cells[:, 0]]
    height, width = found.grid.input_size
    scale = 2 - size.prod(1) / (height * width)
    wrong = (inside - found.centre.frac()).square().sum(1)
    wrong = wrong + (found.numbers[:, 2:4] - (size / anchors).log()).square().sum(1)
    return (scale * wrong).sum()


BOX_LOSSES: dict[str, BoxLoss] = {"ciou": _complete_iou, "squared": _squared}
"""Name -> loss of the boxes of matched anchors."""
