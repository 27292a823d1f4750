"""Drawings: the pixels of boxes, and pictures side by side."""

import pytest
import torch
from PIL import Image

from autosplit.drawing import BOTH, class_colour, draw_boxes, side_by_side
from autosplit.networks.yolo_decode import Detections


def found(*boxes):
    count = len(boxes)
    sides = torch.tensor(boxes, dtype=torch.float32).reshape(count, 4)
    return Detections(sides, torch.linspace(0.9, 0.5, count), torch.arange(count))


LABELS = ["cat", "dog", "bird"]


def test_a_box_is_drawn_in_its_colour_and_the_picture_is_left_alone():
    picture = Image.new("RGB", (400, 300), "white")

    drawn = draw_boxes(picture, found((50, 100, 350, 200)), LABELS, [BOTH])

    edge = tuple(bytes.fromhex(BOTH[1:]))
    for place in [(50, 150), (350, 150), (200, 200), (200, 100)]:
        assert drawn.getpixel(place) == edge
    for place in [(200, 150), (45, 150), (355, 150), (200, 205)]:
        assert drawn.getpixel(place) == (255, 255, 255)
    assert drawn.size == picture.size
    assert picture.getcolors() == [(400 * 300, (255, 255, 255))]


def test_the_best_box_is_on_top():
    picture = Image.new("RGB", (400, 300), "white")
    box = (50, 100, 350, 200)

    drawn = draw_boxes(picture, found(box, box), LABELS)

    assert drawn.getpixel((200, 200)) == tuple(bytes.fromhex(class_colour(0)[1:]))


def test_nothing_found_is_the_picture():
    picture = Image.effect_noise((300, 200), 50).convert("RGB")

    assert draw_boxes(picture, found(), LABELS).tobytes() == picture.tobytes()


@pytest.mark.parametrize("mode", ["L", "CMYK", "1", "P", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (3, 2)])
def test_every_picture_can_be_drawn_on(mode, size):
    box = (0, 0, *size)

    drawn = draw_boxes(Image.new(mode, size), found(box, (-5, -5, 9, 9)), LABELS)

    assert drawn.mode == "RGB"
    assert max(drawn.size) >= 200
    assert drawn.width * size[1] == drawn.height * size[0]


def test_classes_have_colours_of_their_own():
    assert len({class_colour(number) for number in range(80)}) == 80


def test_pictures_stand_side_by_side_under_their_titles():
    panels = [("one", Image.new("RGB", (300, 200), c)) for c in ("red", "lime", "blue")]

    sheet = side_by_side(panels)

    head = sheet.height - 200
    assert sheet.width == 900
    assert head > 10
    middle = [sheet.getpixel((x, head + 100)) for x in (150, 450, 750)]
    assert middle == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert min(sheet.crop((0, 0, 40, head)).convert("L").tobytes()) < 50
