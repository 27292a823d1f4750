"""Options of the commands for detectors: thresholds are shares, places must be named."""

import pytest

from autosplit.errors import OptionError
from autosplit.runs.declared.boxes import AnchorsOptions, DetectOptions
from autosplit.runs.option import options_of


@pytest.mark.parametrize(("name", "value"), [("score", 1.5), ("iou", -0.1), ("iou", 45)])
def test_a_threshold_is_between_0_and_1(name, value):
    (one,) = (one for one in options_of(DetectOptions) if one.name == name)

    with pytest.raises(OptionError, match="must be"):
        one.check(value)


def test_what_has_no_sensible_default_is_required():
    required = [
        one.flag
        for record in (DetectOptions, AnchorsOptions)
        for one in options_of(record)
        if one.required
    ]

    assert required == ["--source", "--out", "--data"]
