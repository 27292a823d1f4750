"""Files of scores: the header tells the task, and a foreign file is refused."""

import numpy as np
import pytest

from autosplit.data.coco import Truth
from autosplit.errors import FileError
from autosplit.evaluate.average_precision import FoundBoxes
from autosplit.evaluate.box_measures import measure_boxes
from autosplit.evaluate.scorefile import BOX_FILES, read_scores, write_scores
from autosplit.evaluate.task import CLASSIFICATION, DETECTION, SEVERAL, TASKS
from autosplit.files import write_csv

SCORES = {
    CLASSIFICATION: [{"name": "float", "images": 4, "top1": 0.5, "agreement": 1.0, "drop": 0.0}],
    DETECTION: [
        {"name": "float", "images": 4, "ap": 0.5, "drop": 0.0, "per_class": {"a": 0.5, "b": None}},
        {"name": "p", "images": 4, "ap": 0.25, "drop": 25.0, "per_class": {"a": 0.25, "b": None}},
    ],
}
SCORES |= {
    task: [{"name": "float", "images": 4, task.metric: 0.5, "drop": 0.0}]
    for task in TASKS
    if task not in SCORES
}


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

    def test_measures_of_boxes_have_files_of_their_own(self, tmp_path):
        box = np.array([[0.0, 0.0, 8.0, 8.0]])
        truth = Truth(9, 9, ((0.0, 0.0, 8.0, 8.0),), (0,), (64.0,), (False,))
        seen = FoundBoxes(box, np.array([0.9]), np.array([0]))
        row = {
            "name": "p",
            "images": 1,
            "box_measures": measure_boxes([truth], [seen], ["a"]).rows("p"),
        }

        files = write_scores(tmp_path, DETECTION, [row])
        assert files == ("scores.csv", *BOX_FILES)
        assert (tmp_path / "confusion.csv").read_text() == "name,there,found,boxes\np,a,a,1\n"
        text = (tmp_path / "box_scores.csv").read_text().splitlines()
        assert text[1] == "p,all,1,1,1.0,1.0,1.0,0.9,1.0,1.0,1.0"

    def test_scores_by_output_have_a_file_of_their_own(self, tmp_path):
        row = {"name": "float", "images": 4, "per_output": {"age": {"r2": 0.5, "mae": None}}}

        assert write_scores(tmp_path, SEVERAL, [row]) == ("scores.csv", "output_scores.csv")
        text = (tmp_path / "output_scores.csv").read_text()
        assert text == "name,output,column,value\nfloat,age,r2,0.5\nfloat,age,mae,\n"

    @pytest.mark.parametrize("text", ["", "name,images\n", "name,ap\n"])
    def test_a_foreign_file_is_refused(self, tmp_path, text):
        (tmp_path / "scores.csv").write_text(text)
        with pytest.raises(FileError, match=r"scores\.csv: header must be name,images,"):
            read_scores(tmp_path / "scores.csv")

    def test_a_missing_file_is_refused(self, tmp_path):
        with pytest.raises(FileError, match=r"scores\.csv: must be a readable file"):
            read_scores(tmp_path / "scores.csv")


def test_a_file_of_before_pairs_were_counted_is_read(tmp_path):
    older = [name for name in CLASSIFICATION.scores_header if name not in ("lost", "won")]
    row = dict.fromkeys(older, "1") | {"name": "float"}
    write_csv(tmp_path / "scores.csv", older, [row])

    task, rows = read_scores(tmp_path / "scores.csv")

    assert task is CLASSIFICATION
    assert task.lost_and_won(rows["float"]) is None
