"""Drawings: the pixels of boxes, and pictures side by side."""

import pytest
import torch
from PIL import Image

from autosplit.detect.drawing import BOTH, GAP, class_colour, draw_boxes, side_by_side
from autosplit.models.networks.yolo_decode import Detections


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
    picture = Image.effect_noise((500, 200), 50).convert("RGB")

    assert draw_boxes(picture, found(), LABELS).tobytes() == picture.tobytes()


@pytest.mark.parametrize("mode", ["L", "CMYK", "1", "P", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (3, 2)])
def test_every_picture_can_be_drawn_on(mode, size):
    box = (0, 0, *size)

    drawn = draw_boxes(Image.new(mode, size), found(box, (-5, -5, 9, 9)), LABELS)

    assert drawn.mode == "RGB"
    assert max(drawn.size) >= 400
    assert drawn.width * size[1] == drawn.height * size[0]


def test_classes_have_colours_of_their_own():
    assert len({class_colour(number) for number in range(80)}) == 80


def test_pictures_stand_side_by_side_under_their_titles():
    panels = [("one", Image.new("RGB", (300, 200), c)) for c in ("red", "lime", "blue")]

    sheet = side_by_side(panels)

    head = sheet.height - 200
    assert sheet.width == 900 + 2 * GAP
    assert head > 10
    middle = [sheet.getpixel((x, head + 100)) for x in (150, 450 + GAP, 750 + 2 * GAP)]
    assert middle == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert min(sheet.crop((0, 0, 40, head)).convert("L").tobytes()) < 50


def test_a_long_title_is_written_small_enough_for_its_picture():
    long = "eight of both networks, none of the float network only, two of the plan"
    panels = [("one", Image.new("RGB", (300, 200), "red")), (long, Image.new("RGB", (300, 200)))]

    sheet = side_by_side(panels)

    titles = sheet.crop((300 + GAP, 0, 600 + GAP, sheet.height - 200)).convert("L")
    assert titles.crop((280, 0, 300, titles.height)).getextrema()[1] == 255
    assert min(titles.crop((200, 0, 299, titles.height)).tobytes()) < 128  # it reaches far
    right = titles.crop((299, 0, 300, titles.height))
    assert min(right.tobytes()) == 255  # and ends before the picture does


def fills(drawn, *numbers):
    """Pixels of each class's colour."""
    pixels = drawn.get_flattened_data() if hasattr(drawn, "get_flattened_data") else drawn.getdata()
    counted = list(pixels)
    return [counted.count(tuple(bytes.fromhex(class_colour(n)[1:]))) for n in numbers]


def test_labels_of_boxes_in_one_place_do_not_hide_each_other():
    picture = Image.new("RGB", (400, 300), "white")
    box = (100, 100, 300, 200)

    alone = fills(draw_boxes(picture, found(box), ["cat"]), 0)[0]
    together = fills(draw_boxes(picture, found(box, box, box), ["cat"] * 3), 0, 1, 2)

    border = 2 * 2 * (201 + 101 - 4)  # two pixels wide, which only the best box shows
    assert min(together) > 0.8 * (alone - border)


@pytest.mark.parametrize("box", [(0, 0, 400, 300), (390, 0, 400, 5), (0, 290, 400, 300)])
def test_a_label_stays_in_the_picture(box):
    picture = Image.new("RGB", (400, 300), "white")

    middle = fills(draw_boxes(picture, found((100, 100, 101, 101)), ["cat"]), 0)[0]

    assert fills(draw_boxes(picture, found(box), ["cat"]), 0)[0] > 0.8 * middle


def test_letters_are_dark_on_a_light_colour():
    picture = Image.new("RGB", (400, 300), "#808080")

    light = draw_boxes(picture, found((50, 100, 350, 200)), LABELS, ["#ffff00"])
    dark = draw_boxes(picture, found((50, 100, 350, 200)), LABELS, ["#000080"])

    assert light.convert("L").getextrema()[0] < 20
    assert dark.convert("L").getextrema()[1] > 235
