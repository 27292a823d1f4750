"""Precision, recall, F1 and confusion of boxes: by hand, and against COCO's AP50."""

import numpy as np
import pytest

from autosplit.data.coco import Truth
from autosplit.evaluate.average_precision import FoundBoxes, average_precision
from autosplit.evaluate.box_measures import MatchedBoxes, iou_of, measure_boxes

LABELS = ("house", "tree")
A, B, C = (0.0, 0.0, 10.0, 10.0), (50.0, 0.0, 10.0, 10.0), (0.0, 50.0, 10.0, 10.0)


def found(*entries):
    boxes, classes, scores = zip(*entries, strict=True)
    return FoundBoxes(np.array(boxes), np.array(scores), np.array(classes))


def truth(*entries, crowds=None):
    boxes, classes = zip(*entries, strict=True)
    areas = tuple(w * h for _, _, w, h in boxes)
    return Truth(100, 100, boxes, classes, areas, crowds or (False,) * len(boxes))


def test_counts_are_those_of_a_hand():
    # right: A, and B again; wrong: A a second time, a tree where the house C is
    seen = [found((A, 0, 0.9), (A, 0, 0.8), (C, 1, 0.7)), found((B, 0, 0.2))]
    there = [truth((A, 0), (C, 0)), truth((B, 0), (C, 1))]

    measures = measure_boxes(there, seen, LABELS)
    house, tree = measures.matched
    assert (house.scores.tolist(), house.hits.tolist(), house.there) == (
        [0.9, 0.8, 0.2],
        [True, False, True],
        3,
    )
    assert (tree.hits.tolist(), tree.there) == ([False], 1)
    assert house.at(0.25) == pytest.approx((1 / 2, 1 / 3, 2 * 1 / (2 + 3)))
    assert house.best() == pytest.approx((0.2, 2 * 2 / (3 + 3)))
    # rows: house, tree, background there; columns likewise found
    assert measures.confusion.tolist() == [[1, 1, 1], [0, 0, 1], [1, 0, 0]]
    rows = list(measures.score_rows("float"))
    assert [row["class"] for row in rows] == ["all", "house", "tree"]
    assert (rows[0]["there"], rows[0]["found"]) == (4, 3)
    assert rows[0]["precision"] == pytest.approx(1 / 3, abs=1e-6)
    assert {row["boxes"] for row in measures.confusion_rows("float")} == {1}
    assert len(list(measures.curve_rows("float"))) == 2 * 21


def test_a_box_inside_a_crowd_counts_neither_way():
    there = [truth(((0.0, 0.0, 90.0, 90.0), 0), (B, 0), crowds=(True, False))]
    seen = [found((C, 0, 0.9), (B, 0, 0.8))]

    measures = measure_boxes(there, seen, LABELS)
    assert measures.matched[0].hits.tolist() == [True]
    assert measures.matched[0].there == 1
    assert measures.confusion.sum() == 1


def test_overlap_with_a_crowd_is_the_share_of_the_found_box():
    boxes = np.array([[0.0, 0.0, 10.0, 10.0]])
    there = np.array([[5.0, 0.0, 10.0, 10.0], [5.0, 0.0, 10.0, 10.0], [20.0, 0.0, 0.0, 0.0]])

    overlap = iou_of(boxes, there, np.array([False, True, False]))
    assert overlap.tolist() == [pytest.approx([50 / 150, 50 / 100, 0])]


def test_equal_scores_count_together():
    matched = MatchedBoxes(np.array([0.5, 0.5]), np.array([True, False]), 1)

    assert matched.best() == pytest.approx((0.5, 2 / 3))


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_of_the_curves_is_ap50_of_coco(seed):
    rng = np.random.default_rng(seed)
    there, seen = [], []
    for _ in range(25):
        boxes = [(*rng.uniform(0, 80, 2), *rng.uniform(5, 40, 2)) for _ in range(4)]
        kinds = rng.integers(0, 2, 4)
        crowds = tuple(bool(one) for one in rng.random(4) < 0.1)
        there.append(truth(*zip(map(tuple, boxes), kinds.tolist(), strict=True), crowds=crowds))
        noisy = np.array(boxes * 2) + rng.normal(0, 2, (8, 4))
        noisy[:, 2:] = np.abs(noisy[:, 2:]) + 1
        seen.append(FoundBoxes(noisy, rng.permutation(8) / 8 + rng.random(), np.tile(kinds, 2)))

    measures = measure_boxes(there, seen, LABELS)
    mine = np.mean([one.curve().mean() for one in measures.matched])
    assert mine == pytest.approx(average_precision(there, seen, 2).numbers["ap50"], abs=1e-6)


def test_a_box_of_exactly_the_score_counts():
    matched = MatchedBoxes(np.array([0.5, 0.25, 0.2]), np.array([True, True, True]), 4)

    assert matched.at(0.25) == pytest.approx((1, 2 / 4, 2 * 2 / (2 + 4)))


def test_the_pair_that_overlaps_most_is_counted_first():
    """A tree lies exactly where the house is; a house of a better score lies beside it."""
    beside = (2.0, 0.0, 10.0, 10.0)  # overlaps by 80 / 120
    seen = [found((beside, 0, 0.9), (A, 1, 0.8))]

    measures = measure_boxes([truth((A, 0))], seen, LABELS)

    # the house is taken for a tree; the box beside it is a house on the background
    assert measures.confusion.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_the_curve_is_the_best_precision_at_a_recall_or_a_higher_one():
    matched = MatchedBoxes(np.array([0.9, 0.8, 0.7]), np.array([False, True, True]), 2)

    # precision 0, 1/2, 2/3 at recalls 0, 1/2, 1
    assert matched.curve().tolist() == pytest.approx([2 / 3] * 101)
