"""Plans are run look by look: every image once, and no image more than is needed."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch
from numbered import SOURCE, Numbers, program

from autosplit.evaluate import looks
from autosplit.evaluate import trials as trials_module
from autosplit.evaluate.judge import Judge
from autosplit.evaluate.ledger import Ledger
from autosplit.evaluate.looks import Looks
from autosplit.evaluate.task import CLASSIFICATION
from autosplit.evaluate.tasks.classification import ClassRecord, read_classes
from autosplit.evaluate.trials import Trials, choose, score_all, score_rows
from autosplit.halves.wire.layout import WireLayout
from autosplit.progress import silent


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
            layout: WireLayout = field(default_factory=WireLayout)

            def __call__(self, x):
                return self.run(x)

        monkeypatch.setattr(trials_module, "deploy", deploy)
        net = program()
        net.run = answer_float
        looks = Looks.of(images, net, 50, seed=1)
        return Trials(net, looks, Ledger(tmp_path, SOURCE), Judge(read_classes, ClassRecord))

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

    def test_rows_begin_with_the_float_network_and_leave_out_plans_that_never_ran(self, trials):
        trials.reference()
        score_all(trials, [self.plan(20)], 1, silent)
        task, rows = score_rows(trials.ledger, [self.plan(0), self.plan(20)])

        assert task is CLASSIFICATION
        assert [row["name"] for row in rows] == ["float", "p20"]
        assert rows[1]["drop"] == pytest.approx(16.0)

    def test_plans_with_the_same_half_are_run_once_and_both_counted(self, trials):
        assert score_all(trials, [self.plan(5), self.plan(5)], 1, silent) == (2, self.COUNT)

    def test_a_plan_that_loses_much_is_stopped_early(self, trials):
        reference = trials.reference()
        record, ran = trials.run(self.plan(60), reference, max_drop=2.0)

        assert ran == record.seen < 100
        assert not record.done
        assert record.plan_row(self.plan(60).plan, reference)["images"] == ran

    def test_the_bound_allows_for_every_look_before_the_last_image(self, trials):
        told = []
        record = SimpleNamespace(lost=lambda *args: told.append(args))

        trials.lost(record, "reference", 2.0)

        # Looks after 16, 32, 64, 128, 256 and 512 of 1,000 images.
        assert told == [("reference", 2.0, 6)]

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

        assert trials.ledger.find("0") is None
        assert trials.ledger.find("2").done
        assert not trials.ledger.find("30").done
        assert ran == sum(trials.ledger.find(half).seen for half in ("2", "30", "60"))
        assert plans == 3
        assert ran < 1.5 * self.COUNT

    def test_with_a_confidence_it_goes_on_to_the_plan_that_is_shown_to_be_good(self, trials):
        """30 images of 1,000 lost and 10 won may be 3 points in truth; none of either may not."""
        files = {f"p{wrong}": self.plan(wrong) for wrong in (0, 4, 30)}

        choose(trials, files, [["p30", "p4", "p0"]], 2.5, silent, 0.05)

        assert trials.ledger.find("4").done
        assert trials.ledger.find("0").done

    def test_with_a_confidence_it_stops_at_the_first_plan_that_is_shown_to_be_good(self, trials):
        files = {f"p{wrong}": self.plan(wrong) for wrong in (0, 4, 30)}

        choose(trials, files, [["p30", "p4", "p0"]], 6.0, silent, 0.05)

        assert trials.ledger.find("4").done
        assert trials.ledger.find("0") is None

    def test_a_record_of_other_images_is_begun_again(self, trials):
        trials.ledger.keep("1", ClassRecord(total=7, classes=[0] * 7))
        record, ran = trials.run(self.plan(1), trials.reference())
        assert (ran, record.total) == (self.COUNT, self.COUNT)

    def test_images_that_are_not_kept_are_read_again(self, trials, images, monkeypatch):
        monkeypatch.setattr(looks, "CACHE_BYTES", 0)
        trials.reference()
        trials.run(self.plan(1), trials.reference())
        assert images.read == 2 * self.COUNT

    def test_the_first_group_says_what_range_images_have(self, trials, images):
        """Images are their own numbers; the group is kept for when it is run."""
        first = trials.looks.parts[0]

        assert trials.looks.extremes == (min(first), max(first))
        trials.reference()
        assert images.read == self.COUNT
