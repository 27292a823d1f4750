"""COCO's categories have gaps in their numbers."""

import math
from pathlib import Path

import pytest

from autosplit.data.coco_categories import (
    COCO_CATEGORIES,
    entry_of,
    id_of,
    number_classes,
    number_of,
    whole_of,
    without_root,
)
from autosplit.data.dirty import LabelRules
from autosplit.errors import DataError


def test_there_are_80_up_to_90():
    assert len(COCO_CATEGORIES) == 80
    assert (COCO_CATEGORIES[1], COCO_CATEGORIES[18], COCO_CATEGORIES[90]) == (
        "person",
        "dog",
        "toothbrush",
    )


def test_classes_are_numbered_in_the_order_of_their_ids():
    """Numbers come before texts, and 10 comes after 9."""
    items = [{"id": key, "name": f"n{key}"} for key in (10, "b", 9, "a")]

    numbers, names = number_classes(Path("a.json"), items)

    assert numbers == {"9": 0, "10": 1, "a": 2, "b": 3}
    assert names == ("n9", "n10", "na", "nb")


def test_a_root_that_is_annotated_stays():
    items = [{"id": 0, "name": "x"}, {"id": 1, "name": "y", "supercategory": "x"}]

    assert without_root(items, [{"category_id": 1}]) == items[1:]
    assert without_root(items, [{"category_id": 0}]) == items
    assert without_root(items[:1], []) == items[:1]


def test_entries_are_of_their_type():
    assert id_of(Path("a"), "images", {"id": " 7 "}, "id") == "7"
    assert entry_of(Path("a"), "images", {"w": 3}, "w", int) == 3
    with pytest.raises(DataError, match="each of images must have 'w', int, got True"):
        entry_of(Path("a"), "images", {"w": True}, "w", int)


def test_numbers_are_read_from_what_files_have():
    assert [number_of(value) for value in (4, 4.5, "4.5", " 7 ")] == [4, 4.5, 4.5, 7]
    assert all(math.isnan(number_of(value)) for value in (None, [4], "x", 10**400, {}))


def test_a_size_is_a_whole_number_of_pixels():
    where = Path("a.json"), "images"
    assert [whole_of(*where, {"w": value}, "w") for value in (64, 64.0, "64")] == [64, 64, 64]
    for value in (0, -1, 64.5, "x", None, math.inf):
        with pytest.raises(DataError, match="each of images must have 'w', int, got"):
            whole_of(*where, {"w": value}, "w")


def test_ids_are_ordered_as_numbers_and_texts_follow():
    """As texts, 10 would come before 9."""
    categories = [{"id": key, "name": f"class {key}"} for key in ("b", 10, "a", 9)]

    numbers, names = number_classes(Path("a.json"), categories)

    assert names == ("class 9", "class 10", "class a", "class b")
    assert numbers == {"9": 0, "10": 1, "a": 2, "b": 3}


@pytest.mark.parametrize(
    ("labels", "count", "dog"), [((), 80, 16), (("a",), 80, 16), (("a", "b"), 2, 1)]
)
def test_some_of_coco_are_all_of_it_unless_the_network_has_as_many(labels, count, dog):
    """Dog is the 17th of the 80."""
    some = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}]

    numbers, names = number_classes(Path("a.json"), some, LabelRules(labels))

    assert (len(names), numbers["1"], numbers["18"]) == (count, 0, dog)
