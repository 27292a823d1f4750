"""The line on pictures with boxes."""

from autosplit.data.coco import Truth
from autosplit.data.data_card import data_card


def boxes(*sides, crowd=False):
    count = len(sides)
    places = tuple((0.0, 0.0, float(side), float(side)) for side in sides)
    areas = tuple(float(side * side) for side in sides)
    return Truth(400, 400, places, tuple(range(count)), areas, (crowd,) * count)


def test_boxes_are_counted_by_size_and_picture():
    truths = [boxes(10, 32, 96, 97), boxes(), boxes(31, 30, crowd=True)]

    # 32 and 96 pixels are medium, as COCO counts them
    assert data_card(truths, list("abcde")) == (
        "3 pictures, 6 boxes of 4 of 5 classes, 0 to 4 (mean 2.0) per picture, 3 small, 2 medium, "
        "1 large, 2 of them crowds or difficult"
    )


def test_no_picture_is_described_too():
    assert data_card([], ["a"]).startswith("0 pictures, 0 boxes of 0 of 1 class, 0 per picture, ")


def test_one_picture_is_one():
    assert data_card([boxes(10)], ["a"]).startswith("1 picture, 1 box of 1 class, 1 per picture, ")
