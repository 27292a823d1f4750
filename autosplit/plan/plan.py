"""A plan: where to cut, the width of every tensor on the edge, and what is predicted for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from autosplit.grid.grid import FLOAT_BITS
from autosplit.hardware.prediction import Prediction
from autosplit.stats.coding import InputCoding


@dataclass(frozen=True)
class Plan:
    """A cut, a width for each tensor on the edge side, and what is predicted.

    Attributes:
        name: Unique in its run folder.
        method: Search method that made it (``autosplit``, ``uniform8``, ``cloud16``, ...).
        edge: Layers on the edge side, in topological order; empty for all-cloud.
        weight_bits: Layer that stores a weight -> the weight's width, for every weight that the
            edge side stores.
        activation_bits: Tensor -> its width, for the network's inputs and every edge layer.  A
            tensor that crosses the cut is sent at this width too.
        distortion: Sum over all weights and activations of the edge side.
        lower_bound: Least distortion that is possible with this cut and these limits, proven.
        edge_memory_bytes: Packed weights plus peak live activations.
        crossing_bytes: Bytes sent to the cloud for one sample.
        predictions: Link name -> seconds.
        cloud_bits: Width of the cloud half's floats.
        input_coding: How the network's input is sent if not packed to its width.
    """

    name: str
    method: str
    edge: tuple[str, ...]
    weight_bits: Mapping[str, int]
    activation_bits: Mapping[str, int]
    distortion: float
    lower_bound: float
    edge_memory_bytes: int
    crossing_bytes: int
    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    cloud_bits: int = 16
    input_coding: InputCoding | None = None

    def __repr__(self) -> str:
        return (
            f"Plan({self.name}: {len(self.edge)} layers on the edge, {self.edge_memory_bytes:,} "
            f"bytes there, {self.crossing_bytes:,} bytes sent, distortion {self.distortion:.4g})"
        )

    @property
    def cloud_is_float(self) -> bool:
        """Whether the cloud half computes in floats."""
        return self.cloud_bits >= FLOAT_BITS[0]

    @property
    def optimality_gap(self) -> float:
        """How far the distortion is above its proven bound, relative to itself; 0 is optimal."""
        if self.distortion <= self.lower_bound:
            return 0.0
        return (self.distortion - self.lower_bound) / max(abs(self.distortion), 1e-300)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a finished plan was made of: three SHA-256, each as hexadecimal digits.

    Attributes:
        searched_sha256: ``half_sha256`` of the plan as the search wrote it.
        finishing_sha256: SHA-256 of how the plan was finished.
        finished_sha256: ``half_sha256`` of the finished plan, which an edit of its file changes.
    """

    searched_sha256: str
    finishing_sha256: str
    finished_sha256: str
