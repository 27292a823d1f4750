"""Batches that a network can run."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from numbered import program

from autosplit.capture.program import Program
from autosplit.errors import DataError
from autosplit.evaluate import batches
from autosplit.evaluate.batches import batch_size, batches_of, first_batches, step_size
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer


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
        with pytest.raises(DataError, match=r"must have at least 4 samples, .* got 3"):
            batches_of(Images(3), program(fixed=4), 0)


@pytest.mark.parametrize(
    ("live_bytes", "kept"), [(1, [4]), (8 * 7 * 8, [4, 4]), (10**9, [4, 4, 2])]
)
def test_the_first_batches_are_those_whose_live_tensors_fit_and_at_least_one(
    monkeypatch, live_bytes, kept
):
    monkeypatch.setattr(batches, "LIVE_BYTES", live_bytes)
    # x (3) is read by a (4), then a alone is live: at most 7 elements of 4 bytes, two copies.
    layers = (
        Layer("a", "activation", ("x",), ((3,),), (4,)),
        Layer("b", "activation", ("a",), ((4,),), (2,)),
    )
    net = SimpleNamespace(graph=Graph("g", {"x": (3,)}, layers, ("b",)), batch_size=None)

    first = first_batches(batches_of(Images(10), net, 4), net)

    assert [len(images) for images in first()] == kept
    assert [len(images) for images in first()] == kept  # the same on each pass
