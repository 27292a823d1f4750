"""A layer: operators fused into one, with one output tensor, and its matrix products."""

from __future__ import annotations

import math
from dataclasses import dataclass

Shape = tuple[int, ...]
MAX_BITS = 16
"""Widest integer of a quantized tensor."""
FIXED_BITS = 32
"""Width of a parameter that is not quantized: a bias, a norm's scale, a position embedding."""


@dataclass(frozen=True, slots=True)
class Gemm:
    """Matrix multiplications of one size, as an accelerator sees them (Samajdar et al. 2020).

    A convolution has output pixels x filter size x filters, once per group; a linear layer is a
    1x1 convolution over its rows; attention is one product per head, for scores and for values.

    Attributes:
        out_pixels: Output positions (height x width, or rows), E.
        filter_size: Length of one dot product (kernel area x input channels of a group), K.
        filters: Output channels of a group, N.
        repeats: How many such products there are (groups, heads, batch of matrices).
    """

    out_pixels: int
    filter_size: int
    filters: int
    repeats: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all the repeats."""
        return self.out_pixels * self.filter_size * self.filters * self.repeats


@dataclass(frozen=True, slots=True)
class Layer:
    """A fused group of operators with one output tensor that is quantized as one.

    Attributes:
        name: Name of the module it came from, made unique; also the name of its output tensor.
        kind: What it computes: conv, linear, matmul, attention, add, mul, cat, pool, norm, ...;
            an operator that no rule knows has its ATen name as kind.
        inputs: Tensors read, each once, in order of reading.
        input_shapes: Their shapes as they are read (after views), without the batch dimension.
        output_shape: Shape of the output tensor, without the batch dimension.
        weight_elements: Elements of the quantized weight that it reads, 0 without one.
        weight_channels: Output channels of that weight; each has its own scale.
        weight_owner: Layer that stores the weight: itself, or the first use of a shared one.
        fixed_elements: Owned parameters that stay at 32 bits (bias, norm scale, scales of a table).
        gemms: Matrix multiplications of the layer, empty for layers that have none.
        operators: ATen names fused into it, in order.
        kernel, stride, padding: Per spatial dimension, empty where they mean nothing.
        groups: Groups of a convolution.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    weight_elements: int = 0
    weight_channels: int = 0
    weight_owner: str = ""
    fixed_elements: int = 0
    gemms: tuple[Gemm, ...] = ()
    operators: tuple[str, ...] = ()
    kernel: Shape = ()
    stride: Shape = ()
    padding: Shape = ()
    groups: int = 1

    @property
    def output_elements(self) -> int:
        """Elements of the output tensor for one sample."""
        return math.prod(self.output_shape)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one sample."""
        return sum(gemm.macs for gemm in self.gemms)

    @property
    def owner(self) -> str:
        """Layer whose weight it reads: itself, or the first use of a shared one."""
        return self.weight_owner or self.name

    @property
    def owns_weight(self) -> bool:
        """Whether its weight is stored with it, and not with an earlier layer that shares it."""
        return self.weight_elements > 0 and self.weight_owner in ("", self.name)
