"""Write ``.cfg`` files of Darknet layer by layer; layers are named by their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

Pairs = Sequence[tuple[float, float]]


class CfgWriter:
    """The text of a ``.cfg`` file, in the making.

    Attributes:
        layers: Number of layers until now.
        activation: Activation of the convolutions that name none.

    Args:
        side: Height and width of the input, pixels.
        activation: See above.
        channels: Channels of the input.
    """

    def __init__(self, side: int, activation: str = "leaky", channels: int = 3) -> None:
        self.layers = 0
        self.activation = activation
        self._lines = ["[net]", f"width={side}", f"height={side}", f"channels={channels}"]

    @property
    def text(self) -> str:
        """The file."""
        return "\n".join(self._lines) + "\n"

    @property
    def last(self) -> int:
        """Number of the last layer."""
        return self.layers - 1

    def add(self, kind: str, **options: object) -> int:
        """Add a section, and return its number."""
        self._lines += ["", f"[{kind}]", *(f"{key}={value}" for key, value in options.items())]
        self.layers += 1
        return self.last

    def conv(
        self,
        filters: int,
        size: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: str | None = None,
        *,
        norm: bool = True,
    ) -> int:
        """Add a padded convolution, with batch normalization unless ``norm`` is off."""
        options: dict[str, object] = {"batch_normalize": 1} if norm else {}
        options |= {"filters": filters, "size": size, "stride": stride, "pad": 1}
        options |= {"groups": groups} if groups > 1 else {}
        return self.add("convolutional", **options, activation=activation or self.activation)

    def plain(self, filters: int, activation: str = "linear") -> int:
        """Add a convolution of one pixel with biases and without batch normalization."""
        return self.conv(filters, activation=activation, norm=False)

    def pool(self, size: int = 2, stride: int = 2) -> int:
        """Add a maximum pooling."""
        return self.add("maxpool", size=size, stride=stride)

    def up(self) -> int:
        """Add an upsampling to twice the size."""
        return self.add("upsample", stride=2)

    def route(self, *layers: int, half: int | None = None) -> int:
        """Concatenate layers, given by number, or take one half of the channels of one."""
        listed = ",".join(map(str, layers))
        if half is None:
            return self.add("route", layers=listed)
        return self.add("route", layers=listed, groups=2, group_id=half)

    def plus(self, layer: int, activation: str = "linear") -> int:
        """Add the output of an earlier layer to that of the last one."""
        return self.add("shortcut", **{"from": layer}, activation=activation)

    @contextmanager
    def activated(self, name: str) -> Iterator[None]:
        """Let convolutions in the block have another activation."""
        before, self.activation = self.activation, name
        yield
        self.activation = before

    def head(
        self,
        mask: Sequence[int],
        anchors: Pairs,
        classes: int = 80,
        kind: str = "yolo",
        activation: str = "linear",
        **options: object,
    ) -> int:
        """Add the convolution that a head reads, and the head."""
        numbers = 9 if kind == "Gaussian_yolo" else 5
        self.plain(len(mask) * (numbers + classes), activation)
        return self.add(
            kind,
            mask=",".join(map(str, mask)),
            anchors=",".join(f"{width},{height}" for width, height in anchors),
            classes=classes,
            num=len(anchors),
            **options,
        )


def three(scale: int) -> tuple[int, int, int]:
    """Numbers of the three anchors of a scale, 0 the finest."""
    return (3 * scale, 3 * scale + 1, 3 * scale + 2)


def classify(net: CfgWriter, classes: int = 1000) -> str:
    """Add what most classifiers end with: mean of all pixels, one number per class, softmax."""
    net.add("avgpool")
    net.plain(classes)
    net.add("softmax")
    return net.text
