"""The threshold of an escalation: what is counted, what is bounded, and how often it is wrong."""

import itertools
import math

import pytest

from autosplit.escalation.threshold import (
    THRESHOLDS,
    choose_threshold,
    choosing_images_needed,
    upper_bound,
)


def tail(count, images, share):
    """P(X <= count) of a binomial variable, term by term."""
    return sum(
        math.comb(images, k) * share**k * (1 - share) ** (images - k) for k in range(count + 1)
    )


@pytest.mark.parametrize(("count", "images"), [(0, 10), (1, 10), (3, 40), (9, 10)])
def test_the_bound_is_the_share_at_which_so_few_would_be_seen_with_the_error(count, images):
    bound = upper_bound(count, images, 0.05)

    assert tail(count, images, bound) == pytest.approx(0.05, rel=1e-6)


def test_where_every_image_counts_the_bound_is_one():
    assert upper_bound(4, 4, 0.05) == 1


@pytest.mark.parametrize("limit", [0.003, 0.01, 0.2])
def test_so_many_images_are_needed_and_one_fewer_is_too_few(limit):
    needed = choosing_images_needed(limit, 0.05)

    assert (1 - limit) ** needed <= 0.05 < (1 - limit) ** (needed - 1)


def test_thresholds_fall_from_one_to_zero():
    assert (THRESHOLDS[0], THRESHOLDS[-1]) == (1, 0)
    assert all(a > b for a, b in itertools.pairwise(THRESHOLDS))


class TestChooseThreshold:
    def test_it_is_the_last_before_the_first_that_is_not_shown(self):
        # 100 sure and right answers, then 3 wrong ones at 0.5, then 100 right ones at 0.1:
        # no wrong one is allowed, as the bound of 0 of 203 is 1.5 % and of 3 is 3.8 %
        confidences = [0.9] * 100 + [0.5] * 3 + [0.1] * 100
        same = [True] * 100 + [False] * 3 + [True] * 100

        found = choose_threshold(confidences, same, 0.02, 0.05)

        assert (found.images, found.answered, found.differing) == (203, 100, 0)
        assert 0.5 < found.value <= 0.9
        assert found.value == min(value for value in THRESHOLDS if value > 0.5)
        assert found.bound == pytest.approx(1 - 0.05 ** (1 / 203))

    def test_with_more_allowed_everything_is_answered(self):
        confidences, same = [0.9] * 100 + [0.5] * 3, [True] * 100 + [False] * 3

        found = choose_threshold(confidences, same, 0.1, 0.05)

        assert (found.value, found.answered, found.differing, found.share) == (0, 103, 3, 1)

    def test_too_few_images_show_nothing(self):
        assert choose_threshold([1.0] * 298, [True] * 298, 0.01, 0.05) is None
        assert choose_threshold([1.0] * 299, [True] * 299, 0.01, 0.05) is not None

    def test_the_probability_of_passing_the_limit_is_at_most_the_error(self):
        # Images of three kinds: sure and right, half sure and wrong, unsure and wrong.  The risk of
        # a threshold is the share of the wrong ones it answers.  All outcomes of 12 images.
        images, error, limit = 12, 0.3, 0.25
        for half, unsure in [(0.26, 0.3), (0.1, 0.16), (0.24, 0.02)]:
            shares = {1.0: 1 - half - unsure, 0.5: half, 0.1: unsure}
            passing = 0.0
            for a, b in itertools.product(range(images + 1), repeat=2):
                c = images - a - b
                if c < 0:
                    continue
                ways = math.comb(images, a) * math.comb(images - a, b)
                chance = ways * shares[1.0] ** a * half**b * unsure**c
                sure = [1.0] * a + [0.5] * b + [0.1] * c
                found = choose_threshold(sure, [True] * a + [False] * (b + c), limit, error)
                if found is not None:
                    risk = sum(s for kind, s in shares.items() if kind < 1 and kind >= found.value)
                    passing += chance * (risk > limit)
            assert 0 < passing <= error or half + unsure <= limit
