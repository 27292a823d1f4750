"""How a network's answers are read, by its task."""

from types import SimpleNamespace

import pytest
import torch
from numbered import SOURCE

from autosplit.data.coco import Truth
from autosplit.data.preprocess import Letterbox
from autosplit.errors import DataError
from autosplit.evaluate.ledger import Ledger
from autosplit.evaluate.task import CLASSIFICATION, DETECTION, TASKS
from autosplit.evaluate.tasks.classification import ClassRecord
from autosplit.evaluate.tasks.detection import BoxRecord
from autosplit.evaluate.tasks.tasks import READERS, SCORERS, ScoredOutput, TaskChoice
from autosplit.models.networks.yolo_decode import YoloHead


class TestJudge:
    """Who reads the answers of a network, and what boxes a detector can be measured on."""

    HEADS = (YoloHead(0, ((10.0, 10.0),), 2),)

    def model(self, labels=("house", "tree"), heads=HEADS):
        place = Letterbox((32, 32))
        return SimpleNamespace(name="net", heads=heads, labels=labels, preprocess=place)

    def data(self, *labels):
        return SimpleNamespace(labels=labels)

    @pytest.mark.parametrize("labels", [(), ("house", "tree"), ("0", "1"), ("hut", "tree")])
    def test_a_detector_is_measured_by_boxes(self, labels):
        record = TaskChoice(DETECTION).judge(self.model(), self.data(*labels)).empty()
        assert record.task.name == "detection"
        assert record.labels == ("house", "tree")

    def classes(self):
        choice = TaskChoice(CLASSIFICATION, (ScoredOutput("logits", 1, CLASSIFICATION),))
        return choice.judge(self.model(heads=()), self.data("a"))

    def test_a_classifier_is_measured_by_the_classes_of_its_output(self):
        judge = self.classes()
        outputs = torch.zeros(2, 9), torch.eye(2)

        assert judge.empty() == ClassRecord()
        assert judge.read(outputs, None, 2, outputs).classes.tolist() == [0, 1]

    @pytest.mark.parametrize(
        ("labels", "expected"),
        [
            (("a", "b", "c"), "must have the network's 2 classes, has 3 .*, from 'a' to 'c'"),
            (("cat", "dog"), "must have the network's classes, its first is 'house', .* 'cat'"),
            (("tree", "tree"), "'tree' is number 0, the network's is number 1"),
        ],
    )
    def test_boxes_of_other_classes_are_refused(self, labels, expected):
        with pytest.raises(DataError, match=expected):
            TaskChoice(DETECTION).judge(self.model(), self.data(*labels))

    def test_a_classifier_cannot_be_measured_on_boxes(self):
        with pytest.raises(DataError, match="one tensor of labels for a classifier, has boxes"):
            self.classes().read((torch.zeros(1, 2),) * 2, (Truth(3, 3),), 1, None)

    def test_records_of_both_kinds_are_kept(self, tmp_path):
        ledger = Ledger(tmp_path, SOURCE)
        record = BoxRecord(1, ("a",), truths=[Truth(3, 3)])
        ledger.keep("22", record)

        assert ledger.find("22") == record

    def test_every_task_has_a_scorer_whose_records_are_of_that_task(self):
        assert set(SCORERS) == {task.name for task in TASKS}
        assert all(record.task.name == name for name, record in SCORERS.items())
        assert set(SCORERS) - set(READERS) == {"detection", "own-score", "several"}
