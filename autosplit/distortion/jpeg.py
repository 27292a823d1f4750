"""The network's input as JPEG files: their bytes, and what they do to the network's answers.

The distortion is that of the metric asked for, so that a plan that sends a JPEG file is compared
with the others in one unit: with ``output`` the network runs on the decoded pictures, and its
answers are compared with those to the pictures as they were; with ``fisher`` the squared errors of
the input are weighed by squared gradients; with ``mse`` they are counted over the input's square.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from autosplit.capture.program import Batches, Program
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.distortion.divergence import label_loss, output_divergence
from autosplit.distortion.tiles import chunks
from autosplit.errors import DataError
from autosplit.progress import Advance
from autosplit.stats.coding import InputCoding, PictureInput
from autosplit.stats.stats import Stats

Ruler = Callable[[Tensor], float]
"""Inputs that arrived for some samples -> their distortion, summed over the samples."""


@dataclass(frozen=True, slots=True)
class AskedPictures:
    """What is measured of pictures.

    Attributes:
        picture: The input, and the qualities of its files.
        metric: A name in ``METRICS``.
        seed: Seed of the labels that ``fisher`` draws.
    """

    picture: PictureInput
    metric: str = "output"
    seed: int = 0


def measure_jpeg(
    program: Program,
    batches: Batches,
    stats: Stats,
    asked: AskedPictures,
    advance: Advance | None = None,
) -> Stats:
    """Measure the bytes and the distortion of each quality, in one pass over the samples.

    Args:
        program: The captured network, of one input.
        batches: Those that the statistics were measured on.
        stats: From ``measure``.
        asked: Qualities and metric.
        advance: Told of samples done.

    Returns:
        The statistics with ``input_codings``; as they were with a metric without a ruler.

    Raises:
        DataError: There is no sample, or the input is no picture.
    """
    if asked.metric not in RULERS:  # one that a person registered: the unit is unknown
        return stats
    picture, random = asked.picture, torch.Generator().manual_seed(asked.seed)
    sizes, moved = ([0.0] * len(picture.qualities) for _ in range(2))
    samples, total = 0, 0.0
    for inputs in chunks(program, batches, 1):
        (value,) = inputs
        share, ruler = RULERS[asked.metric](program, inputs, random)
        for place, (arrived, files) in enumerate(picture.arrivals(value.numpy())):
            sizes[place] += sum(files)
            moved[place] += ruler(torch.from_numpy(arrived).to(value.dtype))
        samples, total = samples + len(value), total + share
        if advance is not None:
            advance(len(value))
    if not samples:
        raise DataError("calibration data: must have at least one sample, got none")
    scale = picture.mean, picture.std
    codings = tuple(
        InputCoding(quality, size / samples, found / total if total else 0.0, *scale)
        for quality, size, found in zip(picture.qualities, sizes, moved, strict=True)
    )
    return replace(stats, input_codings=codings)


def _answers(
    program: Program, inputs: Sequence[Tensor], _random: torch.Generator
) -> tuple[float, Ruler]:
    """``output``: the divergence of the network's answers, a sample."""
    before = program.run(inputs)
    return len(inputs[0]), lambda arrived: output_divergence(before, program.run([arrived]))


def _weighed(
    program: Program, inputs: Sequence[Tensor], random: torch.Generator
) -> tuple[float, Ruler]:
    """``fisher``: half the sum of gradient^2 error^2, a sample."""
    wiring = Wiring(program)
    (value,), (name,) = inputs, (program.nodes[name] for name in program.graph.inputs)
    run = ReplayedRun(wiring, inputs, [name])
    loss = label_loss(run.outputs, random)
    leaf = run.values([name])
    if not loss.requires_grad or not leaf:
        return len(value), lambda _: 0.0
    (gradient,) = torch.autograd.grad(loss, [leaf[name]])
    square = gradient.double().square()

    def ruler(arrived: Tensor) -> float:
        return float(((arrived - value).double().square() * square).sum()) / 2

    return len(value), ruler


def _noise(
    _program: Program, inputs: Sequence[Tensor], _random: torch.Generator
) -> tuple[float, Ruler]:
    """``mse``: squared errors over the square of the input."""
    (value,) = inputs
    signal = float(value.double().square().sum())
    return signal, lambda arrived: float((arrived - value).double().square().sum())


RULERS = {"mse": _noise, "fisher": _weighed, "output": _answers}
"""Metric -> function that gives, for some samples, what their distortion is divided by in the end
and what measures it; the same names as ``metrics.METRICS``."""
