"""Pictures of a detector on the page: those that ``autosplit detect`` drew, made small."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from autosplit.errors import DataError, counted

WIDE, QUALITY = 880, 78
"""Most pixels of the width of a picture on the page, and its JPEG quality."""
PICTURE_BYTES = 400_000
"""Bytes of all pictures of a page at most, that it stays below 3 MB with 400 plans."""


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A picture on the page.

    Attributes:
        name: Name of its file, without the ending.
        jpeg: The picture as a JPEG file.
        width, height: Its pixels.
    """

    name: str
    jpeg: bytes
    width: int
    height: int


def read_pictures(folder: Path) -> tuple[PagePicture, ...]:
    """Pictures of a folder that ``autosplit detect --out`` wrote, small, by name.

    Raises:
        DataError: The folder has no picture, or a file is none.
    """
    paths = sorted(folder.glob("*.png"))
    if not paths:
        raise DataError(f"{folder}: must hold pictures (*.png) of autosplit detect --out, has none")
    return tuple(_small(path) for path in paths)


def _small(path: Path) -> PagePicture:
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{path}: must be a picture: {error}") from None
    picture.thumbnail((WIDE, 2 * WIDE))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=QUALITY, optimize=True)
    return PagePicture(path.stem, data.getvalue(), *picture.size)


def pictures_words(pictures: Sequence[PagePicture]) -> str:
    """The pictures with their names, as many as ``PICTURE_BYTES`` hold; the others are counted."""
    shown, used = [], 0
    for one in pictures:
        if used + len(one.jpeg) <= PICTURE_BYTES:
            used += len(one.jpeg)
            shown.append(one)
    figures = "".join(
        f"<figure><img loading=lazy width={one.width} height={one.height} "
        f'alt="boxes of {escape(one.name)}" '
        f'src="data:image/jpeg;base64,{b64encode(one.jpeg).decode()}">'
        f"<figcaption>{escape(one.name)}</figcaption></figure>"
        for one in shown
    )
    left = len(pictures) - len(shown)
    absent = f" {counted(left, 'picture')} more would make the page too large." if left else ""
    return (
        "<p>Left the float network, in the middle the plan; right, green: a box that both find, "
        f"blue: the float network alone, orange: the plan alone.{absent}</p>{figures}"
    )
