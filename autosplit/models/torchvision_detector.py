"""``torchvision:NAME`` of a detector -> its convolutions as the network, and what reads boxes.

The network is the backbone and the convolutions behind it; it is split and quantized.  Anchors,
decoding and non-maximum suppression follow in float, as torchvision computes them; of the two-stage
detectors (Faster R-CNN) the second stage, which crops features at the proposals, does too; its cost
is in ``second_stage.py``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import detection, get_model_weights, list_models
from torchvision.models.detection.image_list import ImageList

from autosplit.data.preprocess import Letterbox
from autosplit.errors import ModelError
from autosplit.files import sha256_of_file
from autosplit.graph.graph import Graph
from autosplit.models.asked_model import AskedModel, BuiltNetwork
from autosplit.models.checkpoint import load_checkpoint
from autosplit.models.detectors import thaw
from autosplit.models.networks.suppression import IOU, Detections
from autosplit.models.networks.yolo_heads import YoloHead
from autosplit.models.second_stage import second_stage
from autosplit.models.torchvision import build_with_weights, named_weights

FAMILIES = ("fasterrcnn", "retinanet", "fcos", "ssd")
"""Beginnings of the names that are read; others find masks or points too."""
SIDES = {"ssd300_vgg16": 300, "ssdlite320_mobilenet_v3_large": 320}
"""Networks of one input size -> height and width, pixels."""
USUAL_SIDES = {"fasterrcnn_mobilenet_v3_large_320_fpn": 320}
"""Networks of another usual size than ``USUAL_SIDE``."""
USUAL_SIDE = 800
"""Height and width of the input, pixels: the shorter side of torchvision's detectors."""
STRIDE = 32
"""The height and width of other networks are multiples of it."""


def detector_names() -> tuple[str, ...]:
    """Names of torchvision's detectors of boxes."""
    return tuple(name for name in list_models(module=detection) if name.startswith(FAMILIES))


def build_torchvision_detector(asked: AskedModel) -> BuiltNetwork:
    """Load ``torchvision:NAME`` of a detector.

    Raises:
        ModelError: There are no such weights, the checkpoint is of another network, or the input
            size cannot be.
    """
    name = asked.spec.partition(":")[2]
    side = _side(asked, name)
    weights = named_weights(asked, name)
    whole = build_with_weights(asked, name, weights, {"weights_backbone": None}).eval()
    definition = asked.spec.encode()
    if asked.checkpoint is not None:  # of the whole, so that a second stage is filled too
        load_checkpoint(whole, asked.checkpoint)
        definition += sha256_of_file(asked.checkpoint).encode()
    part = DetectorPart(whole)
    names = get_model_weights(name).DEFAULT.value.meta["categories"]
    kept = [place for place, label in enumerate(names) if label not in ("__background__", "N/A")]
    tail = DetectorTail(whole, part, side, kept)
    head = YoloHead(0, (), len(kept), coding="torchvision", read=tail)
    style = "alexeyab" if name in SIDES else "ultralytics"
    return BuiltNetwork(
        name,
        part,
        torch.zeros(1, 3, side, side),
        Letterbox((side, side), style),
        definition,
        heads=(head,),
        labels=tuple(names[place] for place in kept),
        filled=True,
    )


def _side(asked: AskedModel, name: str) -> int:
    side = asked.input_size or SIDES.get(name) or USUAL_SIDES.get(name, USUAL_SIDE)
    if name in SIDES and side != SIDES[name]:
        raise ModelError(f"{name}: input size must be {SIDES[name]}, got {side}")
    if name not in SIDES and side % STRIDE:
        raise ModelError(f"{name}: input size must be a multiple of {STRIDE}, got {side}")
    return side


class DetectorPart(nn.Module):
    """The convolutions of a detector.

    Attributes:
        backbone: As in the detector; frozen batch norms are made ordinary ones.
        head: The convolutions behind it: of boxes, or of proposals.
        two_stages: Whether it finds proposals, of which a second stage makes boxes.
        float_tail: Describes the second stage; ``capture`` makes it the tail of the graph.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        detector: Any = whole
        self.backbone = thaw(detector.backbone)
        self.head: Any = detector.rpn.head if _has_proposals(detector) else detector.head
        for key, values in (
            ("mean", detector.transform.image_mean),
            ("std", detector.transform.image_std),
        ):
            self.register_buffer(key, torch.tensor(values).view(3, 1, 1), persistent=False)
        self.two_stages = _has_proposals(detector)
        self.float_tail: Callable[[], Graph] | None = None

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) in 0..1 to what boxes are read from.

        Returns:
            Of one stage: numbers of all anchors, (N, A, k) each, in the order of the head.  Of two:
            the feature maps, then objectness and offsets for each of these.
        """
        features: Any = self.backbone((images - self.mean) / self.std)
        maps = [features] if isinstance(features, Tensor) else list(features.values())
        found = self.head(maps)
        if self.two_stages:
            objectness, offsets = found
            return (*maps, *objectness, *offsets)
        return tuple(found.values())


