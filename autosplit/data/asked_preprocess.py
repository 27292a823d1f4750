"""The preparation of pictures as a person asks for it, in words, and as plain data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from autosplit.data.preprocess import ImageToInput, Letterbox, Preprocess
from autosplit.errors import OptionError


@dataclass(frozen=True, slots=True)
class AskedPreprocess:
    """What a person says of the preparation of pictures; None where nothing is said.

    Attributes:
        mean: Mean of each channel, or one for all.
        std: Standard deviation likewise.
        resize: Size of the shorter side, pixels.
        crop: Height and width that are kept, pixels.
        interpolation: A name of ``INTERPOLATIONS``.
        channels: A name of ``CHANNELS``.
        preprocess: One of ``STYLES``: how a whole picture becomes the input of a detector.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: int | None = None
    crop: int | None = None
    interpolation: str | None = None
    channels: str | None = None
    preprocess: str | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """Names of what is said."""
        return tuple(name for name in self.__slots__ if getattr(self, name) is not None)


def adjusted(prepare: ImageToInput, asked: AskedPreprocess, name: str) -> ImageToInput:
    """Change a preparation as asked for.

    Args:
        prepare: The preparation that belongs to the network.
        asked: What the person says.
        name: Name of the network.

    Raises:
        OptionError: The network's pictures are not prepared so, or a value does not fit the
            channels or the size of its input.
    """
    if asked.preprocess is not None:
        prepare = _whole(prepare, asked.preprocess)
        asked = replace(asked, preprocess=None)
    if not asked.given:
        return prepare
    whole = isinstance(prepare, Letterbox)
    outside = [one for one in asked.given if not whole or one not in _OF_WHOLE]
    if not isinstance(prepare, Preprocess) and outside:
        flags = ", ".join(f"--{one}" for one in outside)
        kind = "whole pictures" if whole else "no pictures"
        raise OptionError(f"{flags}: must be left out, {name} takes {kind}")
    prepare = _normalized(prepare, asked, name)
    if not isinstance(prepare, Preprocess):
        return prepare
    crop = prepare.crop
    if asked.crop is not None and (asked.crop,) * 2 != crop:
        raise OptionError(
            f"--crop: must be the size of the input of {name}, {crop[0]}x{crop[1]}, got "
            f"{asked.crop}; --input-size changes the input of a network that leaves it open"
        )
    resize = prepare.resize if asked.resize is None else (asked.resize,) * 2
    if resize[0] < crop[0] or resize[1] < crop[1]:
        raise OptionError(
            f"--resize: must be at least the size of the input, {crop[0]}x{crop[1]}, got "
            f"{asked.resize}"
        )
    method = prepare.interpolation
    if asked.interpolation is not None:
        method = INTERPOLATIONS[asked.interpolation]
    return replace(prepare, resize=resize, interpolation=method)


def _normalized(prepare: ImageToInput, asked: AskedPreprocess, name: str) -> ImageToInput:
    """A preparation with the channels, means and deviations asked for."""
    if not isinstance(prepare, Preprocess | Letterbox):
        return prepare
    channels = asked.channels or _channels(prepare)
    count = len(prepare.mean)
    if CHANNELS[channels] != count:
        raise OptionError(
            f"--channels: must be those of {name}, which takes {count}, got {channels}"
        )
    mean = _each_channel("mean", asked.mean, prepare.mean)
    std = _each_channel("std", asked.std, prepare.std)
    if min(std) <= 0:
        raise OptionError(f"--std: must be above 0, got {min(std):g}")
    return replace(prepare, mean=mean, std=std, bgr=channels == "bgr")


def _channels(prepare: Preprocess | Letterbox) -> str:
    return "bgr" if prepare.bgr else "gray" if len(prepare.mean) == 1 else "rgb"


def _whole(prepare: ImageToInput, style: str) -> ImageToInput:
    """A preparation that shows the network the whole picture, in all as the style has it."""
    if isinstance(prepare, Letterbox):
        return Letterbox(prepare.size, style, prepare.channels)
    if isinstance(prepare, Preprocess):
        return Letterbox(prepare.crop, style, len(prepare.mean))
    raise OptionError("--preprocess: must be left out, the network takes no pictures")


def _each_channel(
    name: str, asked: tuple[float, ...] | None, own: tuple[float, ...]
) -> tuple[float, ...]:
    if asked is None:
        return own
    if len(asked) == 1:
        return asked * len(own)
    if len(asked) != len(own):
        raise OptionError(f"--{name}: must be 1 or {len(own)} numbers, got {len(asked)}")
    return asked


def described(prepare: ImageToInput) -> str:
    """Say in words how pictures become the network's input."""
    if not isinstance(prepare, Preprocess | Letterbox):
        return "no pictures"
    channels = {"gray": "grey", "rgb": "RGB", "bgr": "BGR"}[_channels(prepare)]
    numbers = [", ".join(f"{one:.4g}" for one in part) for part in (prepare.mean, prepare.std)]
    scale = f"mean {numbers[0]}, std {numbers[1]}"
    as_they_are = set(prepare.mean) == {0.0}
    if as_they_are and set(prepare.std) == {1.0}:
        scale = "in 0..1" if isinstance(prepare, Letterbox) else "in 0..1, not normalized"
    elif as_they_are and set(prepare.std) == {1 / 255}:
        scale = "in 0..255"
    if isinstance(prepare, Letterbox):
        comma = " " if scale.startswith("in") else ", "
        return f"{_WHOLE[prepare.style].format(_size(prepare.size))}, {channels}{comma}{scale}"
    resized = f"resized to {_size(prepare.resize)} ({prepare.interpolation.name.lower()})"
    return f"{channels} pictures {resized}, cropped to {_size(prepare.crop)}, {scale}"


def prepared_numbers(prepare: ImageToInput) -> dict[str, Any]:
    """Return a preparation as plain data, as files keep it; empty where it is another one."""
    if not isinstance(prepare, Preprocess | Letterbox):
        return {}
    normal = {
        "mean": list(prepare.mean),
        "std": list(prepare.std),
        "channels": _channels(prepare),
    }
    if isinstance(prepare, Letterbox):
        return {"whole": prepare.style, **normal}
    return {
        "resize": list(prepare.resize),
        "crop": list(prepare.crop),
        "interpolation": prepare.interpolation.name.lower(),
        **normal,
    }


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


_WHOLE = {
    "darknet": "whole pictures on grey, {} (--preprocess darknet)",
    "alexeyab": "whole pictures stretched to {} (--preprocess alexeyab)",
    "ultralytics": "whole pictures on grey 114, {} (--preprocess ultralytics)",
    "yolox": "whole pictures on grey 114 at the right and below, {} (--preprocess yolox)",
}
"""Style of a letterbox -> its description."""
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Name of a way to resize pictures -> Pillow's."""
CHANNELS = {"gray": 1, "rgb": 3, "bgr": 3}
"""Name of an order of channels -> their number."""
_OF_WHOLE = ("mean", "std", "channels")
"""What a person may say of whole pictures beside their style."""
