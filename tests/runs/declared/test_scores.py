"""Options of evaluation and of the pick: what is asked of accuracy."""

import pytest

from autosplit.errors import OptionError
from autosplit.runs.declared.scores import CollectOptions, QuantizeOptions
from autosplit.runs.option import options_of


@pytest.mark.parametrize("record", [CollectOptions, QuantizeOptions])
def test_a_pick_may_have_to_gain(record):
    assert record(max_drop=-0.5).max_drop == -0.5


@pytest.mark.parametrize("record", [CollectOptions, QuantizeOptions])
@pytest.mark.parametrize("probability", [0.49, 1, 95])
def test_a_confidence_is_a_probability_of_at_least_one_half(record, probability):
    with pytest.raises(OptionError, match="confidence: must be"):
        record(confidence=probability)


def test_both_commands_say_the_same_of_confidence():
    (first, second) = (
        next(one for one in options_of(record) if one.name == "confidence")
        for record in (CollectOptions, QuantizeOptions)
    )

    assert (first.help, first.none, first.group) == (second.help, second.none, second.group)
