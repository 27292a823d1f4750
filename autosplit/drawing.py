"""Boxes drawn on pictures, and pictures side by side."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

from autosplit.networks.yolo_decode import Detections

BOTH, FIRST, SECOND = "#2ca02c", "#1f77b4", "#ff7f0e"
"""Colours of a box that two networks find, of one that only the first or the second does."""
SMALLEST = 200
"""Pictures whose longer side is shorter are enlarged, that text can be read on them."""


def canvas(picture: Image.Image) -> Image.Image:
    """An RGB copy of a picture to draw on, enlarged if it is tiny."""
    rgb = picture.convert("RGB")
    factor = -(-SMALLEST // max(rgb.size))
    return rgb.resize((rgb.width * factor, rgb.height * factor)) if factor > 1 else rgb.copy()


def draw_boxes(
    picture: Image.Image,
    found: Detections,
    labels: Sequence[str],
    colours: Sequence[str] | None = None,
) -> Image.Image:
    """Draw what was found on a copy of a picture.

    Args:
        picture: The picture.
        found: Boxes in pixels of the picture.
        labels: Name of each class.
        colours: Colour of each box; those of the classes when None.
    """
    drawn = canvas(picture)
    factor = drawn.width / picture.width
    pen, font = ImageDraw.Draw(drawn), _font(drawn)
    line = max(2, max(drawn.size) // 250)
    if colours is None:
        colours = [class_colour(kind) for kind in found.classes.tolist()]
    rows = zip(
        found.boxes.tolist(), found.scores.tolist(), found.classes.tolist(), colours, strict=True
    )
    for box, score, kind, colour in reversed(list(rows)):  # the best last, on top
        left, top, right, bottom = (side * factor for side in box)
        pen.rectangle((left, top, max(left, right), max(top, bottom)), None, colour, line)
        text = f"{labels[kind]} {score:.2f}"
        place = _label_place(drawn, pen.textbbox((0, 0), text, font), left, top)
        pen.rectangle(pen.textbbox(place, text, font), colour)
        pen.text(place, text, "white", font)
    return drawn


def side_by_side(panels: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures of one size beside each other, each under its title."""
    font = _font(panels[0][1])
    head = int(font.size * 1.8)
    width, height = panels[0][1].size
    sheet = Image.new("RGB", (width * len(panels), height + head), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (title, picture) in enumerate(panels):
        sheet.paste(picture, (place * width, head))
        pen.text((place * width + 4, head // 6), title, "black", font)
    return sheet


def class_colour(number: int) -> str:
    """A dark colour; those of neighbouring classes differ much (steps of the golden angle)."""
    red, green, blue = colorsys.hls_to_rgb(number * 0.381966 % 1, 0.4, 0.9)
    return f"#{int(255 * red):02x}{int(255 * green):02x}{int(255 * blue):02x}"


def _font(picture: Image.Image) -> FreeTypeFont:
    font = ImageFont.load_default(max(11, max(picture.size) // 40))
    assert isinstance(font, FreeTypeFont)
    return font


def _label_place(
    picture: Image.Image, text: tuple[float, float, float, float], left: float, top: float
) -> tuple[float, float]:
    """Above the box where there is room, and inside of the picture."""
    width, height = text[2], text[3]
    x = min(max(left, 0), max(0, picture.width - width))
    return x, top - height if top >= height else top
