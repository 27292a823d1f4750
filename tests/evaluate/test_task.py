"""The columns of each task, and which of them a drop is counted in."""

import pytest

from autosplit.errors import FileError
from autosplit.evaluate.task import CLASSIFICATION, DETECTION, TASKS, read_scores, write_scores

SCORES = {
    CLASSIFICATION: [{"name": "float", "images": 4, "top1": 0.5, "agreement": 1.0, "drop": 0.0}],
    DETECTION: [
        {"name": "float", "images": 4, "ap": 0.5, "drop": 0.0, "per_class": {"a": 0.5, "b": None}},
        {"name": "p", "images": 4, "ap": 0.25, "drop": 25.0, "per_class": {"a": 0.25, "b": None}},
    ],
}


class TestColumns:
    def test_detection_begins_with_the_twelve_numbers_of_coco(self):
        twelve = "ap ap50 ap75 ap_small ap_medium ap_large ar1 ar10 ar100 ar_small ar_medium"

        assert DETECTION.columns[:12] == (*twelve.split(), "ar_large")
        assert DETECTION.columns[12:] == ("ap_vs_float", "ap50_vs_float")

    @pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
    def test_every_table_has_what_was_measured(self, task):
        assert task.measured == ("images", *task.columns, "drop")
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


class TestFiles:
    @pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
    def test_the_header_tells_the_task(self, tmp_path, task):
        write_scores(tmp_path, task, SCORES[task])
        found, rows = read_scores(tmp_path / "scores.csv")

        assert found is task
        assert list(rows) == [score["name"] for score in SCORES[task]]
        assert rows["float"][task.metric] == "0.5"
        assert rows["float"]["cut_bytes"] == ""

    def test_scores_by_class_have_a_file_of_their_own(self, tmp_path):
        assert write_scores(tmp_path, CLASSIFICATION, SCORES[CLASSIFICATION]) == ("scores.csv",)
        files = write_scores(tmp_path, DETECTION, SCORES[DETECTION])

        assert files == ("scores.csv", "class_scores.csv")
        text = (tmp_path / "class_scores.csv").read_text()
        assert text == "name,class,ap\nfloat,a,0.5\nfloat,b,\np,a,0.25\np,b,\n"

    @pytest.mark.parametrize("text", ["", "name,images\n", "name,ap\n"])
    def test_a_foreign_file_is_refused(self, tmp_path, text):
        (tmp_path / "scores.csv").write_text(text)
        with pytest.raises(FileError, match=r"scores\.csv: header must be name,images,"):
            read_scores(tmp_path / "scores.csv")

    def test_a_missing_file_is_refused(self, tmp_path):
        with pytest.raises(FileError, match=r"scores\.csv: must be a readable file"):
            read_scores(tmp_path / "scores.csv")
