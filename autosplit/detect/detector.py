"""A detector that runs: the float network and, if there is a plan, its edge and cloud half."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from autosplit.capture.capture import capture
from autosplit.capture.equalize import equalize
from autosplit.capture.program import Program
from autosplit.data.preprocess import WHOLE_PICTURES, Letterbox
from autosplit.detect.step_seconds import StepSeconds
from autosplit.errors import DataError, ModelError
from autosplit.halves.deployed import Deployed, deploy
from autosplit.halves.partition import join
from autosplit.halves.wire.message import Message
from autosplit.models.load import Model
from autosplit.models.networks.yolo_decode import (
    IOU,
    SHOWN_CONFIDENCE,
    Detections,
    YoloHead,
    detect_objects,
)
from autosplit.plan.planfile import PlanFile, read_plan


@dataclass(frozen=True)
class Detector:
    """A detection network, and the halves of a plan of it if there is one.

    Attributes:
        program: The captured network.
        heads: How each output of the network is read.
        labels: Names of the classes.
        letterbox: Makes an input of the network of a picture.
        plan: Name of the plan; empty without one.
        deployed: The two halves of the plan; None without one.
        score: Least score of a box that is kept, 0..1.
        iou: Overlap from which two boxes of a class are one object, 0..1 (non-maximum suppression).
        about: The network and the plan in words: parameters, operations, bytes.

    Raises:
        DataError: The score or the overlap is out of range.
    """

    program: Program
    heads: tuple[YoloHead, ...]
    labels: tuple[str, ...]
    letterbox: Letterbox
    plan: str = ""
    deployed: Deployed | None = None
    score: float = SHOWN_CONFIDENCE
    iou: float = IOU
    about: str = ""

    def __post_init__(self) -> None:
        for name in ("score", "iou"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise DataError(f"detect: {name} must be 0 to 1, got {value}")

    def run_float(
        self, inputs: Tensor, size: tuple[int, int], read_s: float = 0.0
    ) -> tuple[Detections, StepSeconds]:
        """Find boxes with the float network.

        Args:
            inputs: Input of one picture, (1, C, H, W).
            size: Width and height of the picture, pixels.
            read_s: Seconds that the input took, for the record.
        """
        start = time.perf_counter()
        outputs = self.program.run((inputs,))
        middle = time.perf_counter()
        found = self.boxes(outputs, size)
        end = time.perf_counter()
        return found, StepSeconds(read_s, middle - start, end - middle)

    def run_plan(
        self, inputs: Tensor, size: tuple[int, int], read_s: float = 0.0
    ) -> tuple[Detections, StepSeconds]:
        """Find boxes with both halves of the plan, with nothing but bytes between them.

        Args:
            inputs: Input of one picture, (1, C, H, W).
            size: Width and height of the picture, pixels.
            read_s: Seconds that the input took, for the record.
        """
        assert self.deployed is not None
        times = [time.perf_counter()]
        message, answers = self.deployed.edge((inputs,))
        times.append(time.perf_counter())
        data = message.encode()
        received = Message.decode(data, self.deployed.layout)
        times.append(time.perf_counter())
        outputs = join(answers, self.deployed.cloud(received))
        times.append(time.perf_counter())
        found = self.boxes(outputs, size)
        times.append(time.perf_counter())
        edge_s, wire_s, cloud_s, boxes_s = (b - a for a, b in itertools.pairwise(times))
        sent = len(data) - message.framing_bytes
        return found, StepSeconds(read_s, cloud_s, boxes_s, edge_s, wire_s, sent)

    def boxes(self, outputs: Sequence[Tensor], size: tuple[int, int]) -> Detections:
        """Decode the outputs of the network for one picture into boxes, in pixels of the picture.

        Args:
            outputs: Feature map of each head, each (1, C, H, W).
            size: Width and height of the picture, pixels.
        """
        (found,) = detect_objects(outputs, self.heads, self.letterbox.size, self.score, self.iou)
        return Detections(self.letterbox.back(found.boxes, *size), found.scores, found.classes)


def make_detector(
    model: Model,
    plan: Path | PlanFile | None = None,
    score: float = SHOWN_CONFIDENCE,
    iou: float = IOU,
) -> Detector:
    """Capture a detection network, and build the halves of a plan of it if there is one.

    Args:
        model: The network.
        plan: The plan, or its file; None: the float network alone.
        score: Least score of a box that is kept, 0..1.
        iou: Overlap from which two boxes of a class are one object, 0..1.

    Raises:
        ModelError: The network is no detector.
        FileError, PlanError: The plan cannot be read, or is of another network.
    """
    if not model.heads:
        raise ModelError(
            f"{model.name}: must be a detector, such as yolo:yolov3-tiny; of a network of your own "
            "say with --decode how its outputs become boxes"
        )
    if not isinstance(model.preprocess, Letterbox):
        raise ModelError(f"{model.name}: {WHOLE_PICTURES}")
    program = capture(model.program or model.module, (model.example_input,), model.name)
    if isinstance(plan, Path):
        plan = read_plan(plan, program.graph)
    if plan is not None and plan.equalized:
        program = equalize(program)
    name = "" if plan is None else plan.plan.name
    halves = None if plan is None else deploy(program, plan)
    read_as = (model.heads, model.labels, model.preprocess)
    about = network_text(model, program, plan)
    return Detector(program, *read_as, name, halves, score, iou, about)


def network_text(model: Model, program: Program, plan: PlanFile | None) -> str:
    """Say how large a network is, and what a plan of it holds on the edge."""
    parameters = sum(one.numel() for one in model.module.parameters())
    macs = sum(layer.macs for layer in program.graph.layers)
    text = (
        f"network: {model.name}, {parameters:,} parameters ({4 * parameters:,} bytes in float32), "
        f"{macs:,} multiply-accumulates"
    )
    if (tail := program.graph.tail) is not None:
        text += (
            f"; then in float on the machine that ran the last layer: {tail.parameters:,} "
            f"parameters, {tail.macs:,} multiply-accumulates, timed with boxes and suppression"
        )
    if plan is None:
        return text
    edge = set(plan.plan.edge)
    layers = [layer for layer in program.graph.layers if layer.name in edge]
    return (
        f"{text}\nplan:    {plan.plan.name}, {len(layers)} of {len(program.graph.layers)} layers, "
        f"{sum(layer.macs for layer in layers):,} multiply-accumulates and "
        f"{plan.plan.edge_memory_bytes:,} bytes of memory on the edge"
    )
