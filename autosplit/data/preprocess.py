"""An image -> the tensor a network takes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from autosplit.data.bilinear import letterbox_place
from autosplit.data.picture_input import crop_picture, letterbox_picture
from autosplit.errors import ModelError

ImageToInput = Callable[[Image.Image], Tensor]
"""Makes a network input, float32 of shape (C, H, W), of an image."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Images are resized to 256 and cropped to 224 by the networks of ImageNet.
CROP_SHARE = 224 / 256
# Only photos are cropped; small images show their object in full already.
SMALLEST_PHOTO = 128


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Make a network input of an image: resize, crop the centre, normalize.

    The result equals torchvision's ``Resize``, ``CenterCrop``, ``ToTensor`` and ``Normalize``.

    Attributes:
        resize: Height and width, pixels; the image is resized so that it just covers them.
        crop: Height and width of the network input, pixels; at most ``resize``.
        mean: Mean of each channel, for pixels in 0..1; one number makes the image grayscale, three
            make it RGB.
        std: Standard deviation of each channel, likewise.
        interpolation: Method of resizing.
        bgr: Whether channels are blue, green, red, and not red, green, blue.
    """

    resize: tuple[int, int]
    crop: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Image.Resampling = Image.Resampling.BILINEAR
    bgr: bool = False

    def __call__(self, image: Image.Image) -> Tensor:
        """Return the network input, float32 of shape (C, H, W)."""
        normal = self.mean, self.std
        planes = crop_picture(
            image, self.resize, self.crop, normal, self.interpolation, bgr=self.bgr
        )
        return torch.from_numpy(planes)


WHOLE_PICTURES = "a detector must see whole pictures, say with --preprocess how they are resized"
"""What is the matter with a detector whose pictures are cropped."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Make a detector's input of an image: the whole image, perhaps on grey, then normalized.

    ============== ============= ============================ ==================================
    style          shape         border                       resizing, bilinear, no antialiasing
    ============== ============= ============================ ==================================
    ``darknet``    kept          0.5 (``letterbox_image``)    corners stay (``resize_image``)
    ``alexeyab``   stretched     none                         corners stay (``resize_image``)
    ``ultralytics``  kept        114 / 255 (``LetterBox``)    centres of pixels, to whole numbers
    ``yolox``      kept          114 / 255, right and below   centres of pixels, to whole numbers
    ============== ============= ============================ ==================================

    The input is red, green and blue in 0..1, but of ``yolox`` blue, green and red in 0..255.

    Attributes:
        size: height and width of the network input, pixels.
        style: One of ``STYLES``.
        channels: 3 for colours, 1 for grey.
        mean: Mean of each channel as in ``Preprocess``; empty: 0.
        std: Standard deviation of each channel as in ``Preprocess``; empty: that of the style.
        bgr: Whether channels are blue, green, red; None: as the style has them.
    """

    size: tuple[int, int]
    style: str = "darknet"
    channels: int = 3
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    bgr: bool | None = None

    def __post_init__(self) -> None:
        """Say of what is left open what the style says."""
        bytes_in_blue_first = self.style == "yolox"
        deviation = 1 / 255 if bytes_in_blue_first else 1.0
        order = self.bgr if self.bgr is not None else bytes_in_blue_first and self.channels == 3
        object.__setattr__(self, "mean", self.mean or (0.0,) * self.channels)
        object.__setattr__(self, "std", self.std or (deviation,) * self.channels)
        object.__setattr__(self, "bgr", order)

    def __call__(self, image: Image.Image) -> Tensor:
        """Return the network input, float32 of shape (channels, H, W)."""
        normal = self.mean, self.std
        planes = letterbox_picture(image, self.size, self.style, normal, bgr=bool(self.bgr))
        return torch.from_numpy(planes)

    def place(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return left, top, width and height that an image of this size takes in the input."""
        return letterbox_place(self.size, self.style, width, height)

    def back(self, boxes: Tensor, width: int, height: int) -> Tensor:
        """Move boxes from the input to the image.

        Args:
            boxes: Left, top, right and bottom in pixels of the input, shape (n, 4).
            width: Width of the image, pixels.
            height: Height of the image, pixels.

        Returns:
            The boxes in pixels of the image, clipped to it, shape (n, 4).
        """
        left, top, new_width, new_height = self.place(width, height)
        shift = torch.tensor([left, top, left, top])
        scale = torch.tensor([width / new_width, height / new_height] * 2)
        limit = torch.tensor([width, height] * 2, dtype=boxes.dtype)
        return torch.minimum(((boxes - shift) * scale).clamp_min(0), limit)


STYLES = ("darknet", "alexeyab", "ultralytics", "yolox")
"""How a picture becomes the input of a detector; ``Letterbox`` says what each does."""


@dataclass(frozen=True, slots=True)
class NoImages:
    """Preparation of a network that takes no images; it refuses every image."""

    shape: tuple[int, ...]

    def __call__(self, image: Image.Image) -> Tensor:  # noqa: ARG002 - one signature
        """Refuse.

        Raises:
            ModelError: Always.
        """
        raise ModelError(
            f"model: must take images (1, 1 or 3, H, W), takes {self.shape}, "
            "give its data as path/to/file.py:function"
        )


def value_range(prepare: Preprocess | Letterbox) -> tuple[float, float]:
    """Return the least and the greatest value that an image can have when it is prepared.

    >>> value_range(Letterbox((8, 8)))
    (0.0, 1.0)
    """
    pairs = list(zip(prepare.mean, prepare.std, strict=True))
    return min((0 - mean) / std for mean, std in pairs), max((1 - m) / s for m, s in pairs)


def preprocess_for(shape: tuple[int, ...]) -> ImageToInput:
    """Return the preparation for a network of which only the shape of the input is known.

    Pixels stay in 0..1: what a network was trained on is known to its author alone.
    """
    if len(shape) != 4 or shape[1] not in {1, 3}:
        return NoImages(shape)
    size = (shape[2], shape[3])
    resize = photo_preprocess(size).resize if shape[1] == 3 else size
    return Preprocess(resize, size, (0.0,) * shape[1], (1.0,) * shape[1])


def photo_preprocess(size: tuple[int, int]) -> Preprocess:
    """Return the preparation usual for ImageNet."""
    resize = size
    if min(size) >= SMALLEST_PHOTO:
        resize = (round(size[0] / CROP_SHARE), round(size[1] / CROP_SHARE))
    return Preprocess(resize, size, IMAGENET_MEAN, IMAGENET_STD)
