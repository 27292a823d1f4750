"""Options of the measurement: what a person may leave out, and what not."""

import pytest

from autosplit.errors import OptionError
from autosplit.runs.declared.stats import StatsOptions


@pytest.mark.parametrize("name", ["model", "data", "clipping", "metric"])
def test_a_run_always_has_a_network_data_a_rule_and_a_metric(name):
    with pytest.raises(OptionError, match=f"{name}: must have a value"):
        StatsOptions(**{name: None})


def test_one_number_of_a_mean_or_one_for_each_channel():
    assert StatsOptions(mean=(0.5,), std=(0.1, 0.2, 0.3)).std == (0.1, 0.2, 0.3)


def test_pixels_are_divided_by_a_deviation_above_zero():
    with pytest.raises(OptionError, match="std: must be"):
        StatsOptions(std=(0.0,))
