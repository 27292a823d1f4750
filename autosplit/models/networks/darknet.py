"""Darknet's sections -> a plain module whose submodules are named by the file's layer numbers.

The outputs are the raw feature maps that the yolo sections read, in the order of the file, or the
last layer's where there is none; ``yolo_decode`` makes boxes of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from autosplit.graph.graphfile import by_x
from autosplit.models.networks.darknet_cfg import Section, parse_cfg, read_darknet_text
from autosplit.models.networks.darknet_layers import BUILDERS, Convolutional, FeatureShape
from autosplit.models.networks.yolo_decode import YoloHead


class Darknet(nn.Module):
    """A network of a ``.cfg`` file with random weights.

    Attributes:
        heads: The yolo sections, in order, one for each output; empty without yolo sections.
        shapes: Channels, height and width of every layer's output at the input size given.
        stride: Height and width of the input must be multiples of it.

    Args:
        sections: Sections of a file, as ``parse_cfg`` returns them.
        input_size: Height and width of the input, pixels; those of the file when None.

    Raises:
        ModelError: A section cannot be carried out; says which and why.
    """

    def __init__(self, sections: Sequence[Section], input_size: int | None = None) -> None:
        super().__init__()
        net, *layers = sections
        sides = [input_size or net.integer(key, None, 1) for key in ("height", "width")]
        self._reads: list[tuple[int, ...]] = [_reads(section) for section in layers]
        self.stride = _total_stride(layers, self._reads)
        if any(section.kind == "yolo" for section in layers):
            for side in sides:
                if side % self.stride:
                    raise net.error(f"input size must be a multiple of {self.stride}, got {side}")
        self.input_shape: FeatureShape = (net.integer("channels", 3, 1), sides[0], sides[1])
        self.shapes: list[FeatureShape] = []
        for section in layers:
            self._add(section)
        self.heads: tuple[YoloHead, ...] = tuple(
            _head(section, self.shapes[section.number])
            for section in layers
            if section.kind == "yolo"
        )
        self._outputs: list[int] = [head.layer for head in self.heads] or [len(layers) - 1]
        self._last_reads = self._count_reads()
        self._calm(layers)

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

    def _add(self, section: Section) -> None:
        """Add a layer: its module and its shape."""
        inputs = [self._shape(i) for i in self._reads[section.number]]
        module, shape = BUILDERS[section.kind](section, inputs)
        if min(shape) < 1:
            raise section.error(f"must leave at least one pixel, got {by_x(shape)}")
        self.add_module(str(section.number), module)
        self.shapes.append(shape)

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

    def _shape(self, layer: int) -> FeatureShape:
        return self.input_shape if layer < 0 else self.shapes[layer]

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


def _reads(section: Section) -> tuple[int, ...]:
    """Numbers of the layers that a layer reads, -1 for the network's input."""
    before = section.number - 1
    if section.kind == "route":
        return _earlier(section, "layers")
    if section.kind == "shortcut":
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
                f"got {written}" + (f", which is layer {i}" if written != i else "")
            )
    if not found:
        raise section.error(f"{key} must name a layer, names none")
    return absolute


def _total_stride(layers: Sequence[Section], reads: Sequence[tuple[int, ...]]) -> int:
    """Pixels of the input that the coarsest layer steps by."""
    strides: dict[int, int] = {-1: 1}
    for section in layers:
        stride = max(strides[i] for i in reads[section.number])
        if section.kind in ("convolutional", "maxpool"):
            stride *= section.integer("stride", 1, 1)
        elif section.kind == "upsample":
            stride = max(1, stride // section.integer("stride", 2, 1))
        strides[section.number] = stride
    return max(strides.values())


def _head(section: Section, shape: FeatureShape) -> YoloHead:
    """Anchors and classes of a yolo section that reads ``shape``."""
    sides = section.numbers("anchors")
    if len(sides) % 2 or len(sides) < 2 or min(sides) <= 0:
        raise section.error(f"anchors must be pairs of pixels, got {len(sides)} numbers")
    pairs = list(zip(sides[::2], sides[1::2], strict=True))
    mask = section.integers("mask", tuple(range(len(pairs))))
    if not mask or not all(0 <= i < len(pairs) for i in mask):
        raise section.error(f"mask must be anchors 0 to {len(pairs) - 1}, got {mask}")
    (stretch,) = section.numbers("scale_x_y", (1.0,))[:1] or (0.0,)
    if not stretch > 0:
        raise section.error(f"scale_x_y must be above 0, got {stretch}")
    classes = section.integer("classes", 20, 1)
    head = YoloHead(section.number, tuple(pairs[i] for i in mask), classes, stretch)
    if shape[0] != head.channels:
        raise section.error(
            f"must read {head.channels} channels, {len(mask)} anchors of 5 + {classes}, "
            f"got {shape[0]} from layer {section.number - 1}"
        )
    return head
