import pytest
import torch

from autosplit.compress.training_set import TrainingSet
from autosplit.data.coco import Truth
from autosplit.data.images import Images
from autosplit.errors import DataError


class Numbers:
    """Samples 0, 1, 2 ..., each its own class."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return self.at(range(self.count))

    def at(self, places):
        return iter([(torch.full((2,), float(place)), place) for place in places])

    def raw(self):
        return iter([(bytes([place]), place) for place in range(self.count)])


def seen(batches):
    return [int(x[0]) for inputs, _ in batches for x in inputs]


def test_every_sample_is_trained_on_or_held_out_and_never_both():
    samples = TrainingSet(Images(Numbers(48)))

    trained, held = seen(samples.epoch(0, 11)), seen(samples.held_out(3))

    assert len(held) == 4
    assert sorted(trained + held) == list(range(48))


def test_the_seed_and_the_epoch_decide_the_order():
    one, same, other = (TrainingSet(Images(Numbers(48)), seed) for seed in (1, 1, 2))

    assert seen(one.epoch(3, 8)) == seen(same.epoch(3, 8))
    assert seen(one.epoch(3, 8)) != seen(one.epoch(4, 8))
    assert seen(one.epoch(3, 8)) != seen(other.epoch(3, 8))


def test_classes_stay_with_their_samples(monkeypatch):
    for kept in (2**30, 0):
        monkeypatch.setattr("autosplit.compress.training_set._KEPT_BYTES", kept)
        for inputs, labels in TrainingSet(Images(Numbers(48))).epoch(0, 8):
            assert inputs[:, 0].tolist() == labels.tolist()


def test_too_few_samples_are_refused():
    with pytest.raises(DataError, match="must hold at least 12 samples, got 11"):
        TrainingSet(Images(Numbers(11)))


class Boxes(Numbers):
    """Samples whose labels are no tensors, as annotated boxes are."""

    def at(self, places):
        return iter(
            [
                (inputs, Truth(8, 8, ((place, 0, 1, 1),), (0,)))
                for inputs, place in super().at(places)
            ]
        )

    def raw(self):
        return iter([(content, Truth(8, 8)) for content, _ in super().raw()])


def test_boxes_stay_with_their_samples(monkeypatch):
    for kept in (2**30, 0):
        monkeypatch.setattr("autosplit.compress.training_set._KEPT_BYTES", kept)
        for inputs, labels in TrainingSet(Images(Boxes(48))).epoch(0, 8):
            assert [truth.boxes[0][0] for truth in labels] == inputs[:, 0].tolist()
