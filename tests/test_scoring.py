"""Scores that are kept, and batches that a network can run."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from autosplit import scoring
from autosplit.errors import DataError
from autosplit.scoring import Ledger, batch_size, batches_of, cached

SOURCE = {"model": "aa", "data": "bb"}


class TestLedger:
    def test_a_score_is_found_again(self, tmp_path):
        ledger = Ledger(tmp_path, SOURCE, {"p": "11"})
        assert ledger.find("p") is None

        ledger.keep({"name": "p", "top1": 0.5, "top5": None})
        assert ledger.find("p") == {"name": "p", "top1": 0.5, "top5": None}

    @pytest.mark.parametrize(
        ("source", "plans"),
        [
            (SOURCE | {"model": "a"}, {"p": "11"}),
            (SOURCE | {"data": "b"}, {"p": "11"}),
            (SOURCE, {"p": "12"}),
        ],
        ids=["another network", "other images", "another plan"],
    )
    def test_a_score_of_something_else_is_not_found(self, tmp_path, source, plans):
        Ledger(tmp_path, SOURCE, {"p": "11"}).keep({"name": "p"})

        assert Ledger(tmp_path, source, plans).find("p") is None


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
    graph = SimpleNamespace(inputs={"x": ()}, elements=lambda _: elements)
    return SimpleNamespace(graph=graph, batch_size=fixed)


def sizes(batches):
    return [len(images) for images, _ in batches()]


class TestBatches:
    @pytest.mark.parametrize(
        ("elements", "size"), [(1, 256), (15_625, 256), (20_000, 200), (250_000, 16), (10**9, 16)]
    )
    def test_their_size_suits_that_of_the_images(self, elements, size):
        assert batch_size(program(elements=elements), 0) == size

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


class TestCached:
    def test_few_images_are_read_once(self):
        images = Images(10)
        batches = cached(batches_of(images, program(), 4))

        assert sizes(batches) == sizes(batches) == [4, 4, 2]
        assert images.passes == 1

    def test_many_images_are_read_anew_each_time(self, monkeypatch):
        monkeypatch.setattr(scoring, "CACHE_BYTES", 79)  # 10 images of 2 floats take 80
        images = Images(10)
        batches = cached(batches_of(images, program(), 4))

        assert sizes(batches) == sizes(batches) == [4, 4, 2]
        assert images.passes == 3
