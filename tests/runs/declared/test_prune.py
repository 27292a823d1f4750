import pytest

from autosplit.errors import OptionError
from autosplit.runs.declared.prune import PruneOptions
from autosplit.runs.option import options_of, read_given


def test_a_time_is_written_in_milliseconds_and_kept_in_seconds():
    given = read_given({"target_latency": "20"}, options_of(PruneOptions))

    assert given == {"target_latency_s": 0.02}
    assert PruneOptions(**given).out == "variant"


@pytest.mark.parametrize("given", [{}, {"ratio": 0.5, "target_macs": 0.5}])
def test_one_goal_must_be_given(given):
    with pytest.raises(OptionError, match="one of --ratio, --target-macs and --target-latency"):
        PruneOptions(**given)


def test_a_method_takes_its_own_goals():
    assert PruneOptions(method="slim", percent=0.5).percent == 0.5
    assert PruneOptions(method="layer", blocks=2).blocks == 2
    assert PruneOptions(method="layer-channel", blocks=2, target_macs=0.5).target_macs == 0.5


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"percent": 0.5}, "--method greedy takes --ratio, --target-macs, --target-latency, got"),
        ({"method": "slim", "ratio": 0.5}, "--method slim takes --percent, .* got --ratio"),
        ({"method": "slim"}, "one of --percent, --target-macs and --target-latency must be given"),
        ({"method": "layer"}, "--method layer needs --blocks"),
        (
            {"method": "layer", "blocks": 1, "target_macs": 0.5},
            "no other goal must be given, got 1",
        ),
        ({"method": "layer-channel", "percent": 0.5}, "--method layer-channel needs --blocks"),
    ],
)
def test_a_goal_of_another_method_is_refused(given, text):
    with pytest.raises(OptionError, match=text):
        PruneOptions(**given)
