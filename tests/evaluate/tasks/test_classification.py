"""Accuracy of a classifier, counted by hand."""

import math

import pytest
import torch
from residual import CLASSES, image, plan_file
from torch import nn

from autosplit.capture.capture import capture
from autosplit.errors import DataError
from autosplit.evaluate.outputs import float_outputs, plan_outputs
from autosplit.evaluate.tasks.classification import ClassRecord, read_classes
from autosplit.grid.grid import Grid
from autosplit.halves.deployed import deploy


@pytest.fixture(scope="module")
def identity():
    layer = nn.Linear(CLASSES, CLASSES, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(CLASSES))
    return capture(nn.Sequential(layer).eval(), (torch.zeros(1, CLASSES),), "identity")


HALVED = Grid.of(1, (0.5, *(1.0,) * 5), (0,) * 6)
FINE = Grid.of(16, (0.001,), (0,))


FLIPPED = image(c0=1.0, c1=0.8)  # class 0 in float; 0.5 against 0.8 in the plan
KEPT = image(c0=1.0)  # class 0 in both
TWO = image(c2=1.0)  # class 2 in both


def float_record(program, batches):
    """The record of the float network on some batches."""
    record = ClassRecord()
    for images, labels in batches():
        record.add(read_classes(float_outputs(program, images), labels, len(images)))
    record.total = record.seen
    return record


def scores(program, file, batches):
    """Rows of the float network and of a plan on the same batches."""
    reference, record = float_record(program, batches), ClassRecord()
    deployed = deploy(program, file)
    for images, labels in batches():
        record.add(read_classes(plan_outputs(deployed, images), labels, len(images)))
    return reference.float_row(), record.plan_row(file.plan, reference)


def halving(identity):
    (tensor,) = identity.graph.inputs
    return plan_file(identity, 1, None, {"0": HALVED}, {tensor: FINE, "0": FINE})


def batches_of(images, labels=None, size=3):
    images = torch.stack(images)
    labels = None if labels is None else torch.tensor(labels)
    return lambda: [
        (images[i : i + size], None if labels is None else labels[i : i + size])
        for i in range(0, len(images), size)
    ]


def wilson(hits, count):
    """Wilson 1927, 95 %."""
    z, share = 1.959963984540054, hits / count
    centre = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return [(centre + sign * half) / (1 + z * z / count) for sign in (-1, 1)]


