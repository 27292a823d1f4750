"""A plan joined with its seconds and its score."""

import pytest
from candidates import one, plan

from autosplit.evaluate.task import CLASSIFICATION, DETECTION
from autosplit.hardware.prediction import Prediction
from autosplit.report.candidate import FloatScore, candidate

SECONDS = Prediction(0.1, 0.2, 0.3)


def scores(**plan_row):
    whole = {"name": "float", "images": "200", "top1": "0.9", "agreement": "1.0", "drop": "0.0"}
    row = {"name": "p", "images": "200", "top1": "0.88", "agreement": "0.95", "drop": "2.0"}
    row |= {"top1_low": "0.83", "top1_high": "0.92"}
    return {"float": whole, "p": row | plan_row}


def joined(rows, limit=None, task=CLASSIFICATION):
    return candidate(plan(), "lte", SECONDS, limit, task, rows)


class TestCandidate:
    def test_a_plan_has_its_seconds_its_score_and_the_interval(self):
        found = joined(scores())

        assert (found.link, found.latency_s) == ("lte", pytest.approx(0.6))
        assert found.plan.predictions["lte"] == SECONDS
        assert (found.drop, found.accuracy, found.interval) == (2.0, 0.88, (0.83, 0.92))
        assert found.measured

    def test_a_plan_without_a_score_is_known_by_its_seconds_alone(self):
        found = joined({"float": scores()["float"]})

        assert (found.drop, found.accuracy, found.interval) == (None, None, None)
        assert not found.measured

    def test_a_plan_measured_on_fewer_images_than_the_float_network_was_stopped(self):
        assert joined(scores(images="64")).stopped
        assert not joined(scores(images="64")).measured

    def test_an_accuracy_of_zero_is_an_accuracy(self):
        for zero in ("0.0", 0.0):
            assert joined(scores(top1=zero)).accuracy == 0.0

    def test_without_labels_the_accuracy_is_agreement(self):
        assert joined(scores(top1="")).accuracy == 0.95

    def test_a_detector_has_no_interval(self):
        rows = {name: {**row, "ap": "0.5"} for name, row in scores().items()}

        assert joined(rows, task=DETECTION).interval is None

    def test_a_plan_of_a_detector_that_finds_nothing_has_its_agreement(self):
        rows = {name: {**row, "ap": "0.01", "ap_vs_float": "0.9"} for name, row in scores().items()}

        assert joined(rows, task=DETECTION).accuracy == 0.9
        assert FloatScore.of(DETECTION, rows) == FloatScore(
            "AP against the float network's detections", 0.9, 200
        )

    def test_a_plan_fits_up_to_the_limit(self):
        assert [joined(scores(), limit).fits for limit in (None, 499, 500)] == [True, False, True]


class TestKeeps:
    def test_exactly_the_allowed_drop_is_kept(self):
        assert one(drop=1.0).keeps(1.0)
        assert not one(drop=1.001).keeps(1.0)

    def test_a_gain_can_be_demanded(self):
        assert one(drop=-0.5).keeps(-0.5)
        assert not one(drop=0.0).keeps(-0.5)

    @pytest.mark.parametrize("about", [{"fits": False}, {"drop": None}, {"stopped": True}])
    def test_what_does_not_fit_or_was_not_measured_to_the_end_keeps_nothing(self, about):
        assert not one(**about).keeps(100.0)


class TestFloatScore:
    def test_it_is_by_the_metric_of_the_task(self):
        assert FloatScore.of(CLASSIFICATION, scores()) == FloatScore("top-1", 0.9, 200)

    def test_its_interval_is_that_of_its_row(self):
        rows = scores()
        rows["float"] |= {"top1_low": "0.85", "top1_high": "0.9376"}
        found = FloatScore.of(CLASSIFICATION, rows)

        assert found.interval == (0.85, 0.9376)
        assert found.percent == "90.00 % (95 % interval 85.00 to 93.76)"
        rows["float"]["top1"] = ""
        assert FloatScore.of(CLASSIFICATION, rows).percent == "100.00 %"

    def test_without_labels_it_is_full_agreement(self):
        rows = scores()
        rows["float"]["top1"] = ""

        assert FloatScore.of(CLASSIFICATION, rows) == FloatScore(
            "agreement with the float network", 1.0, 200
        )
