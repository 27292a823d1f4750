"""Anchors of a data set: clusters that are known, and sizes by hand."""

import numpy as np
import pytest

from autosplit.data.anchors import find_anchors, input_sizes, size_iou
from autosplit.data.coco import Truth
from autosplit.errors import DataError


def test_clear_clusters_are_found_and_ordered_by_area():
    rng = np.random.default_rng(0)
    centres = np.array([[100.0, 50], [10, 13], [30, 61], [300, 250]])
    sizes = np.concatenate([c * rng.uniform(0.97, 1.03, (20, 2)) for c in centres])

    found = find_anchors(sizes, 4)
    assert np.allclose(found.anchors, centres[[1, 2, 0, 3]], rtol=0.02)
    assert found.members == (20, 20, 20, 20)
    assert found.mean_iou > 0.95
    text = str(found).splitlines()
    pairs = [tuple(map(int, pair.split(","))) for pair in text[0][10:].split(", ")]
    assert pairs == [(round(w), round(h)) for w, h in found.anchors]
    assert find_anchors(sizes, 4) == found


def test_every_anchor_is_the_mean_of_the_boxes_nearest_to_it():
    sizes = np.random.default_rng(1).uniform(5, 300, (200, 2))

    found = find_anchors(sizes, 6)
    nearest = size_iou(sizes, np.array(found.anchors)).argmax(1)
    for k, anchor in enumerate(found.anchors):
        assert np.allclose(sizes[nearest == k].mean(0), anchor)


def test_more_anchors_overlap_more():
    sizes = np.random.default_rng(2).uniform(5, 300, (100, 2))

    overlaps = [find_anchors(sizes, k).mean_iou for k in (1, 3, 9, 100)]
    assert overlaps == sorted(overlaps)
    assert overlaps[-1] == pytest.approx(1)


def test_sizes_are_those_in_the_input():
    truth = Truth(
        200, 100, ((0, 0, 20, 10), (5, 5, 0, 9), (5, 5, 9, 0)), (0,) * 3, (200, 0, 0), (False,) * 3
    )

    kept = input_sizes([truth], (50, 50), "darknet")
    stretched = input_sizes([truth], (50, 50), "alexeyab")
    assert kept.tolist() == [[5, 2.5]]
    assert stretched.tolist() == [[5, 5]]


def test_too_few_boxes_are_an_error():
    with pytest.raises(DataError, match=r"boxes of at least 3 different sizes, has 1$"):
        find_anchors(np.array([[5.0, 5], [5, 5]]), 3)
    with pytest.raises(DataError, match=r"boxes of at least 1 different size, has 0$"):
        find_anchors(np.zeros((0, 2)), 1)


def test_the_best_of_several_starts_counts(monkeypatch):
    """Five starts overlap at least as much as one, for every seed; the worst of five would not."""
    sizes = np.random.default_rng(3).uniform(5, 300, (60, 2))
    several = [find_anchors(sizes, 5, seed).mean_iou for seed in range(8)]
    monkeypatch.setattr("autosplit.data.anchors.STARTS", 1)
    one = [find_anchors(sizes, 5, seed).mean_iou for seed in range(8)]

    assert all(more >= less for more, less in zip(several, one, strict=True))
    assert sum(several) > sum(one)


def test_only_the_part_of_a_box_inside_of_its_picture_counts():
    truth = Truth(40, 40, ((30, 0, 100, 20),), (0,), (2000.0,), (False,))

    assert input_sizes([truth], (80, 80), "darknet").tolist() == [[20, 40]]
