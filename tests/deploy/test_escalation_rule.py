"""When the edge answers: confidences by hand, and what is refused in a manifest."""

import numpy as np
import pytest

from autosplit.deploy.escalation_rule import (
    EscalationRule,
    rule_from_dict,
    rule_to_dict,
    takes_classes,
)
from autosplit.errors import FileError

RULE = EscalationRule("margin", 0.5, 0.25, "output:1", (0.5,), (0.25,))
LOGITS = np.log([[6.0, 3.0, 1.0], [1.0, 1.0, 1.0]]).astype(np.float32)


def test_the_confidence_is_that_of_its_output_at_its_temperature():
    answers = {"output:0": LOGITS[::-1], "output:1": LOGITS[:, :, None]}

    # probabilities are squared at temperature 1/2: 36, 9, 1 of 46
    assert RULE.confidences(answers) == pytest.approx([27 / 46, 0], abs=1e-6)


def test_two_halves_agree_if_their_best_classes_do():
    own = {"output:1": np.array([[0, 1], [1, 0], [0, 1]])}
    other = {"output:1": np.array([[0, 9], [0, 9], [-2, -1]])}

    assert RULE.same(own, other) == [True, False, True]


def test_what_is_written_is_read():
    assert rule_from_dict(rule_to_dict(RULE), "m") == RULE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score": "mean-box"}, "m: score must be one of margin, entropy"),
        ({"score": ["margin"]}, "m: score must be one of margin, entropy"),
        ({"temperature": 0}, "m: temperature must be 1e-09..1e"),
        ({"threshold": 1.1}, "m: threshold must be 0..1, got 1.1"),
        ({"threshold": "1"}, "m: threshold must be 0..1, got '1'"),
        ({"mean": 0.5}, "m: mean must be a list of numbers, got 0.5"),
        ({"std": ["a"]}, "m: std must be a list of numbers"),
        ({"more": 1}, "more"),
    ],
)
def test_a_rule_that_was_changed_is_refused_in_one_line(change, words):
    with pytest.raises(FileError, match=words) as caught:
        rule_from_dict(rule_to_dict(RULE) | change, "m")
    assert "\n" not in str(caught.value)


def test_a_rule_must_be_keys():
    with pytest.raises(FileError, match=r"m: must be keys and values, got 'margin'"):
        rule_from_dict("margin", "m")


def test_a_device_reads_classes_alone():
    assert takes_classes("margin")
    assert takes_classes("entropy")
    assert not takes_classes("lowest-box")