class TestScore:
    IMAGES = (FLIPPED, FLIPPED, FLIPPED, KEPT, TWO, TWO, TWO, TWO)
    # float is right on all but the second and the last two, the plan on all but 1, 3 and those
    LABELS = (0, 1, 0, 0, 2, 2, 5, 4)

    def test_it_equals_a_count_by_hand(self, identity):
        batches = batches_of(self.IMAGES, self.LABELS)
        whole, row = scores(identity, halving(identity), batches)

        assert float_record(identity, batches).classes == [0, 0, 0, 0, 2, 2, 2, 2]
        assert (whole["top1"], whole["top5"], whole["drop"]) == (5 / 8, 7 / 8, 0.0)
        assert (row["name"], row["images"]) == ("cut1", 8)
        assert (row["top1"], row["top5"], row["agreement"]) == (4 / 8, 7 / 8, 5 / 8)
        assert row["drop"] == 12.5
        assert [row["top1_low"], row["top1_high"]] == pytest.approx(wilson(4, 8), abs=1e-12)
        assert row["cut_bytes"] == 0

    def test_without_labels_it_is_about_agreement(self, identity):
        whole, row = scores(identity, halving(identity), batches_of(self.IMAGES))

        assert (whole["top1"], whole["top5"]) == (None, None)
        assert (row["top1"], row["top5"], row["agreement"]) == (None, None, 5 / 8)
        assert row["drop"] == 37.5
        assert [row["top1_low"], row["top1_high"]] == pytest.approx(wilson(5, 8), abs=1e-12)

    def test_a_drop_is_exact(self, identity):
        """18 of 20 against 17 of 20; 100 * (0.9 - 0.85) is 5.000000000000004."""
        batches = batches_of([FLIPPED, *[TWO] * 19], [0, *[2] * 17, 5, 5])
        _, row = scores(identity, halving(identity), batches)

        assert row["drop"] == 5.0

    def test_a_gain_is_a_negative_drop(self, identity):
        _, row = scores(identity, halving(identity), batches_of([FLIPPED, TWO], [1, 2]))

        assert row["drop"] == -50.0

    def test_on_a_part_of_the_images_the_float_network_is_counted_on_the_same(self, identity):
        """The float network is right on 3 of the first 4 images, and on 5 of all 8."""
        reference = float_record(identity, batches_of(self.IMAGES, self.LABELS))
        record = ClassRecord(total=8)
        (images, labels), *_ = batches_of(self.IMAGES, self.LABELS, size=4)()
        deployed = deploy(identity, halving(identity))
        record.add(read_classes(plan_outputs(deployed, images), labels, 4))

        row = record.plan_row(halving(identity).plan, reference)

        assert row["images"] == 4
        assert row["drop"] == pytest.approx(100 * (3 - 2) / 4)

    @pytest.mark.parametrize(("max_drop", "lost"), [(24.9, True), (25.0, False)])
    def test_only_images_that_float_gets_wrong_can_still_be_won(self, max_drop, lost):
        # Of 8 images float gets 7 right.  The plan lost 3 of the first 4 and can win the last one.
        reference = ClassRecord(total=8, classes=[0] * 8, hits=[1] * 7 + [0], hits5=[1] * 8)
        plan = ClassRecord(total=8, classes=[0] * 4, hits=[0, 0, 0, 1], hits5=[1] * 4)

        assert plan.lost(reference, max_drop, 10**9) == lost

    def test_a_plan_that_was_run_on_nothing_has_no_row(self, identity):
        assert ClassRecord(total=8).plan_row(halving(identity).plan, ClassRecord()) is None

    @pytest.mark.parametrize(("hits", "images"), [(0, 4), (4, 4)])
    def test_the_interval_at_the_ends_is_wilsons_too(self, identity, hits, images):
        batches = batches_of([TWO] * images, [2 if hits else 3] * images)
        _, row = scores(identity, halving(identity), batches)

        assert [row["top1_low"], row["top1_high"]] == pytest.approx(wilson(hits, images), abs=1e-12)

    def test_a_network_of_few_classes_is_always_right_in_the_top_five(self):
        layer = nn.Linear(3, 3)
        few = capture(nn.Sequential(layer).eval(), (torch.zeros(1, 3),), "few")
        record = float_record(few, batches_of([torch.zeros(3)] * 2, [0, 2]))

        assert record.float_row()["top5"] == 1.0

    def test_batches_do_not_change_the_score(self, identity):
        one, three, eight = (
            scores(identity, halving(identity), batches_of(self.IMAGES, self.LABELS, size))
            for size in (1, 3, 8)
        )

        assert one == three == eight

    def test_a_record_is_read_back_as_it_was_kept(self, identity):
        record = float_record(identity, batches_of(self.IMAGES, self.LABELS))

        assert ClassRecord.of(record.data()) == record


class TestBadClasses:
    def test_a_plan_that_answers_nan_is_wrong_about_that_image(self):
        """Two of three rows are numbers; the label of the third is where NaN would be found."""
        logits = torch.tensor([[0.0, 1.0, 2.0], [3.0, 1.0, 2.0], [0.0, math.nan, 2.0]])
        found = read_classes((logits,), torch.tensor([2, 1, 1]), 3)

        assert found.classes.tolist() == [2, 0, -1]
        assert found.hits.tolist() == [True, False, False]
        assert found.hits5.tolist() == [True, True, False]

    @pytest.mark.parametrize(("label", "shown"), [(6, 6), (-1, -1), (1000, 1000)])
    def test_a_label_that_is_no_class_is_named(self, identity, label, shown):
        with pytest.raises(DataError, match=rf"labels must be 0\.\.5, .*, got {shown}$"):
            float_record(identity, batches_of([TWO, TWO], [0, label]))

    def test_an_output_that_is_no_class_scores_is_refused(self):
        with pytest.raises(DataError, match=r"shape \(batch, classes\), got \(9, 2, 4, 4\)"):
            read_classes((torch.zeros(9, 2, 4, 4),), None, 9)


def test_labels_may_be_a_probability_for_each_class():
    logits = torch.eye(3)[[0, 1, 2, 2]]
    soft = torch.tensor([[0.6, 0.4, 0], [0.6, 0.4, 0], [0, 0, 1], [0.2, 0.3, 0.5]])
    hard = torch.nn.functional.one_hot(torch.tensor([0, 0, 2, 2]), 3)

    for labels in (soft, hard):
        assert read_classes((logits,), labels, 4).hits.tolist() == [True, False, True, True]
    with pytest.raises(DataError, match="must have the number of a class for each sample"):
        read_classes((logits,), 2 * soft, 4)
