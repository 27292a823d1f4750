"""Clips that are moved together: never worse on samples kept aside, and few evaluations."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from clips import IMAGES, loss, too_wide
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.finish.lapq import REACH, _apart, _Loss, clip_jointly, scaled
from autosplit.grid.grid import LEAST_STEP, Grid


@pytest.fixture(scope="module")
def case():
    return too_wide()


def test_ranges_that_are_too_long_are_made_shorter(case):
    program, file = case
    found = clip_jointly(program, file, lambda: iter(IMAGES.split(16)), 80)

    assert loss(program, found) < 0.8 * loss(program, file)
    for name in ("a", "b"):
        ratio = found.activations[name].scale[0] / file.activations[name].scale[0]
        assert 1 / REACH * 0.99 <= ratio < 1


def test_inputs_answers_zero_points_and_widths_stay(case):
    program, file = case
    found = clip_jointly(program, file, lambda: iter([IMAGES]), 30)

    for name in ("x", "fc"):
        assert found.activations[name] == file.activations[name]
    for name, integers in found.activations.items():
        assert integers.zero_point == file.activations[name].zero_point
        assert integers.bits == file.activations[name].bits


@pytest.mark.parametrize("evaluations", [0, 1, 7])
def test_no_more_runs_than_allowed(case, evaluations):
    program, file = case
    told = []
    clip_jointly(program, file, lambda: iter([IMAGES]), evaluations, told.append)

    assert sum(told) <= evaluations


def test_one_sample_leaves_the_plan_as_it_was(case):
    program, file = case

    assert clip_jointly(program, file, lambda: iter([IMAGES[:1]]), 20) is file


@pytest.mark.parametrize("size", [1, 2, 3, 64])
def test_batches_of_any_size_are_searched_on(case, size):
    program, file = case
    told = []
    found = clip_jointly(program, file, lambda: iter(IMAGES[:8].split(size)), 10, told.append)

    assert sum(told) == 10
    assert found.activations.keys() == file.activations.keys()


@pytest.mark.parametrize(
    ("samples", "size", "searched", "kept"),
    [(64, 16, 48, 16), (64, 1, 48, 16), (10, 4, 8, 2), (2, 2, 1, 1), (1, 1, 0, 0)],
)
def test_a_quarter_of_the_samples_is_kept_aside(samples, size, searched, kept):
    numbers = torch.arange(samples)
    found = _apart(iter(numbers.split(size)), None)
    used, aside = ([int(n) for (batch,) in part for n in batch] for part in found)

    assert (len(used), len(aside)) == (searched, kept)
    assert sorted(used + aside) == list(range(samples))[: searched + kept]


@pytest.mark.parametrize(
    ("samples", "searched", "kept"), [(7, 0, 0), (8, 4, 4), (33, 24, 8), (64, 48, 16)]
)
def test_a_bound_batch_is_always_full(samples, searched, kept):
    """As many whole batches of four as there are, one of four kept aside, the rest left out."""
    given = torch.arange(samples), 10 * torch.arange(samples)
    found = _apart(iter(zip(*(values.split(5) for values in given), strict=True)), 4)

    assert [sum(len(x) for x, _ in part) for part in found] == [searched, kept]
    for x, y in (batch for part in found for batch in part):
        assert len(x) == 4
        assert y.tolist() == [10 * n for n in x.tolist()]


def test_a_program_of_one_batch_size_is_searched_on_whole_batches(case):
    """What a batch of four flattens to stands in the program, so no other batch runs."""
    torch.manual_seed(0)
    net = Net(
        lambda net, x: net.fc(net.a(x).relu().reshape(4, -1)),
        a=nn.Conv2d(3, 4, 3),
        fc=nn.Linear(144, 10),
    )
    program = capture(torch.export.export(net, (IMAGES[:4],), strict=False), (IMAGES[:4],))
    assert program.batch_size == 4
    told = []
    file = plan_for(program, IMAGES[:4], 4)
    clip_jointly(program, file, lambda: iter(IMAGES[:22].split(4)), 5, told.append)

    assert sum(told) == 5


def test_all_ranges_are_scaled_alike_then_each_is_moved_by_itself(case, monkeypatch):
    """A loss with a part of each range: which ranges move from one run to the next."""
    program, file = case
    places = [np.zeros(2)]

    def where(_, found):
        pairs = [(found.activations[name], file.activations[name]) for name in ("a", "b")]
        places.append(np.log([new.scale[0] / old.scale[0] for new, old in pairs]))
        return float(np.square(places[-1] - [0.3, -0.2]).sum())

    monkeypatch.setattr(_Loss, "of", where)
    clip_jointly(program, file, lambda: iter([IMAGES]), 60)
    moves = np.diff(places, axis=0)
    moved = [tuple(row) for row in np.abs(moves) > 1e-6]
    first = moves[: moved.index((True, False))]

    assert (True, False) in moved
    assert (False, True) in moved
    np.testing.assert_allclose(first[:, 0], first[:, 1], atol=1e-6)


def test_what_only_suits_the_samples_searched_on_is_not_taken(case, monkeypatch):
    """A search that ends at a bad place is found out on the samples that were kept aside."""
    program, file = case

    def bad(loss, start, **_):
        loss.best = (-1.0, start + 10)
        return SimpleNamespace(x=start)

    monkeypatch.setattr("autosplit.finish.lapq.minimize", bad)

    assert clip_jointly(program, file, lambda: iter([IMAGES]), 5) is file


def test_a_longer_range_has_the_same_zero():
    assert scaled(Grid.of(4, (0.5,), (3,)), 1.5) == Grid.of(4, (0.75,), (3,))


def test_the_least_step_there_is_gets_no_shorter():
    least = Grid.of(4, LEAST_STEP, 3)

    assert scaled(least, 0.6) == least
