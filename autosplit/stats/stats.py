"""What was measured of every tensor: ranges, moments, and distortion at every width."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from autosplit.errors import counted
from autosplit.graph.integers import MAX_INTEGER_BITS
from autosplit.graph.memory import WholeBytes, packed_bytes, whole_bits
from autosplit.grid.grid import Grid
from autosplit.grid.histogram import Moments
from autosplit.halves.wire.symbols import Classes
from autosplit.stats.coding import InputCoding

Role = Literal["weight", "activation"]
TensorAtWidth = tuple[str, Role, int]
"""A tensor (a weight by the name of the layer that owns it), its role, and a width in bits."""


@dataclass(frozen=True, slots=True)
class TensorStats(Moments):
    """One activation tensor over the calibration samples: extremes, moments, and size.

    Attributes:
        shape: Without the batch dimension.
        elements: Elements of one sample.
    """

    shape: tuple[int, ...]
    elements: int


@dataclass(frozen=True, slots=True)
class Distortion:
    """Error of quantizing one tensor at one width, on the grid that was measured for it.

    Attributes:
        mse: Mean squared error over all elements.
        distortion: What the search adds up, in the unit of the metric that was asked for.  With
            ``mse`` it is noise over signal: the mean squared error over the tensor's mean square.
            With ``output`` and ``fisher`` it is how far the network's answer moves.
    """

    mse: float
    distortion: float


@dataclass(frozen=True, slots=True)
class CodedBytes:
    """What one tensor takes on the wire at one width, entropy-coded.

    Attributes:
        classes: Class of each of its channels, the same at each width.
        mean: Mean bytes of a sample.
        p95: 95th percentile of the bytes of a sample.
    """

    classes: Classes
    mean: float
    p95: float

    @property
    def sent(self) -> int:
        """Bytes of a sample, rounded up to a whole number."""
        return math.ceil(self.mean)


@dataclass(frozen=True)
class Stats:
    """Everything measured of one network on one calibration set.

    Attributes:
        samples: Calibration samples seen.
        tensors: Activation tensor (the network's inputs, every layer) -> ranges and moments.
        distortions: Tensor, role and width -> distortion.
        activation_grids: Activation tensor and width -> its grid, over the range that is kept.
        weight_grids: Layer that owns a weight, and width -> grids of the output channels.
        input_codings: What JPEG does to the network's input, for each quality that was measured;
            empty where the input is no picture.
        coded: Activation tensor and width -> its bytes when it is entropy-coded; empty where that
            was not measured.
        clipping: Rule that chose the ranges of activations.
        calibration: The batches that ``autosplit.measure`` read; None: not known.
    """

    samples: int
    tensors: Mapping[str, TensorStats]
    distortions: Mapping[TensorAtWidth, Distortion]
    activation_grids: Mapping[tuple[str, int], Grid]
    weight_grids: Mapping[tuple[str, int], Grid]
    input_codings: tuple[InputCoding, ...] = ()
    coded: Mapping[tuple[str, int], CodedBytes] = field(default_factory=dict)
    clipping: str = "mse"
    calibration: Any = field(default=None, compare=False)

    def __repr__(self) -> str:
        tensors = counted(len(self.tensors), "activation tensor")
        return f"Stats({tensors}, measured on {counted(self.samples, 'sample')})"

    def _repr_html_(self) -> str:
        """A table with the range and the moments of each activation tensor."""
        from pandas import DataFrame  # noqa: PLC0415 - slow to import

        rows = {name: asdict(one) for name, one in self.tensors.items()}
        return f"<p>{self!r}</p>{DataFrame.from_dict(rows, orient='index').to_html()}"

    def sent(self, coding: str) -> dict[tuple[str, int], int]:
        """Tensor and width -> mean bytes on the wire, where they are not packed.

        Args:
            coding: ``packed``, where all are; ``entropy``, where those are not that take fewer
                bytes so; ``none``, where each element takes whole bytes.
        """
        if coding == "packed":
            return {}
        if coding == "none":
            return WholeBytes(
                ((name, bits), packed_bytes(found.elements, whole_bits(bits)))
                for name, found in self.tensors.items()
                for bits in range(1, MAX_INTEGER_BITS + 1)
            )
        return {
            (name, bits): found.sent
            for (name, bits), found in self.coded.items()
            if found.sent < packed_bytes(self.tensors[name].elements, bits)
        }

    def tables(self, coding: str) -> dict[tuple[str, int], tuple[Classes, int]]:
        """Tensor and width -> classes of the channels and mean bytes, of what is entropy-coded.

        Args:
            coding: As in ``sent``.
        """
        if coding == "none":
            return {}
        return {at: (self.coded[at].classes, sent) for at, sent in self.sent(coding).items()}

    @cached_property
    def grids(self) -> Mapping[TensorAtWidth, Grid]:
        """Tensor, role and width -> grid."""
        found: dict[TensorAtWidth, Grid] = {}
        for (layer, bits), grid in self.weight_grids.items():
            found[layer, "weight", bits] = grid
        for (tensor, bits), grid in self.activation_grids.items():
            found[tensor, "activation", bits] = grid
        return found
