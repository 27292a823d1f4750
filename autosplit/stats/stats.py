"""What was measured of every tensor: ranges, moments, and distortion at every width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from autosplit.grid.grid import Grid
from autosplit.stats.jpeg import InputCoding

Role = Literal["weight", "activation"]


@dataclass(frozen=True, slots=True)
class TensorStats:
    """Ranges and moments of one activation tensor over all calibration samples.

    Attributes:
        min, max: Least and greatest value.
        avg_min, avg_max: Mean over samples of each sample's least and greatest value.
        mean: Mean over all elements of all samples.
        std: Population standard deviation over the same.
        b: Mean absolute deviation from the mean, the scale of a Laplace distribution.
        shape: Without the batch dimension.
        elements: Elements of one sample.
    """

    min: float
    max: float
    avg_min: float
    avg_max: float
    mean: float
    std: float
    b: float
    shape: tuple[int, ...]
    elements: int


@dataclass(frozen=True, slots=True)
class Distortion:
    """Harm of quantizing one tensor at one width, after the best clipping found.

    Attributes:
        mse: Mean squared error over all elements.
        distortion: What the search adds up, by the metric that was asked for: harm to the answer
            (``sensitivity``), or ``mse`` over the tensor's mean square, that is noise over signal,
            so that tensors of different scale can be compared.
        clip_low, clip_high: Range kept; of a weight, over all its output channels.
    """

    mse: float
    distortion: float
    clip_low: float
    clip_high: float


@dataclass(frozen=True)
class Stats:
    """Everything measured of one network on one calibration set.

    Attributes:
        samples: Calibration samples seen.
        tensors: Activation tensor (the network's inputs, every layer) -> ranges and moments.
        distortions: (tensor, role, width) -> distortion; a weight goes by its owner's name.
        grids: (layer, width) -> grids of the output channels of the layer's weight.
        input_coding: What JPEG does to the network's input; None where that is no picture.
    """

    samples: int
    tensors: Mapping[str, TensorStats]
    distortions: Mapping[tuple[str, Role, int], Distortion]
    grids: Mapping[tuple[str, int], Grid]
    input_coding: InputCoding | None = None
