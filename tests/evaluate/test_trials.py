"""Scores that are kept, and batches that a network can run."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from autosplit.capture.program import Program
from autosplit.data.coco import Truth
from autosplit.data.preprocess import Letterbox
from autosplit.errors import DataError
from autosplit.evaluate import trials as scoring
from autosplit.evaluate.boxes import BoxRecord
from autosplit.evaluate.ledger import Ledger
from autosplit.evaluate.record import ClassRecord
from autosplit.evaluate.trials import (
    Looks,
    Trials,
    batch_size,
    batches_of,
    choose,
    judge_of,
    score_all,
    step_size,
)
from autosplit.models.networks.yolo_decode import YoloHead
from autosplit.progress import silent

SOURCE = {"model": "aa", "data": "bb"}


class TestLedger:
    RECORD = ClassRecord(total=3, classes=[4, 5], hits=[1, 0], hits5=[1, 1])

    def test_a_record_is_found_again(self, tmp_path):
        ledger = Ledger(tmp_path, SOURCE)
        assert ledger.find("11") == ClassRecord()

        ledger.keep("11", self.RECORD)
        assert ledger.find("11") == self.RECORD
        ledger.forget("11")
        assert ledger.find("11") == ClassRecord()

    @pytest.mark.parametrize(
        ("source", "half"),
        [
            (SOURCE | {"model": "a"}, "p" * 17),
            (SOURCE | {"data": "b"}, "p" * 17),
            (SOURCE, "p" * 16 + "q"),
        ],
        ids=["another network", "other images", "another half"],
    )
    def test_a_record_of_something_else_is_not_found(self, tmp_path, source, half):
        Ledger(tmp_path, SOURCE).keep("p" * 17, self.RECORD)

        assert Ledger(tmp_path, source).find(half) == ClassRecord()


@dataclass
class Images:
    """Images that say how often they are read."""

    count: int
    passes: int = 0

    def __len__(self):
        return self.count

    def batches(self, size):
        self.passes += 1
        for first in range(0, self.count, size):
            yield torch.zeros(min(size, self.count - first), 2), None


def program(fixed=None, elements=10):
    graph = SimpleNamespace(inputs={"x": ()}, by_name={}, elements=lambda _: elements)
    return SimpleNamespace(graph=graph, batch_size=fixed)


def sizes(batches):
    return [len(images) for images, _ in batches()]


class TestBatches:
    @pytest.mark.parametrize(
        ("elements", "size"), [(1, 256), (15_625, 256), (20_000, 200), (250_000, 16), (10**9, 16)]
    )
    def test_their_size_suits_that_of_the_images(self, elements, size):
        assert batch_size(program(elements=elements), 0) == size

    @pytest.mark.parametrize(
        ("elements", "size"), [(1, 256), (50_000, 100), (800_000, 6), (10**9, 1)]
    )
    def test_the_steps_of_an_evaluation_suit_the_largest_tensor(self, elements, size):
        given = program(elements=10)
        given.graph.by_name = {"conv": None, "fc": None}
        given.graph.elements = {"x": 10, "conv": elements, "fc": 1}.__getitem__
        given.step = Program.step.fget(given)

        assert step_size(given, 0) == size
        assert step_size(given, 7) == 7
        given.batch_size = 4
        assert step_size(given, 7) == step_size(given, 0) == 4

    def test_what_is_asked_for_counts_unless_the_network_is_bound(self):
        assert batch_size(program(), 7) == 7
        assert batch_size(program(fixed=4), 7) == 4

    def test_the_last_one_may_be_smaller(self):
        assert sizes(batches_of(Images(10), program(), 4)) == [4, 4, 2]

    def test_a_bound_network_gets_whole_ones_only(self):
        assert sizes(batches_of(Images(10), program(fixed=4), 3)) == [4, 4]
        assert sizes(batches_of(Images(4), program(fixed=4), 3)) == [4]

    def test_too_few_images_for_a_whole_one_are_refused(self):
        with pytest.raises(DataError, match=r"must have at least 4 images, .* got 3"):
            batches_of(Images(3), program(fixed=4), 0)


class Numbers:
    """Images that are their own numbers, with a label; they say how often one is read."""

    def __init__(self, labels):
        self.labels, self.read = labels, 0

    def __len__(self):
        return len(self.labels)

    def batches(self, size, places=None):
        places = range(len(self)) if places is None else places
        for first in range(0, len(places), size):
            batch = places[first : first + size]
            self.read += len(batch)
            yield (
                torch.tensor([[float(place)] for place in batch]),
                torch.tensor([self.labels[place] for place in batch]),
            )


def images_of(trials):
    """Numbers of the images in the order in which they are run."""
    return [place for part in trials.looks.parts for place in part.tolist()]


class TestTrials:
    """Networks of two classes: a plan answers wrong on a share of its images."""

    COUNT = 1000

    @pytest.fixture
    def images(self):
        return Numbers([place % 2 for place in range(self.COUNT)])

    @pytest.fixture
    def trials(self, images, tmp_path, monkeypatch):
        def answer_float(inputs):
            (x,) = inputs
            right = x[:, 0].long() % 2
            right[x[:, 0] % 10 == 0] = 1  # wrong: nine in ten are right
            return (torch.nn.functional.one_hot(right, 2).float(),)

        def deploy(_, file):
            def run(x):
                answers = answer_float((x,))[0].flip(1)
                keep = x[:, 0] % 100 >= file.wrong
                return (torch.where(keep[:, None], answers.flip(1), answers),), 0

            return Deployed(run)

        @dataclass
        class Deployed:
            run: object
            crossing_bytes: int = 0
            coding: object = None

            def __call__(self, x):
                return self.run(x)

        monkeypatch.setattr(scoring, "deploy", deploy)
        net = program()
        net.run = answer_float
        looks = Looks.of(images, net, 50, seed=1)
        return Trials(net, looks, Ledger(tmp_path, SOURCE))

    def plan(self, wrong):
        """A plan that turns the answer to ``wrong`` of a hundred images round."""
        plan = SimpleNamespace(name=f"p{wrong}", crossing_bytes=0)
        return SimpleNamespace(half_sha256=f"{wrong}", plan=plan, wrong=wrong)

    def test_every_image_is_run_once_and_counted(self, trials):
        reference = trials.reference()
        plans, ran = score_all(trials, [self.plan(0), self.plan(20)], 1, silent)

        assert (plans, ran) == (2, 2 * self.COUNT)
        assert reference.float_row()["top1"] == 0.9
        row = trials.ledger.find("20").plan_row(self.plan(20).plan, reference)
        # of the first 20 in a hundred two are wrong in float, and right when turned round
        assert (row["images"], row["top1"], row["agreement"]) == (self.COUNT, 0.74, 0.8)
        assert row["drop"] == pytest.approx(16.0)
        assert score_all(trials, [self.plan(0), self.plan(20)], 1, silent) == (0, 0)

    def test_plans_with_the_same_half_are_run_once_and_both_counted(self, trials):
        assert score_all(trials, [self.plan(5), self.plan(5)], 1, silent) == (2, self.COUNT)

    def test_a_plan_that_loses_much_is_stopped_early(self, trials):
        reference = trials.reference()
        record, ran = trials.run(self.plan(60), reference, max_drop=2.0)

        assert ran == record.seen < 100
        assert not record.done
        assert record.plan_row(self.plan(60).plan, reference)["images"] == ran

    def test_it_goes_on_where_it_stopped(self, trials, images):
        reference = trials.reference()
        _, first = trials.run(self.plan(60), reference, max_drop=2.0)
        whole, rest = trials.run(self.plan(60), reference)

        assert first + rest == self.COUNT
        order = images_of(trials)
        float_classes = [1 if place % 10 == 0 else place % 2 for place in order]
        turned = [place % 100 < 60 for place in order]
        assert whole.classes == [
            1 - c if turn else c for c, turn in zip(float_classes, turned, strict=True)
        ]
        assert images.read == self.COUNT  # decoded once for all

    def test_a_plan_within_the_limit_is_run_whole(self, trials):
        record, ran = trials.run(self.plan(1), trials.reference(), max_drop=2.0)
        assert (ran, record.done) == (self.COUNT, True)

    def test_the_fastest_within_the_limit_is_found_and_no_slower_one_is_run(self, trials):
        files = {f"p{wrong}": self.plan(wrong) for wrong in (0, 2, 30, 60)}
        orders = [["p60", "p30", "p2", "p0"], ["p30", "p60", "p2"]]

        plans, ran = choose(trials, files, orders, 3.0, silent)

        assert trials.ledger.find("0") == ClassRecord()
        assert trials.ledger.find("2").done
        assert not trials.ledger.find("30").done
        assert ran == sum(trials.ledger.find(half).seen for half in ("2", "30", "60"))
        assert plans == 3
        assert ran < 1.5 * self.COUNT

    def test_a_record_of_other_images_is_begun_again(self, trials):
        trials.ledger.keep("1", ClassRecord(total=7, classes=[0] * 7))
        record, ran = trials.run(self.plan(1), trials.reference())
        assert (ran, record.total) == (self.COUNT, self.COUNT)

    def test_images_that_are_not_kept_are_read_again(self, trials, images, monkeypatch):
        monkeypatch.setattr(scoring, "CACHE_BYTES", 0)
        trials.reference()
        trials.run(self.plan(1), trials.reference())
        assert images.read == 2 * self.COUNT

    def test_the_first_group_says_what_range_images_have(self, trials, images):
        """Images are their own numbers; the group is kept for when it is run."""
        first = trials.looks.parts[0]

        assert trials.looks.extremes == (min(first), max(first))
        trials.reference()
        assert images.read == self.COUNT

    def test_images_that_went_missing_are_noticed(self, trials, images):
        images.batches = lambda size, places: iter([])
        with pytest.raises(DataError, match="must give the same 1000 images on each pass"):
            trials.reference()


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
        record = judge_of(self.model(), self.data(*labels)).empty()
        assert record.task.name == "detection"
        assert record.labels == ("house", "tree")

    def test_a_network_without_heads_is_measured_by_classes(self):
        assert judge_of(self.model(heads=()), self.data("a")).empty() == ClassRecord()

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
            judge_of(self.model(), self.data(*labels))

    def test_a_classifier_cannot_be_measured_on_boxes(self):
        with pytest.raises(DataError, match="must have classes for a classifier, has boxes"):
            judge_of(self.model(heads=()), self.data("a")).read(
                (torch.zeros(1, 2),), (Truth(3, 3),), 1
            )

    def test_records_of_both_kinds_are_kept(self, tmp_path):
        ledger = Ledger(tmp_path, SOURCE)
        record = BoxRecord(1, ("a",), truths=[Truth(3, 3)])
        ledger.keep("22", record)

        assert ledger.find("22") == record
