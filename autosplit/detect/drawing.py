"""Boxes drawn on pictures, and pictures side by side."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

from autosplit.models.networks.yolo_decode import Detections

BOTH, FIRST, SECOND = "#2ca02c", "#1f77b4", "#ff7f0e"
"""Colours of a box that two networks find, of one that only the first or the second does."""
Corners = tuple[float, float, float, float]
"""Left, top, right and bottom, pixels of the drawing."""
SMALLEST = 400
"""Pictures whose longer side is shorter are enlarged, that text can be read on them."""
GAP = 8
"""White between pictures that stand side by side, pixels."""


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
    pen = ImageDraw.Draw(drawn)
    line = max(2, max(drawn.size) // 250)
    if colours is None:
        colours = [class_colour(kind) for kind in found.classes.tolist()]
    boxes: list[Corners] = [
        (left * factor, top * factor, right * factor, bottom * factor)
        for left, top, right, bottom in found.boxes.tolist()
    ]
    for box, colour in reversed(list(zip(boxes, colours, strict=True))):  # the best on top
        left, top, right, bottom = box
        pen.rectangle((left, top, max(left, right), max(top, bottom)), None, colour, line)
    names = zip(found.classes.tolist(), found.scores.tolist(), strict=True)
    texts = [f"{labels[kind]} {score:.2f}" for kind, score in names]
    _write_labels(drawn, boxes, texts, colours)
    return drawn


def side_by_side(panels: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures of one size beside each other, each under its title, which fits the width."""
    width, height = panels[0][1].size
    size = int(_font(panels[0][1]).size)
    while size > 6 and any(ImageFont.load_default(size).getlength(t) > width for t, _ in panels):
        size -= 1
    font = ImageFont.load_default(size)
    head = int(size * 1.8)
    sheet = Image.new("RGB", ((width + GAP) * len(panels) - GAP, height + head), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (title, picture) in enumerate(panels):
        sheet.paste(picture, (place * (width + GAP), head))
        pen.text((place * (width + GAP), head // 6), title, "black", font)
    return sheet


def class_colour(number: int) -> str:
    """A dark colour; those of neighbouring classes differ much (steps of the golden angle)."""
    red, green, blue = colorsys.hls_to_rgb(number * 0.381966 % 1, 0.4, 0.9)
    return f"#{int(255 * red):02x}{int(255 * green):02x}{int(255 * blue):02x}"


def _font(picture: Image.Image) -> FreeTypeFont:
    font = ImageFont.load_default(max(11, max(picture.size) // 40))
    assert isinstance(font, FreeTypeFont)
    return font


def _write_labels(
    picture: Image.Image, boxes: Sequence[Corners], texts: Sequence[str], colours: Sequence[str]
) -> None:
    """Write a text at each box, the first at the best place; later ones keep off earlier ones."""
    pen, font = ImageDraw.Draw(picture), _font(picture)
    taken: list[Corners] = []
    for box, text, colour in zip(boxes, texts, colours, strict=True):
        _, _, width, height = pen.textbbox((0, 0), text, font)
        place = _label_place(picture.size, (width + 4, height + 3), box, taken)
        taken.append(place)
        pen.rectangle(place, colour)
        pen.text((place[0] + 2, place[1]), text, _readable(colour), font)


def _label_place(
    size: tuple[int, int], text: tuple[float, float], box: Corners, taken: Sequence[Corners]
) -> Corners:
    """Above the box, else in it, below it, or further down, the first where nothing is yet.

    Where everything is taken it is the first place in the picture.

    Args:
        size: Width and height of the picture.
        text: Width and height of the text with its border.
        box: What the text is of.
        taken: Places of other texts.
    """
    width, height = text
    x = min(max(box[0], 0), max(0, size[0] - width))
    tops = [box[1] - height, box[1], box[3], box[3] - height]
    tops += [box[1] + step * height for step in range(1, 9)]
    places = [(x, y, x + width, y + height) for y in tops if 0 <= y <= size[1] - height]
    free = (p for p in places if not any(_overlap(p, other) for other in taken))
    y = max(0, min(box[1], size[1] - height))
    return next(free, places[0] if places else (x, y, x + width, y + height))


def _overlap(first: Corners, second: Corners) -> bool:
    across = first[0] < second[2] and second[0] < first[2]
    return across and first[1] < second[3] and second[1] < first[3]


def _readable(colour: str) -> str:
    """White or black, whichever differs more from a colour (brightness of ITU-R BT.601)."""
    red, green, blue = bytes.fromhex(colour[1:])
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
