"""Plans of a small network run as escalations, against all of it done by hand with torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from measured import plan_for
from numbered import SOURCE
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion.measure import measure
from autosplit.escalation.cuts import SentCut, sent_file
from autosplit.escalation.trial import ThresholdRule, escalate, sizes_of, sure_of
from autosplit.evaluate.judge import Judge
from autosplit.evaluate.ledger import Ledger
from autosplit.evaluate.looks import Looks
from autosplit.evaluate.task import CLASSIFICATION
from autosplit.evaluate.tasks.classification import ClassRecord, read_classes
from autosplit.evaluate.tasks.tasks import ScoredOutput, TaskChoice
from autosplit.evaluate.trials import Trials
from autosplit.grid.grid import WIDTHS
from autosplit.halves.deployed import deploy

COUNT, CHOOSING = 60, 40


class Photos:
    """Images that are kept in memory, with labels."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def batches(self, size, places=None):
        places = list(range(len(self)) if places is None else places)
        for first in range(0, len(places), size):
            batch = places[first : first + size]
            yield self.images[batch], self.labels[batch]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(5)
    layers = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)
    return capture(nn.Sequential(*layers).eval(), (torch.zeros(1, 1, 6, 6),), "small")


@pytest.fixture
def photos():
    images = torch.randn(COUNT, 1, 6, 6, generator=torch.Generator().manual_seed(2))
    return Photos(images, torch.arange(COUNT) % 5)


@pytest.fixture
def trials(network, photos, tmp_path):
    choice = TaskChoice(CLASSIFICATION, (ScoredOutput("output", 0, CLASSIFICATION),))
    looks = Looks.of(photos, network, 8, 0)
    judge = Judge(read_classes, ClassRecord)
    return Trials(network, looks, Ledger(tmp_path, SOURCE), judge, choice=choice)


@pytest.fixture
def file(network, photos):
    stats = measure(network, lambda: iter([photos.images]), WIDTHS)
    return plan_for(network, photos.images, 2, 2, stats=stats)


def order_of(trials):
    return np.concatenate(trials.looks.parts)


def logits_of(network, file, images):
    return deploy(network, file)(images)[0][0]


def margins(logits):
    best = logits.double().softmax(1).sort(1).values
    return best[:, -1] - best[:, -2]


def test_the_threshold_is_chosen_on_the_first_images_and_holds_on_the_others(
    trials, network, photos, file
):
    sure = sure_of(trials, file, ThresholdRule("margin", 0.3, 0.05, CHOOSING))

    images = photos.images[order_of(trials)]
    logits, want = logits_of(network, file, images), network.run((images,))[0].argmax(1)
    confidence, same = margins(logits), logits.argmax(1) == want
    threshold = sure.threshold
    answered = confidence[:CHOOSING] >= threshold.value
    assert (threshold.images, threshold.answered) == (CHOOSING, int(answered.sum()))
    assert threshold.differing == int((answered & ~same[:CHOOSING]).sum())
    assert 0 < threshold.answered < CHOOSING  # else the test says little
    assert sure.answered == tuple((confidence[CHOOSING:] >= threshold.value).tolist())


def test_labels_of_the_images_that_choose_are_not_read(trials, photos, file):
    rule = ThresholdRule("entropy", 0.3, 0.05, CHOOSING)
    before = sure_of(trials, file, rule)
    photos.labels[order_of(trials)[:CHOOSING]] = 0
    for half in ("float", file.half_sha256):
        trials.ledger.forget(half)
    again = replace(trials, looks=replace(trials.looks, _kept={}))

    assert sure_of(again, file, rule) == before


def test_a_temperature_takes_images_that_then_choose_no_threshold(trials, file):
    sure = sure_of(trials, file, ThresholdRule("entropy", 0.5, 0.05, CHOOSING))

    assert sure.threshold.images == CHOOSING - CHOOSING // 4
    assert len(sure.answered) == COUNT - CHOOSING


def test_a_limit_that_cannot_be_shown_gives_nothing(trials, file):
    assert sure_of(trials, file, ThresholdRule("margin", 0.001, 0.05, CHOOSING)) is None


def test_bytes_and_accuracy_are_those_of_both_halves_image_by_image(trials, network, photos, file):
    sure = sure_of(trials, file, ThresholdRule("margin", 0.3, 0.05, CHOOSING))
    cut = network.graph.prefix(1)
    part = sent_file(file, SentCut(cut, 36, 0.0), {})
    one, row = escalate(trials, sure, part, "name", sizes_of(trials, part))

    images = photos.images[order_of(trials)[CHOOSING:]]
    labels = photos.labels[order_of(trials)[CHOOSING:]]
    edge, cloud = (logits_of(network, each, images).argmax(1) for each in (file, part))
    here = torch.tensor(sure.answered)
    answers = torch.where(here, edge, cloud)
    sent_on = COUNT - CHOOSING - int(here.sum())
    assert 0 < sent_on < COUNT - CHOOSING
    assert row["top1"] == float((answers == labels).double().mean())
    assert (row["name"], row["images"]) == ("name", COUNT - CHOOSING)
    want = network.run((images,))[0].argmax(1)
    hits, before = answers == labels, want == labels
    assert row["drop"] == pytest.approx(100 * float((before.double() - hits.double()).mean()))
    # 4 channels of 6 x 6 at 2 bits
    assert (one.sent.sent, one.sent.high) == (36, 36)
    assert one.sent.mean == pytest.approx(36 * sent_on / (COUNT - CHOOSING))
    assert (one.edge_plan, one.cut, one.images) == ("p", cut.edge, COUNT - CHOOSING)


def test_the_part_sends_what_a_plan_of_the_same_grids_that_is_cut_there_sends(
    network, photos, file
):
    stats = measure(network, lambda: iter([photos.images]), WIDTHS)
    other = plan_for(network, photos.images, 2, 2, count=1, stats=stats)
    part = sent_file(file, SentCut(network.graph.prefix(1), 36, 0.0), {})

    messages = [deploy(network, each).edge((photos.images,))[0] for each in (part, other)]

    assert messages[0].encode() == messages[1].encode()
