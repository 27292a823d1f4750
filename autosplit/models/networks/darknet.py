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
from autosplit.models.networks.darknet_cfg import Problems, read_darknet_text, read_sections
from autosplit.models.networks.darknet_heads import build_head, check_head
from autosplit.models.networks.darknet_layers import BUILDERS, Convolutional, usual_shape
from autosplit.models.networks.darknet_options import HEADS, NO_SHAPE
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
        sections: Sections of the file, ``[net]`` first.
        reads: Numbers of the layers that each layer reads, -1 for the input.

    Args:
        sections: Sections of a file, as ``read_sections`` returns them.
        problems: What is known to be the matter with them.
        input_size: Height and width of the input, pixels; those of the file when None.

    Raises:
        ModelError: Sections cannot be carried out; says which and why, of all of them, and the
            problems that were known.
    """

    def __init__(
        self, sections: Sequence[Section], problems: Problems, input_size: int | None = None
    ) -> None:
        super().__init__()
        self.sections = tuple(sections)
        net, *layers = (_with_known_activation(section, problems) for section in sections)
        shape = _input_shape(net, problems, input_size)
        known = [_reads(section, problems) for section in layers]
        self.reads = [() if reads is None else reads for reads in known]
        self.stride = 1
        if None not in known and not any(_hides_stride(section) for section in layers):
            self.stride = _total_stride(layers, self.reads)
            shape = _whole_strides(net, layers, shape, self.stride, problems)
        self.letter_box = False
        with problems.collecting():
            self.letter_box = bool(net.integer("letter_box", 0))
        self._build(layers, shape, known, problems)
        self._outputs: list[int] = [head.layer for head in self.heads] or [len(layers) - 1]
        self._last_reads = self._count_reads()
        self._calm(layers)

    def _build(
        self,
        layers: Sequence[Section],
        input_shape: FeatureShape | None,
        reads: Sequence[tuple[int, ...] | None],
        problems: Problems,
    ) -> None:
        """Make every layer, and tell all problems at once.

        A layer that reads an output of which the shape is not known is left out.
        """
        shapes: list[FeatureShape | None] = []
        heads: list[YoloHead] = []
        for section, read in zip(layers, reads, strict=True):
            shapes.append(None)
            inputs = [input_shape if i < 0 else shapes[i] for i in read or ()]
            known = [shape for shape in inputs if shape is not None]
            if section.kind in HEADS and not (known and section.wrong <= NO_SHAPE):
                with problems.collecting():
                    check_head(section)
            if not known or len(known) < len(inputs) or section.kind not in BUILDERS:
                continue
            shapes[-1] = usual_shape(section, known)
            if section.wrong <= NO_SHAPE:
                with problems.collecting():
                    shapes[-1] = self._add(section, known)
                    if section.kind in HEADS and input_shape is not None:
                        heads.append(build_head(section, known[0], input_shape))
        problems.check()
        self.input_shape = input_shape or (0, 0, 0)
        self.shapes = [shape for shape in shapes if shape is not None]
        self.heads: tuple[YoloHead, ...] = tuple(heads)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Map images (N, C, H, W), RGB in 0..1, to the maps that the yolo sections read.

        Returns:
            One map (N, anchors * (5 + classes), H / stride, W / stride) per head; without heads
            the last output, (N, C) if it is one pixel large.
        """
        values = {-1: images}
        for i, reads in enumerate(self.reads):
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
        for i, reads in enumerate(self.reads):
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


def build_darknet(
    text: str, name: str = "cfg", input_size: int | None = None, *, pictures: bool = False
) -> Darknet:
    """Make the network of a ``.cfg`` file's text.

    Args:
        text: The text.
        name: Name of the file in errors.
        input_size: Height and width of the input, pixels; those of the file when None.
        pictures: Whether the input must be pictures, RGB or grey.

    Raises:
        ModelError: It cannot be carried out.
    """
    problems = Problems(name)
    sections = read_sections(text, problems)
    channels = sections[0].options.get("channels", "3").strip()
    if pictures and channels.isdecimal() and int(channels) not in (1, 3):
        what = f"channels must be 3, RGB, or 1, grey, got {channels}"
        problems.add(str(sections[0].error(what, "channels")))
    return Darknet(sections, problems, input_size)


def _with_known_activation(section: Section, problems: Problems) -> Section:
    """The section, without its activation if there is none of that name."""
    found = len(problems.found)
    with problems.collecting():
        activation_of(section, "linear")
    return section if len(problems.found) == found else section.without("activation")


def _input_shape(net: Section, problems: Problems, input_size: int | None) -> FeatureShape | None:
    """Shape of the input, or None if the file does not say it."""
    if not input_size and not {"height", "width"} & net.options.keys():
        problems.add(str(net.error("must have the options 'height' and 'width'")))
        return None
    found: list[int] = []
    with problems.collecting():
        found.append(net.integer("channels", 3, 1))
    for key in ("height", "width"):
        with problems.collecting():
            side = input_size or net.integer(key, None, 1)
            if side > MOST_PIXELS:
                raise net.error(f"{key} must be at most {MOST_PIXELS:,} pixels, got {side:,}", key)
            found.append(side)
    return (found[0], found[1], found[2]) if len(found) == 3 else None


def _hides_stride(section: Section) -> bool:
    """Whether it cannot be known how many pixels a layer steps by."""
    wrong = section.wrong & {"stride", "stride_x", "stride_y"}
    return bool(wrong) or section.kind not in BUILDERS


def _whole_strides(
    net: Section,
    layers: Sequence[Section],
    shape: FeatureShape | None,
    stride: int,
    problems: Problems,
) -> FeatureShape | None:
    """The shape of the input, or None if maps of different strides would not fit together."""
    found = len(problems.found)
    if shape and any(section.kind == "yolo" for section in layers):
        for side in shape[1:]:
            if side % stride:
                text = f"input size must be a multiple of {stride}, got {side}"
                problems.add(str(net.error(text)))
    return shape if len(problems.found) == found else None


def _reads(section: Section, problems: Problems) -> tuple[int, ...] | None:
    """Numbers of the layers that a layer reads, -1 for the network's input; None if unknown."""
    before = section.number - 1
    key = _SOURCES.get(section.kind)
    if key is None:
        return (before,)
    found: tuple[int, ...] | None = None
    with problems.collecting():
        if key not in section.wrong:
            found = _earlier(section, key)
            if len(found) > 1 and section.kind in ("scale_channels", "sam"):
                raise section.error(f"from must name one layer, got {len(found)}", key)
            found = found if section.kind == "route" else (before, *found)
    return found


_SOURCES = {"route": "layers", "shortcut": "from", "scale_channels": "from", "sam": "from"}
"""Kind of section -> the option that names the earlier layers which it reads."""


def _earlier(section: Section, key: str) -> tuple[int, ...]:
    """Numbers of the layers that an option names; negative ones count back from the layer."""
    found = section.integers(key)
    absolute = tuple(i + section.number if i < 0 else i for i in found)
    wrong = [
        f"{written}, which is before the first layer" if i < 0 else str(written)
        for written, i in zip(found, absolute, strict=True)
        if not 0 <= i < section.number
    ]
    if wrong:
        text = f"{key} must name earlier layers, 0 to {section.number - 1}"
        raise section.error(f"{text}, got {' and '.join(wrong)}", key)
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