def _has_proposals(detector: Any) -> bool:
    return hasattr(detector, "rpn")


class DetectorTail:
    """Reads boxes of the outputs of a ``DetectorPart``, as the whole detector does.

    Args:
        whole: The detector; it is changed only in its thresholds, which every call sets.
        part: Its convolutions; of two stages, it is told to describe the second.
        side: Height and width of the input, pixels.
        kept: Numbers of the classes that count, in their order.
    """

    def __init__(self, whole: Any, part: DetectorPart, side: int, kept: list[int]) -> None:
        self._detector = whole
        self._two_stages = part.two_stages
        self._size = (side, side)
        self._numbers = {place: number for number, place in enumerate(kept)}
        heads = whole.roi_heads if part.two_stages else whole
        self._own_iou = float(heads.nms_thresh)
        with torch.no_grad():
            images = torch.zeros(1, 3, side, side)
            features: Any = part.backbone(images)
            maps = [features] if isinstance(features, Tensor) else list(features.values())
            if part.two_stages:
                self._keys = list(features) if not isinstance(features, Tensor) else ["0"]
                self._head_keys: list[str] = []
            else:
                self._head_keys = list(part.head(maps))
        self._cells = [one.shape[-2] * one.shape[-1] for one in maps]
        self._maps = [one[:, :1] for one in maps]
        if part.two_stages:
            part.float_tail = partial(second_stage, whole, [one.to("meta") for one in maps])

    def __call__(
        self, outputs: Sequence[Tensor], confidence: float, iou: float
    ) -> list[Detections]:
        """Find the boxes in each image of a batch, in pixels of the input.

        Args:
            outputs: As ``DetectorPart`` gives them.
            confidence: Least score, 0..1.
            iou: Overlap from which the worse box of two is dropped; where it is the usual one of
                YOLO networks, the detector's own is taken.
        """
        detector = self._detector
        limits = detector.roi_heads if self._two_stages else detector
        images = ImageList(
            torch.zeros(len(outputs[0]), 3, *self._size), [self._size] * len(outputs[0])
        )
        with torch.no_grad(), _LOCK:
            limits.score_thresh = confidence
            limits.nms_thresh = self._own_iou if iou == IOU else iou
            found = (
                self._second(outputs, images) if self._two_stages else self._first(outputs, images)
            )
        return [self._kept(one) for one in found]

    def _first(self, outputs: Sequence[Tensor], images: ImageList) -> list[dict[str, Tensor]]:
        """Boxes of a detector of one stage."""
        detector = self._detector
        head = dict(zip(self._head_keys, outputs, strict=True))
        maps = [one.expand(len(outputs[0]), -1, -1, -1) for one in self._maps]
        anchors = detector.anchor_generator(images, maps)
        if isinstance(detector, detection.ssd.SSD):
            return list(detector.postprocess_detections(head, anchors, images.image_sizes))
        each = head["cls_logits"].shape[1] // sum(self._cells)
        sizes = [cells * each for cells in self._cells]
        split = {key: list(value.split(sizes, 1)) for key, value in head.items()}
        places = [list(one.split(sizes)) for one in anchors]
        return list(detector.postprocess_detections(split, places, images.image_sizes))

    def _second(self, outputs: Sequence[Tensor], images: ImageList) -> list[dict[str, Tensor]]:
        """Boxes of a detector of two stages: proposals, then their classes."""
        detector = self._detector
        count = len(outputs) // 3
        maps, objectness, offsets = outputs[:count], outputs[count:-count], outputs[-count:]
        rpn = detector.rpn
        anchors = rpn.anchor_generator(images, list(maps))
        per_level = [one[0].numel() for one in objectness]
        flat, moves = detection.rpn.concat_box_prediction_layers(list(objectness), list(offsets))
        proposals = rpn.box_coder.decode(moves, anchors).view(len(anchors), -1, 4)
        boxes, _ = rpn.filter_proposals(proposals, flat, images.image_sizes, per_level)
        named = dict(zip(self._keys, maps, strict=True))
        found, _ = detector.roi_heads(named, boxes, images.image_sizes)
        return list(found)

    def _kept(self, found: dict[str, Tensor]) -> Detections:
        numbers = [self._numbers.get(label, -1) for label in found["labels"].tolist()]
        classes = torch.tensor(numbers, dtype=torch.long)
        best = found["scores"].argsort(descending=True, stable=True)
        best = best[classes[best] >= 0]
        return Detections(found["boxes"][best], found["scores"][best], classes[best])


_LOCK = threading.Lock()
"""Thresholds of a detector are its own attributes, so that one call at a time sets them."""
