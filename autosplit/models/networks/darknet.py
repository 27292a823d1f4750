"""Darknet's sections -> a plain module whose submodules are named by the file's layer numbers.

The outputs are the raw feature maps that the yolo sections read, in the order of the file, or the
last layer's where there is none; ``yolo_decode`` makes boxes of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from autosplit.graph.graphfile import by_x
from autosplit.models.networks.darknet_activations import activation_of
from autosplit.models.networks.darknet_cfg import Problems, parse_cfg, read_darknet_text
from autosplit.models.networks.darknet_heads import build_head
from autosplit.models.networks.darknet_layers import BUILDERS, Convolutional
from autosplit.models.networks.darknet_options import HEADS
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_shape import FeatureShape, strides_of
from autosplit.models.networks.yolo_heads import YoloHead

MOST_PIXELS = 1 << 14
"""Largest height and width of an input, pixels."""
MOST_NUMBERS = 1 << 29
"""Most weights, or outputs for one picture, of a layer: 2 GiB."""


class Darknet(nn.Module):
    """A network of a ``.cfg`` file with random weights.

    Attributes:
        heads: How each output is read as boxes, in order; empty where no section says so.
        input_shape: Channels, height and width of the input.
        letter_box: Whether the file says that pictures keep their shape in the input.
        shapes: Channels, height and width of every layer's output at the network's input size.
        stride: Height and width of the input must be multiples of it.

    Args:
        sections: Sections of a file, as ``parse_cfg`` returns them.
        input_size: Height and width of the input, pixels; those of the file when None.

    Raises:
        ModelError: Sections cannot be carried out; says which and why, of all of them.
    """

    def __init__(self, sections: Sequence[Section], input_size: int | None = None) -> None:
        super().__init__()
        net, *layers = sections
        problems = Problems(net.where.partition(":")[0])
        with problems.collecting():
            self.input_shape, self.letter_box = _input(net, input_size)
        self._reads: list[tuple[int, ...]] = []
        for section in layers:
            self._reads.append(())
            with problems.collecting():
                self._reads[-1] = _reads(section)
        problems.check()
        self.stride = _total_stride(layers, self._reads)
        _check_multiple(net, layers, self.input_shape, self.stride)
        self._build(layers, problems)
        self._outputs: list[int] = [head.layer for head in self.heads] or [len(layers) - 1]
        self._last_reads = self._count_reads()
        self._calm(layers)

    def _build(self, layers: Sequence[Section], problems: Problems) -> None:
        """Make every layer, and tell all problems at once.

        A layer that reads the output of a wrong layer is left out, but its activation is checked.
        """
        shapes: list[FeatureShape | None] = []
        heads: list[YoloHead] = []
        for section in layers:
            shapes.append(None)
            inputs = [self.input_shape if i < 0 else shapes[i] for i in self._reads[section.number]]
            known = [shape for shape in inputs if shape is not None]
            with problems.collecting():
                activation_of(section, "linear")
                if len(known) == len(inputs):
                    shapes[-1] = self._add(section, known)
                    if section.kind in HEADS:
                        heads.append(build_head(section, known[0], self.input_shape))
        problems.check()
        self.shapes = [shape for shape in shapes if shape is not None]
        self.heads: tuple[YoloHead, ...] = tuple(heads)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Map images (N, C, H, W), RGB in 0..1, to the maps that the yolo sections read.

        Returns:
            One map (N, anchors * (5 + classes), H / stride, W / stride) per head; without heads
            the last output, (N, C) if it is one pixel large.
        """
        values = {-1: images}
        for i, reads in enumerate(self._reads):
            values[i] = getattr(self, str(i))(*(values[j] for j in reads))
            for done in self._last_reads.get(i, ()):
                del values[done]
        outputs = tuple(values[i] for i in self._outputs)
        if self.heads:
            return outputs
        return outputs[0].flatten(1) if self.shapes[-1][1:] == (1, 1) else outputs[0]

    def _add(self, section: Section, inputs: Sequence[FeatureShape]) -> FeatureShape:
        """Add the module of a layer, and return the shape of its output."""
        with torch.device("meta"):  # takes no memory
            module, shape = BUILDERS[section.kind](section, inputs)
        if min(shape) < 1:
            raise section.error(f"must leave at least one pixel, got {by_x(shape)}")
        weights = sum(tensor.numel() for tensor in module.parameters())
        if max(weights, math.prod(shape)) > MOST_NUMBERS:
            raise section.error(
                f"must have at most {MOST_NUMBERS:,} weights and outputs, has {weights:,} and "
                f"{math.prod(shape):,}"
            )
        module, shape = BUILDERS[section.kind](section, inputs)
        self.add_module(str(section.number), module)
        return shape

    @torch.no_grad()
    def _calm(self, layers: Sequence[Section]) -> None:
        """Keep random weights from letting signals die or explode on the way.

        Weights are drawn as He et al. 2015 (arXiv 1502.01852); the branch that is added to a
        shortcut is scaled by a quarter.
        """
        for section in layers:
            module = getattr(self, str(section.number))
            if isinstance(module, Convolutional):
                nn.init.kaiming_normal_(module.weight, 0.1)
            before = getattr(self, str(section.number - 1), None)
            if section.kind == "shortcut" and isinstance(before, Convolutional) and before.norm:
                before.norm.weight.fill_(0.25)

    def _count_reads(self) -> dict[int, list[int]]:
        """Map each layer to the layers whose output no later layer reads."""
        last: dict[int, int] = {}
        for i, reads in enumerate(self._reads):
            last.update(dict.fromkeys(reads, i))
        done: dict[int, list[int]] = {}
        for layer, reader in last.items():
            if layer not in self._outputs:
                done.setdefault(reader, []).append(layer)
        return done


