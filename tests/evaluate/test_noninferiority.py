"""The exact test of non-inferiority: its error, by adding up all outcomes and by drawing."""

import itertools

import numpy as np
import pytest
from scipy.stats import beta, multinomial

from autosplit.evaluate.noninferiority import (
    NUISANCE,
    drop_bound,
    drop_p_value,
    images_needed,
)


def shown(lost, won, seen, limit, error=0.05):
    return drop_p_value(lost, won, seen, limit, NUISANCE * error) <= error


@pytest.mark.parametrize(("seen", "error"), [(12, 0.2), (20, 0.1)])
@pytest.mark.parametrize("limit", [0.0, 10.0, -5.0])
def test_a_plan_at_its_limit_is_accepted_no_more_often_than_allowed(seen, error, limit):
    """Added up over all outcomes, for many shares of images that differ."""
    outcomes = [(a, b) for a in range(seen + 1) for b in range(seen + 1 - a)]
    accepted = [(a, b) for a, b in outcomes if shown(a, b, seen, limit, error)]
    rates = []
    for share in np.linspace(abs(limit) / 100, 0.9, 7):
        lost, won = (share + limit / 100) / 2, (share - limit / 100) / 2
        law = multinomial(seen, [lost, max(won, 0.0), max(1 - share, 0.0)])
        rates.append(sum(law.pmf([a, b, seen - a - b]) for a, b in accepted))
    assert max(rates) <= error + 1e-8
    assert max(rates) > 0.3 * error  # and it does accept


def test_a_plan_that_loses_two_points_is_accepted_in_at_most_five_draws_of_hundred():
    """Limit 1, 200 images; by the measured drop alone it is accepted in 38 of 100."""
    rng = np.random.default_rng(0)
    draws = rng.multinomial(200, [0.06, 0.04, 0.9], size=1000)
    alone = np.mean([100 * (a - b) / 200 <= 1 for a, b, _ in draws])
    tested = np.mean([shown(int(a), int(b), 200, 1.0) for a, b, _ in draws])
    assert 0.3 < alone < 0.5
    assert tested <= 0.05


def test_without_a_difference_the_bound_is_near_that_of_one_share():
    """Nothing lost and nothing won: the share lost alone has Clopper and Pearson's bound."""
    alone = 100 * beta.ppf(0.95, 1, 200)
    assert alone < drop_bound(0, 0, 200, 0.05, 0.005) < 1.1 * alone


@pytest.mark.parametrize("counts", [(0, 0, 50), (3, 1, 50), (30, 25, 400)])
def test_the_bound_is_where_the_test_turns(counts):
    bound = drop_bound(*counts, 0.05, 0.005)
    assert drop_p_value(*counts, bound, 0.005) <= 0.05
    assert drop_p_value(*counts, bound - 0.01, 0.005) > 0.05


def test_more_lost_fewer_won_and_a_smaller_limit_are_harder_to_show():
    values = [drop_p_value(*case, 0.005) for case in ((4, 4, 300, 3.0), (6, 4, 300, 3.0))]
    values += [drop_p_value(*case, 0.005) for case in ((6, 2, 300, 3.0), (6, 2, 300, 2.0))]
    assert all(near < far for near, far in itertools.pairwise(values))


def test_limits_that_every_or_no_plan_keeps():
    assert drop_p_value(9, 0, 10, 100.0, 0.005) == 0.0
    assert drop_p_value(0, 9, 10, -100.0, 0.005) == 1.0


def test_the_number_of_images_needed_is_about_where_the_test_turns():
    need = images_needed(1, 1, 100, 2.0, 0.05)
    assert shown(need // 100, need // 100, need, 2.0)
    fewer = need * 3 // 4
    assert not shown(round(fewer / 100), round(fewer / 100), fewer, 2.0)


def test_no_number_of_images_shows_what_is_not_so():
    assert images_needed(2, 0, 100, 2.0, 0.05) is None
    assert images_needed(3, 0, 100, 2.0, 0.05) is None


def test_rare_needs_go_beyond_the_exact_sums():
    assert 10**5 < images_needed(40, 31, 1000, 1.0, 0.05) < 10**6
