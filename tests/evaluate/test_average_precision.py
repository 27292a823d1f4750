"""Average precision: equal to pycocotools on a toy set, and by hand on tiny ones."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from autosplit.data.coco import Truth
from autosplit.evaluate.average_precision import FoundBoxes, average_precision
from autosplit.evaluate.task import COCO_NUMBERS

CLASSES = 4


def toy(seed, pictures=40):
    """Boxes of all sizes, some crowds; found: noisy, doubled, missing or of another class."""
    rng = np.random.default_rng(seed)
    truths, found = [], []
    for _ in range(pictures):
        count = int(rng.integers(0, 8))
        sizes = np.exp(rng.uniform(2, 5.3, (count, 2)))
        boxes = np.concatenate([rng.uniform(0, 200, (count, 2)), sizes], 1)
        classes = rng.integers(0, CLASSES, count)
        truths.append(
            Truth(
                400,
                400,
                tuple(map(tuple, boxes.tolist())),
                tuple(classes.tolist()),
                tuple((0.8 * sizes.prod(1)).tolist()),
                tuple((rng.random(count) < 0.1).tolist()),
            )
        )
        times = rng.integers(0, 3, count)
        seen = np.repeat(boxes, times, 0)
        seen += rng.normal(0, 0.06, seen.shape) * seen[:, [2, 3, 2, 3]]
        named = np.repeat(classes, times)
        wrong = rng.random(len(named)) < 0.15
        named = np.where(wrong, rng.integers(0, CLASSES, len(named)), named)
        found.append(FoundBoxes(seen, rng.random(len(seen)).round(2), named))
    return truths, found


def pycocotools_numbers(truths, found):
    """The twelve numbers and AP by class of the reference implementation."""
    entries = [
        (image, *entry)
        for image, t in enumerate(truths, 1)
        for entry in zip(t.boxes, t.classes, t.areas, t.crowds, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        there = COCO()
        there.dataset = {
            "images": [{"id": image} for image in range(1, len(truths) + 1)],
            "annotations": [
                {
                    "id": number,
                    "image_id": image,
                    "bbox": list(box),
                    "category_id": label + 1,
                    "area": area,
                    "iscrowd": int(crowd),
                }
                for number, (image, box, label, area, crowd) in enumerate(entries, 1)
            ],
            "categories": [{"id": number} for number in range(1, CLASSES + 1)],
        }
        there.createIndex()
        results = there.loadRes(
            [
                {"image_id": image, "bbox": box, "category_id": label + 1, "score": score}
                for image, f in enumerate(found, 1)
                for box, label, score in zip(
                    f.boxes.tolist(), f.classes.tolist(), f.scores.tolist(), strict=True
                )
            ]
        )
        evaluation = COCOeval(there, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    return evaluation.stats, [precision[:, :, k].mean() for k in range(CLASSES)]


def boxes(*entries, crowd=()):
    """What is there: (box, class) entries."""
    areas = tuple(box[2] * box[3] for box, _ in entries)
    crowds = tuple(place in crowd for place in range(len(entries)))
    return Truth(400, 400, *map(tuple, zip(*entries, strict=True)), areas, crowds)


def found(*entries):
    """What was found: (box, class, score) entries."""
    places, classes, scores = zip(*entries, strict=True) if entries else ((), (), ())
    return FoundBoxes(np.array(places).reshape(-1, 4), np.array(scores), np.array(classes, int))


A, B = (10.0, 10.0, 100.0, 50.0), (200.0, 200.0, 100.0, 100.0)


class TestNumbers:
    @pytest.mark.parametrize("seed", range(3))
    def test_they_equal_those_of_pycocotools(self, seed):
        truths, seen = toy(seed)
        precision = average_precision(truths, seen, CLASSES)
        numbers, per_class = pycocotools_numbers(truths, seen)

        assert list(precision.numbers) == list(COCO_NUMBERS)
        assert list(precision.numbers.values()) == pytest.approx(list(numbers), abs=1e-12)
        assert precision.per_class == pytest.approx(per_class, abs=1e-12)
        assert 0.1 < precision.numbers["ap"] < 0.9  # a toy that says something

    def test_boxes_that_are_all_right_score_one(self):
        precision = average_precision([boxes((A, 0), (B, 1))], [found((A, 0, 0.9), (B, 1, 0.1))], 2)

        assert precision.per_class == (1.0, 1.0)
        assert precision.numbers["ap"] == precision.numbers["ar100"] == 1.0
        assert precision.numbers["ap_small"] is None  # nothing small to find

    def test_a_box_that_overlaps_by_two_thirds_counts_at_four_of_ten_thresholds(self):
        """IoU of 100x50 and the same moved by 20 pixels is 80 / 120: at least .5, .55, .6, .65."""
        moved = (30.0, 10.0, 100.0, 50.0)
        precision = average_precision([boxes((A, 0))], [found((moved, 0, 0.5))], 1)

        assert precision.numbers["ap"] == pytest.approx(0.4)
        assert (precision.numbers["ap50"], precision.numbers["ap75"]) == (1.0, 0.0)

    def test_a_surer_wrong_box_halves_the_precision(self):
        precision = average_precision([boxes((A, 0))], [found((A, 0, 0.5), (B, 0, 0.9))], 1)
        assert precision.numbers["ap"] == pytest.approx(0.5)

    def test_nothing_found_is_zero_and_nothing_to_find_is_unknown(self):
        assert average_precision([boxes((A, 0))], [found()], 2).per_class == (0.0, None)

        precision = average_precision([Truth(9, 9)], [found((A, 0, 0.5))], 1)
        assert set(precision.numbers.values()) == {None}


def test_sure_boxes_can_stand_for_what_is_there():
    seen = found((A, 1, 0.25), (B, 0, 0.2), (B, 2, 0.8))

    truth = seen.truth(0.25)
    assert (truth.boxes, truth.classes) == ((A, B), (1, 2))
    assert truth.areas == (5000.0, 10000.0)
    assert average_precision([truth], [seen], 3).numbers["ap"] == 1.0