def load_darknet(path: Path, input_size: int | None = None) -> Darknet:
    """Make the network of a ``.cfg`` file.

    Raises:
        ModelError: The file cannot be read or carried out.
    """
    return build_darknet(read_darknet_text(path), str(path), input_size)


def build_darknet(text: str, name: str = "cfg", input_size: int | None = None) -> Darknet:
    """Make the network of a ``.cfg`` file's text.

    Raises:
        ModelError: It cannot be carried out.
    """
    return Darknet(parse_cfg(text, name), input_size)


def _input(net: Section, input_size: int | None) -> tuple[FeatureShape, bool]:
    """Shape of the input, and whether the file asks for a letterbox."""
    if not input_size and not {"height", "width"} & net.options.keys():
        raise net.error("must have the options 'height' and 'width'")
    sides = [input_size or net.integer(key, None, 1) for key in ("height", "width")]
    channels = net.integer("channels", 3, 1)
    for key, side in zip(("height", "width"), sides, strict=True):
        if side > MOST_PIXELS:
            raise net.error(f"{key} must be at most {MOST_PIXELS:,} pixels, got {side:,}", key)
    return (channels, sides[0], sides[1]), bool(net.integer("letter_box", 0))


def _check_multiple(
    net: Section, layers: Sequence[Section], shape: FeatureShape, stride: int
) -> None:
    if any(section.kind == "yolo" for section in layers):
        for side in shape[1:]:
            if side % stride:
                raise net.error(f"input size must be a multiple of {stride}, got {side}")


def _reads(section: Section) -> tuple[int, ...]:
    """Numbers of the layers that a layer reads, -1 for the network's input."""
    before = section.number - 1
    if section.kind == "route":
        return _earlier(section, "layers")
    if section.kind == "shortcut":
        return (before, *_earlier(section, "from"))
    if section.kind in ("scale_channels", "sam"):
        found = _earlier(section, "from")
        if len(found) > 1:
            raise section.error(f"from must name one layer, got {len(found)}")
        return (before, *found)
    return (before,)


def _earlier(section: Section, key: str) -> tuple[int, ...]:
    """Numbers of the layers that an option names; negative ones count back from the layer."""
    found = section.integers(key)
    absolute = tuple(i + section.number if i < 0 else i for i in found)
    for written, i in zip(found, absolute, strict=True):
        if not 0 <= i < section.number:
            raise section.error(
                f"{key} must name earlier layers, 0 to {section.number - 1}, "
                f"got {written}" + (f", which is layer {i}" if written != i else ""),
                key,
            )
    if not found:
        raise section.error(f"{key} must name a layer, names none", key)
    return absolute


def _total_stride(layers: Sequence[Section], reads: Sequence[tuple[int, ...]]) -> int:
    """Pixels of the input that the coarsest layer steps by."""
    strides: dict[int, int] = {-1: 1}
    for section in layers:
        stride = max(strides[i] for i in reads[section.number])
        if section.kind in ("convolutional", "depthwise", "maxpool", "reorg", "reorg3d"):
            stride *= max(strides_of(section))
        elif section.kind == "upsample":
            stride = max(1, stride // section.integer("stride", 2, 1))
        strides[section.number] = stride
    return max(strides.values())
