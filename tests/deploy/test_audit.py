"""Which answers are checked, what is counted of them, and when everything is sent."""

import pytest

from autosplit.deploy.audit import LEAST_CHECKED, WINDOW, Audit


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_about_the_asked_share_is_checked(share):
    audit, count = Audit(share), 10_000

    chosen = sum(audit.chooses() for _ in range(count))

    # four standard deviations of a binomial count
    assert abs(chosen - share * count) <= 4 * (share * (1 - share) * count) ** 0.5


def test_the_agreement_is_that_of_the_last_answers():
    audit = Audit(1.0)
    assert audit.agreement is None
    for same in [False] * 10 + [True] * (WINDOW - 1):
        audit.noted(same)

    assert (audit.checked, audit.agreed) == (WINDOW + 9, WINDOW - 1)
    assert audit.agreement == (WINDOW - 1) / WINDOW
    assert str(audit) == (
        "audit: 99 of 109 checked answers of the edge agree with the cloud, 99.0 % of the last 100"
    )


def test_below_the_floor_everything_is_sent_until_the_agreement_is_back():
    audit = Audit(1.0, floor=0.9)
    for _ in range(LEAST_CHECKED - 1):
        audit.noted(False)
    assert not audit.sends_all  # of so few nothing is concluded
    audit.noted(False)
    assert audit.sends_all
    assert "below the floor: everything is sent" in str(audit)

    for _ in range(179):  # 20 of 199 differ, but 20 of the last 100 do until 81 have followed
        audit.noted(True)
        if audit.sends_all:
            assert audit.agreement < 0.9
    assert not audit.sends_all


def test_at_the_floor_the_edge_answers():
    audit = Audit(1.0, floor=0.9)
    for place in range(LEAST_CHECKED):
        audit.noted(place >= LEAST_CHECKED // 10)

    assert audit.agreement == 0.9
    assert not audit.sends_all


def test_without_a_floor_the_edge_always_answers():
    audit = Audit(1.0)
    for _ in range(WINDOW):
        audit.noted(False)

    assert not audit.sends_all


def test_what_could_not_be_checked_is_told():
    audit = Audit(1.0)
    assert str(audit) == "audit: no answer of the edge was checked"
    audit.noted(True)
    for _ in range(3):
        audit.missed()
    assert str(audit).endswith("100.0 % of the last 1; 3 could not be checked")
