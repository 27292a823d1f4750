"""Images are given in groups of random order, from memory where they fit, always the same."""

import pytest
from numbered import Numbers, program

from autosplit.errors import DataError
from autosplit.evaluate import looks
from autosplit.evaluate.looks import Looks

COUNT = 300


@pytest.fixture
def images():
    return Numbers([place % 2 for place in range(COUNT)])


def numbers(group):
    return [int(number) for batch, _ in group for number in batch[:, 0]]


def test_groups_hold_every_image_once_in_batches_of_the_size_asked_for(images):
    found = Looks.of(images, program(), 7, seed=3)
    groups = [list(group) for group in found.after(0)]

    assert sorted(number for group in groups for number in numbers(group)) == list(range(COUNT))
    assert found.total == COUNT
    assert all(len(batch) == 7 for group in groups for batch, _ in group[:-1])
    assert all(
        labels.tolist() == [n % 2 for n in batch[:, 0]] for g in groups for batch, labels in g
    )


def test_groups_that_were_run_are_left_out(images):
    found = Looks.of(images, program(), 50, seed=3)
    whole = [numbers(group) for group in found.after(0)]

    for place in range(len(whole) + 1):
        seen = sum(map(len, whole[:place]))
        assert [numbers(group) for group in found.after(seen)] == whole[place:]


def test_images_are_decoded_once_if_they_fit_in_memory(images):
    found = Looks.of(images, program(), 50, seed=3)
    first = [numbers(group) for group in found.after(0)]

    assert [numbers(group) for group in found.after(0)] == first
    assert images.read == COUNT


def test_images_that_do_not_fit_are_read_again(images, monkeypatch):
    parts = [len(part) for part in Looks.of(images, program(), 50, seed=3).parts]
    monkeypatch.setattr(looks, "CACHE_BYTES", 4 * parts[0])  # float32; room for the first group
    found = Looks.of(images, program(), 50, seed=3)

    for _ in range(2):
        assert sum(len(numbers(group)) for group in found.after(0)) == COUNT
    assert images.read == 2 * COUNT - parts[0]


def test_a_network_bound_to_a_batch_size_gets_whole_batches_alone(images):
    found = Looks.of(images, program(fixed=64), 50, seed=3)

    assert found.total == 256
    assert all(len(batch) == 64 for group in found.after(0) for batch, _ in group)


def test_too_few_images_for_one_batch_are_refused(images):
    with pytest.raises(DataError, match=r"at least 301 samples, .* whole batches of 301 only, got"):
        Looks.of(images, program(fixed=301), 50, seed=3)


def test_extremes_are_those_of_the_first_group_and_of_no_other(images):
    found = Looks.of(images, program(), 50, seed=3)
    first = found.parts[0]

    assert found.extremes == (min(first), max(first))
    assert images.read == len(first)


def test_images_that_went_missing_are_noticed(images):
    found = Looks.of(images, program(), 50, seed=3)
    images.batches = lambda size, places: iter([])

    with pytest.raises(DataError, match="must give the same 300 samples on each pass, got fewer"):
        next(iter(next(found.after(0))))
