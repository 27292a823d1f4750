import numpy as np
import pytest
from scipy.stats import binomtest

from autosplit.evaluate.early_stop import CONFIDENCE, Standing, divide_into_looks, must_stop


@pytest.mark.parametrize(("count", "whole"), [(1, 1), (20, 1), (1000, 1), (9984, 32), (64, 64)])
def test_each_image_is_in_one_look(count, whole):
    parts = divide_into_looks(count, 0, whole)

    assert sorted(np.concatenate(parts).tolist()) == list(range(count))
    assert all((np.diff(part) > 0).all() for part in parts)
    assert all(len(part) % whole == 0 for part in parts)


def test_each_look_doubles_what_was_seen():
    assert [len(part) for part in divide_into_looks(1000, 0)] == [16, 16, 32, 64, 128, 256, 488]
    assert [len(part) for part in divide_into_looks(20, 0)] == [16, 4]
    assert len(divide_into_looks(10_000, 0)) == 7


def test_the_order_is_that_of_the_seed():
    first = [part.tolist() for part in divide_into_looks(500, 3)]
    assert first == [part.tolist() for part in divide_into_looks(500, 3)]
    assert first != [part.tolist() for part in divide_into_looks(500, 4)]


def test_the_bound_is_the_difference_of_two_exact_intervals():
    """scipy's two-sided interval at 1 - 2 e has the one-sided bounds of error e."""
    found = Standing(lost=30, won=4, seen=100, total=10**6, hopeful=10**5).least_drop(5)

    level = 1 - 2 * (1 - CONFIDENCE) / (2 * 5)
    low = binomtest(30, 100).proportion_ci(level, method="exact").low
    high = binomtest(4, 100).proportion_ci(level, method="exact").high
    assert found == pytest.approx(100 * (low - high))


def test_what_is_certain_counts_however_few_were_seen():
    # 18 of 20 right in float; 5 of 16 lost, and the two that are left to win are won
    assert Standing(lost=5, won=0, seen=16, total=20, hopeful=2).least_drop(1) == 15.0
    assert Standing(lost=5, won=1, seen=20, total=20, hopeful=0).least_drop(1) == 20.0


def test_nothing_seen_says_only_what_can_be_won():
    assert Standing(lost=0, won=0, seen=0, total=100, hopeful=8).least_drop(3) == -8.0
    assert Standing(lost=0, won=16, seen=16, total=100, hopeful=0).least_drop(3) <= -16


def test_a_good_plan_is_hardly_ever_stopped():
    """A plan at the very limit: dropped at some look in at most 5 of 100 trials, and in fact."""
    rng = np.random.default_rng(0)
    stopped = trials = 0
    for _ in range(400):
        outcome = np.zeros(2000, dtype=int)
        outcome[:120], outcome[120:200] = 1, -1  # 120 lost, 80 won: a drop of 2 points
        parts = divide_into_looks(2000, int(rng.integers(2**31)))
        seen: list[int] = []
        lost = False
        for part in parts[:-1]:
            seen += outcome[part].tolist()
            hopeful = 80 - seen.count(-1)
            standing = Standing(seen.count(1), seen.count(-1), len(seen), 2000, hopeful)
            lost = lost or standing.least_drop(len(parts) - 1) > 2.0
        stopped += lost
        trials += 1
    assert stopped / trials <= 1 - CONFIDENCE


@pytest.mark.parametrize(("max_drop", "stops"), [(14.9, True), (15.0, False), (15.1, False)])
def test_a_plan_is_stopped_once_its_least_drop_is_beyond_the_limit(max_drop, stops):
    standing = Standing(lost=5, won=0, seen=16, total=20, hopeful=2)  # 15 points for certain

    assert must_stop(standing.least_drop(1), max_drop) is stops
    assert not must_stop(None, max_drop)
