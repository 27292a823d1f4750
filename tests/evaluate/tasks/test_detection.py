"""A detector's records: boxes of raw feature maps by hand, drops by hand, and what is refused."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from autosplit.data.coco import Truth
from autosplit.data.preprocess import Letterbox
from autosplit.errors import DataError
from autosplit.evaluate.average_precision import FoundBoxes
from autosplit.evaluate.tasks.detection import BoxAnswers, BoxReader, BoxRecord
from autosplit.models.networks.yolo_decode import YoloHead

A, B = (10.0, 10.0, 100.0, 50.0), (200.0, 200.0, 100.0, 100.0)
LABELS = ("house", "tree")
PLAN = SimpleNamespace(name="p", crossing_bytes=7)


def found(*entries):
    """What was found in one image: (box, class, score) entries."""
    places, classes, scores = zip(*entries, strict=True) if entries else ((), (), ())
    return FoundBoxes(np.array(places).reshape(-1, 4), np.array(scores), np.array(classes, int))


def truth(*entries):
    """What is to be found in one image: (box, class) entries."""
    places, classes = zip(*entries, strict=True) if entries else ((), ())
    areas = tuple(box[2] * box[3] for box in places)
    return Truth(400, 400, places, classes, areas, (False,) * len(entries))


def record(images, truths=None):
    filled = BoxRecord(len(images), LABELS)
    filled.add(BoxAnswers(list(images), truths))
    return filled


# float: everything but the tree of the second image, and a weak box that is not there
FLOAT = [found((A, 0, 0.9), (B, 1, 0.8)), found((A, 0, 0.7), (B, 0, 0.1))]
TRUTHS = (truth((A, 0), (B, 1)), truth((A, 0), (B, 1)))
# the plan: the house of the first image and the tree
LESS = [found((A, 0, 0.9), (B, 1, 0.8)), found()]


class TestDetector:
    HEAD = YoloHead(3, ((20.0, 30.0),), 2)
    READER = BoxReader((HEAD,), (64, 64), Letterbox((64, 64)).back, LABELS)

    def outputs(self, batch=1):
        """A map of 2x2 cells of 32 pixels; in row 0, column 1 one tree with all logits 4."""
        raw = torch.full((batch, 7, 2, 2), -20.0)
        raw[:, :4] = 0
        raw[:, [4, 6], 0, 1] = 4.0
        return (raw,)

    def test_boxes_are_in_pixels_of_the_picture(self):
        """The centre (48, 16) of the input is (96, 0) of a picture of 128x64, of half its size,
        behind 16 rows of border; the anchor is 40x60 there, and ends above the picture.
        """
        read = self.READER.read(self.outputs(), (Truth(128, 64),), 1)
        (one,) = read.found

        assert one.boxes.tolist() == [[76.0, 0.0, 40.0, 30.0]]
        assert one.scores.tolist() == [pytest.approx(1 / (1 + np.exp(-4)) ** 2, abs=1e-6)]
        assert one.classes.tolist() == [1]
        assert read.truths == (Truth(128, 64),)

    @pytest.mark.parametrize("labels", [None, torch.tensor([3, 4])])
    def test_without_annotations_they_are_in_pixels_of_the_input(self, labels):
        read = self.READER.read(self.outputs(2), labels, 2)

        assert [one.boxes.tolist() for one in read.found] == [[[38.0, 1.0, 20.0, 30.0]]] * 2
        assert read.truths is None


class TestRows:
    def test_with_annotations_it_is_about_ap(self):
        """Of the two classes, float finds all houses and half the trees: AP 1 and 51 / 101
        (precision 1 at recalls 0, .01, ... .5); the plan half of each.
        """
        float_record, plan_record = record(FLOAT, TRUTHS), record(LESS, TRUTHS)
        half = 51 / 101

        row = float_record.float_row()
        assert (row["name"], row["images"], row["drop"]) == ("float", 2, 0.0)
        assert row["ap"] == pytest.approx((1 + half) / 2)
        assert (row["ap_vs_float"], row["ap50_vs_float"]) == (1.0, 1.0)
        assert row["per_class"] == {"house": pytest.approx(1.0), "tree": pytest.approx(half)}

        row = plan_record.plan_row(PLAN, float_record)
        assert (row["name"], row["images"], row["cut_bytes"]) == ("p", 2, 7)
        assert row["ap"] == pytest.approx(half)
        assert row["drop"] == pytest.approx(100 * (1 - half) / 2)
        # what float finds: two houses, of which the plan has one, and the tree
        assert row["ap_vs_float"] == pytest.approx((half + 1) / 2)

    def test_without_annotations_it_is_about_what_float_finds(self):
        row = record(LESS).plan_row(PLAN, record(FLOAT))

        assert "ap" not in row
        assert row["ap50_vs_float"] == pytest.approx((51 / 101 + 1) / 2)
        assert row["drop"] == pytest.approx(100 * (1 - row["ap_vs_float"]))

    def test_the_float_network_agrees_with_itself(self):
        row = record(FLOAT).plan_row(PLAN, record(FLOAT))
        assert (row["ap_vs_float"], row["drop"]) == (pytest.approx(1.0), pytest.approx(0.0))

    def test_a_part_of_the_images_is_compared_with_the_same_part(self):
        part = record(LESS[:1])
        part.total = 2

        assert not part.done
        assert part.plan_row(PLAN, record(FLOAT, TRUTHS))["drop"] == pytest.approx(0.0)
        assert BoxRecord().plan_row(PLAN, record(FLOAT, TRUTHS)) is None


class TestLost:
    """The plan of ``TestRows`` loses 100 * (1 - 51 / 101) / 2 = 24.75 points."""

    @pytest.mark.parametrize(("max_drop", "lost"), [(24.7, True), (24.8, False)])
    def test_it_is_known_when_all_images_were_run(self, max_drop, lost):
        reference = record(FLOAT, TRUTHS)

        assert record(LESS, TRUTHS).lost(reference, max_drop, 1) == lost
        assert not replace(record(LESS, TRUTHS), total=3).lost(reference, max_drop, 1)


class TestFiles:
    @pytest.mark.parametrize("truths", [None, TRUTHS])
    def test_a_record_survives_a_file(self, truths):
        before = record([*FLOAT, found()], truths and (*truths, truth()))
        after = BoxRecord.of(json.loads(json.dumps(before.data())))

        assert after.data() == before.data()
        assert (after.total, after.labels, after.truths) == (3, LABELS, before.truths)
        if truths:
            assert after.float_row() == before.float_row()


class TestRefused:
    def test_a_network_that_finds_nothing_cannot_be_agreed_with(self):
        with pytest.raises(DataError, match="must find something with a score of"):
            record([found((A, 0, 0.2))]).check()
        record([found((A, 0, 0.25))]).check()

    def test_pictures_without_any_box_are_refused(self):
        with pytest.raises(DataError, match="must have a box in at least one picture"):
            record(FLOAT, (truth(), truth())).check()
        record(FLOAT, TRUTHS).check()


class TestAFloatNetworkThatFitsNoAnnotation:
    """Its AP is 0 or undefined, so that plans are judged by the boxes that it finds."""

    ELSEWHERE = (truth(((390.0, 390.0, 5.0, 5.0), 0)), truth(((390.0, 390.0, 5.0, 5.0), 0)))

    @pytest.mark.parametrize("crowd", [False, True])
    def test_a_plan_loses_what_it_finds_less_than_float(self, crowd):
        truths = tuple(replace(t, crowds=(crowd,)) for t in self.ELSEWHERE)
        reference, same, less = (record(images, truths) for images in (FLOAT, FLOAT, LESS))

        assert not reference.is_precise
        assert not same.lost(reference, 1.0, 1)
        assert less.lost(reference, 1.0, 1)
        assert same.plan_row(PLAN, reference)["drop"] == 0
        row = less.plan_row(PLAN, reference)
        assert row["drop"] == pytest.approx(100 * (1 - row["ap_vs_float"]))
        assert row["drop"] > 1

    def test_a_network_that_fits_is_judged_by_annotations(self):
        assert record(FLOAT, TRUTHS).is_precise
        assert not record(FLOAT).is_precise
