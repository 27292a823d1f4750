"""Confidence scores by hand, and the registry."""

import math

import numpy as np
import pytest
import torch

from autosplit.errors import DataError, OptionError
from autosplit.escalation.confidence_scores import (
    CONFIDENCE_SCORES,
    TEMPERATURES,
    USUAL_SCORE,
    SeenAnswers,
    confidence_score,
    entropy,
    fit_temperature,
    lowest_box,
    margin,
    mean_box,
)
from autosplit.runs.declared.choices import ESCALATION_NAMES

LOGITS = SeenAnswers(logits=np.log([[6.0, 3.0, 1.0], [1.0, 1.0, 1.0]]))
"""Probabilities .6, .3, .1 and thirds."""
BOXES = SeenAnswers(boxes=[np.array([0.9, 0.5, 0.1]), np.array([0.2]), np.array([])])


def test_the_margin_is_the_best_probability_less_the_second():
    assert margin(LOGITS) == pytest.approx([0.3, 0.0], abs=1e-7)


def test_the_entropy_is_counted_in_that_of_a_guess():
    h = -(0.6 * math.log(0.6) + 0.3 * math.log(0.3) + 0.1 * math.log(0.1))

    assert entropy(LOGITS) == pytest.approx([1 - h / math.log(3), 0.0], abs=1e-7)


def test_a_temperature_divides_the_logits():
    # at temperature 1/2 probabilities are squared: 36, 9, 1 of 46
    colder = SeenAnswers(logits=LOGITS.logits, temperature=0.5)

    assert margin(colder)[0] == pytest.approx(27 / 46)


def test_a_broken_answer_has_no_confidence():
    broken = SeenAnswers(logits=np.full((1, 3), math.nan))

    assert (margin(broken)[0], entropy(broken)[0]) == (0, 0)


def test_logits_that_are_far_apart_are_sure():
    far = SeenAnswers(logits=np.array([[2000.0, -2000.0], [-math.inf, 0.0]]))

    assert margin(far).tolist() == entropy(far).tolist() == [1.0, 1.0]


def test_the_best_temperature_is_that_of_another_library():
    logits, classes = np.random.default_rng(2).normal(size=(60, 4)) * 3, [0, 1, 2, 3] * 15
    losses = {
        t: float(torch.nn.functional.cross_entropy(torch.tensor(logits) / t, torch.tensor(classes)))
        for t in TEMPERATURES
    }

    assert fit_temperature(logits, classes) == min(losses, key=losses.get)


def test_boxes_that_are_not_shown_do_not_count():
    assert lowest_box(BOXES).tolist() == [0.5, 0, 0]
    assert mean_box(BOXES).tolist() == [pytest.approx(0.7), 0, 0]


@pytest.mark.parametrize("name", CONFIDENCE_SCORES)
def test_every_score_is_from_0_to_1_or_refused_in_one_line(name):
    logits = np.random.default_rng(1).normal(size=(50, 7)) * 9
    seen = {False: SeenAnswers(logits=logits), True: BOXES}
    boxes = name.endswith("box")

    values = CONFIDENCE_SCORES[name](seen[boxes])

    assert ((values >= 0) & (values <= 1)).all()
    with pytest.raises(DataError, match=f"escalation: the score {name} needs") as caught:
        CONFIDENCE_SCORES[name](seen[not boxes])
    assert "\n" not in str(caught.value)


def test_the_temperature_of_overconfident_answers_is_above_1():
    # 3 of 4 right at logits 8: the best temperature has probability 3/4, logits log 3
    logits = np.repeat([[8.0, 0.0]], 400, axis=0)
    found = fit_temperature(logits, [0] * 300 + [1] * 100)

    assert found == pytest.approx(8 / math.log(3), rel=0.1)


def test_scores_are_found_by_name():
    assert confidence_score(USUAL_SCORE, boxes=False) == ("margin", margin)
    assert confidence_score(USUAL_SCORE, boxes=True) == ("lowest-box", lowest_box)
    assert confidence_score("entropy", boxes=False) == ("entropy", entropy)
    with pytest.raises(OptionError, match="unknown confidence score 'margins', did you mean"):
        confidence_score("margins", boxes=False)


def test_the_option_names_every_score():
    assert (USUAL_SCORE, *CONFIDENCE_SCORES) == ESCALATION_NAMES
