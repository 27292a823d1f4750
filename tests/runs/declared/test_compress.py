import pytest

from autosplit.errors import OptionError
from autosplit.runs.declared.compress import PruneOptions
from autosplit.runs.option import options_of, read_given


def test_a_time_is_written_in_milliseconds_and_kept_in_seconds():
    given = read_given({"target_latency": "20"}, options_of(PruneOptions))

    assert given == {"target_latency_s": 0.02}
    assert PruneOptions(**given).out == "variant"


@pytest.mark.parametrize("given", [{}, {"ratio": 0.5, "target_macs": 0.5}])
def test_one_goal_must_be_given(given):
    with pytest.raises(OptionError, match="one of --ratio, --target-macs and --target-latency"):
        PruneOptions(**given)
