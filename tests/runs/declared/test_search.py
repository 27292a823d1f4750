"""Options of the search: limits, fronts, and hardware that ``latency`` may replace."""

import pytest

from autosplit.errors import OptionError
from autosplit.runs.declared.search import LatencyOptions, SearchOptions
from autosplit.runs.option import options_of


@pytest.mark.parametrize(
    "limit",
    [
        "max_weight_bits",
        "max_activation_bits",
        "max_bops",
        "max_latency_s",
        "max_energy_j",
        "max_distortion",
    ],
)
def test_useful_cuts_answer_a_limit(limit):
    assert SearchOptions(cuts="useful", **{limit: 0}).cuts == "useful"
    with pytest.raises(OptionError, match="cuts: useful cuts need a limit, which must be"):
        SearchOptions(cuts="useful", memory_bytes=5)


@pytest.mark.parametrize("front", [1, 0, -2])
def test_a_front_has_at_least_two_plans(front):
    with pytest.raises(OptionError, match="front: must be a whole number of at least 2"):
        SearchOptions(front=front)


def test_the_command_latency_has_the_hardware_of_the_search_and_takes_it_by_default():
    of_search = {one.name: one for one in options_of(SearchOptions)}

    for one in options_of(LatencyOptions):
        assert (one.help, one.flag) == (of_search[one.name].help, of_search[one.name].flag)
        assert one.default is None
        assert one.none.endswith("of autosplit search")
