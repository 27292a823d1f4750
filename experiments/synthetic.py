"""Synthetic networks for the search: chains and branching graphs of any number of layers.

The shapes are those of networks for pictures: three stages, each with half the height and width and
twice the channels of the one before.  Distortions are drawn with a seed and fall by about four a
bit, as those of the metric ``mse`` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer, Shape
from autosplit.grid.grid import WIDTHS
from autosplit.stats.stats import Distortion, Role

PIXELS = 56
CHANNELS = 32


@dataclass
class _Builder:
    """A graph that grows layer by layer; ``stage`` sets the shape of what is added next."""

    count: int
    layers: list[Layer] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=lambda: {"x": (3, 4 * PIXELS, 4 * PIXELS)})

    @property
    def left(self) -> int:
        return self.count - len(self.layers)

    @property
    def pixels(self) -> int:
        return max(7, PIXELS >> (3 * len(self.layers) // self.count))

    @property
    def channels(self) -> int:
        return CHANNELS << (3 * len(self.layers) // self.count)

    def conv(self, reads: str, channels: int | None = None, pixels: int | None = None) -> str:
        """A 3x3 convolution with a bias and a ReLU."""
        filters, side = channels or self.channels, pixels or self.pixels
        size = 9 * self.shapes[reads][0]
        gemm = Gemm(side * side, size, filters)
        return self._add("conv", (reads,), (filters, side, side), (size * filters, filters), gemm)

    def join(self, kind: str, *reads: str) -> str:
        """The sum or the concatenation of some tensors of one height and width."""
        shapes = [self.shapes[one] for one in reads]
        channels = shapes[0][0] if kind == "add" else sum(shape[0] for shape in shapes)
        return self._add(kind, reads, (channels, *shapes[0][1:]))

    def resize(self, kind: str, reads: str, pixels: int) -> str:
        """A pooling or an enlargement."""
        return self._add(kind, (reads,), (self.shapes[reads][0], pixels, pixels))

    def _add(
        self,
        kind: str,
        reads: tuple[str, ...],
        shape: Shape,
        stored: tuple[int, int] = (0, 0),
        *gemms: Gemm,
    ) -> str:
        name = f"l{len(self.layers):04d}"
        self.layers.append(
            Layer(
                name,
                kind,
                reads,
                tuple(self.shapes[one] for one in reads),
                shape,
                weight_elements=stored[0],
                weight_channels=stored[1],
                weight_owner=name if stored[0] else "",
                fixed_elements=stored[1],
                gemms=gemms,
            )
        )
        self.shapes[name] = shape
        return name


def chain(build: _Builder, last: str) -> None:
    """Convolutions one after the other."""
    while build.left:
        last = build.conv(last)


def residual(build: _Builder, last: str) -> None:
    """Blocks of two convolutions around which the block's input is added, as in ResNet."""
    while build.left >= 4:
        shape = build.channels, build.pixels
        skip = last if build.shapes[last] == (shape[0], shape[1], shape[1]) else ""
        inner = build.conv(build.conv(last, *shape), *shape)
        last = build.join("add", inner, skip or build.conv(last, *shape))
    chain(build, last)


def inception(build: _Builder, last: str) -> None:
    """Blocks of four branches of one to three convolutions, concatenated, as in GoogLeNet."""
    while build.left >= 9:
        quarter, side = max(1, build.channels // 4), build.pixels
        ends = [build.conv(last, quarter, side) for _ in range(4)]
        ends[1] = build.conv(ends[1], quarter, side)
        ends[2] = build.conv(build.conv(ends[2], quarter, side), quarter, side)
        last = build.join("cat", *ends)
    chain(build, last)


def unet(build: _Builder, last: str) -> None:
    """Convolutions down to a small picture and up again, with a skip at each of four sizes."""
    levels = 4
    each = max(1, (build.count - 2 * levels - levels) // (2 * levels + 1))
    skips = []
    side, channels = 2 * PIXELS, CHANNELS
    last = build.conv(last, channels, side)
    for _ in range(levels):
        for _ in range(each):
            last = build.conv(last, channels, side)
        skips.append((last, channels, side))
        side, channels = side // 2, 2 * channels
        last = build.resize("max_pool", last, side)
    while build.left > levels * (each + 2):
        last = build.conv(last, channels, side)
    for skip, channels, side in reversed(skips):
        last = build.join("cat", build.resize("upsample", last, side), skip)
        for _ in range(each):
            last = build.conv(last, channels, side)


def dense(build: _Builder, last: str) -> None:
    """Blocks of layers that each read all before it in the block, as in DenseNet."""
    while build.left >= 4:
        growth, side = max(1, build.channels // 2), build.pixels
        last = build.conv(last, 2 * growth, side)
        block = [last]
        for _ in range(min(12, (build.left - 1) // 2)):
            last = build.join("cat", *block) if len(block) > 1 else last
            block.append(build.conv(last, growth, side))
        last = build.join("cat", *block)
    chain(build, last)


KINDS: dict[str, Callable[[_Builder, str], None]] = {
    "chain": chain,
    "residual": residual,
    "inception": inception,
    "unet": unet,
    "dense": dense,
}


def network(kind: str, layers: int) -> Graph:
    """A synthetic network of a kind from ``KINDS``, of this many layers."""
    build = _Builder(layers)
    KINDS[kind](build, build.conv("x"))
    assert len(build.layers) == layers, (kind, len(build.layers))
    return Graph(f"{kind}-{layers}", {"x": build.shapes["x"]}, tuple(build.layers),
                 (build.layers[-1].name,))  # fmt: skip


def drawn_distortions(
    graph: Graph, seed: int, input_bits: int = 8
) -> Mapping[tuple[str, Role, int], Distortion]:
    """Distortions of every tensor at every width, drawn with a seed."""
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, Role, int], Distortion] = {}
    for name in graph.inputs:
        found[name, "activation", input_bits] = Distortion(0.0, 1e-6)
    for layer in graph.layers:
        roles: tuple[Role, ...] = ("activation", "weight") if layer.owns_weight else ("activation",)
        for role in roles:
            size = float(np.exp(rng.normal()))
            for bits in WIDTHS:
                value = size * 4.0**-bits * float(np.exp(0.2 * rng.normal()))
                found[layer.name, role, bits] = Distortion(0.0, value)
    return found
