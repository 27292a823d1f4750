"""The columns of each task, and which of them a drop is counted in."""

import pytest

from autosplit.errors import DataError
from autosplit.evaluate.task import CLASSIFICATION, DETECTION, REGRESSION, TASKS, check_counted


class TestColumns:
    def test_detection_begins_with_the_twelve_numbers_of_coco(self):
        twelve = "ap ap50 ap75 ap_small ap_medium ap_large ar1 ar10 ar100 ar_small ar_medium"

        assert DETECTION.columns[:12] == (*twelve.split(), "ar_large")
        assert DETECTION.columns[12:] == ("ap_vs_float", "ap50_vs_float")

    @pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
    def test_every_table_has_what_was_measured(self, task):
        assert task.measured == ("images", *task.columns, "drop", *task.drop_bounds, *task.pairs)
        assert task.scores_header == ("name", *task.measured, "cut_bytes")
        assert {task.metric, task.agreement} <= set(task.columns)

    @pytest.mark.parametrize(
        ("task", "score", "accuracy"),
        [
            (CLASSIFICATION, {"top1": "0.5", "agreement": "0.75"}, 0.5),
            (CLASSIFICATION, {"top1": "", "agreement": "0.75"}, 0.75),
            (DETECTION, {"ap": "0.0", "ap_vs_float": "0.75"}, 0.0),
            (DETECTION, {"ap": "", "ap_vs_float": "0.75"}, 0.75),
            (DETECTION, {}, None),
        ],
    )
    def test_without_labels_agreement_is_the_accuracy(self, task, score, accuracy):
        assert task.accuracy(score) == accuracy

    @pytest.mark.parametrize(
        ("task", "score", "counts"),
        [
            (DETECTION, {"ap": "0.05"}, True),
            (DETECTION, {"ap": "0.0499"}, False),
            (DETECTION, {"ap": ""}, False),  # undefined, or no annotations
            (REGRESSION, {"r2": "-3.0"}, True),  # tasks without a floor count any accuracy
            (CLASSIFICATION, {"top1": "0.0"}, True),
        ],
    )
    def test_a_float_network_below_the_floor_is_what_plans_are_compared_with(
        self, task, score, counts
    ):
        plan = {task.metric: "0.02", task.agreement: "0.75"}

        assert task.counts_metric(score) == counts
        assert task.accuracy(plan, score) == (0.02 if counts else 0.75)

    def test_no_two_tasks_have_one_name_or_one_header(self):
        assert len({task.name for task in TASKS}) == len(TASKS)
        assert len({task.scores_header for task in TASKS}) == len(TASKS)


def test_a_confidence_needs_samples_that_are_right_or_wrong():
    check_counted(CLASSIFICATION, 0.95)
    check_counted(DETECTION, None)
    with pytest.raises(DataError, match="AP does not; leave --confidence out"):
        check_counted(DETECTION, 0.95)
