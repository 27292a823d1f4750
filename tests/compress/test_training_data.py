import pytest
from tiny import GIVEN

from autosplit.compress.training_data import training_data
from autosplit.errors import AutoSplitWarning, DataError
from autosplit.runs.network import capture_network, load_network
from autosplit.runs.options import StatsOptions


def test_samples_of_the_training_part_are_trained_on_and_few_are_warned_of(tiny):
    asked = StatsOptions(model=GIVEN["model"], data=GIVEN["data"])
    model = load_network(asked)

    with pytest.warns(AutoSplitWarning, match="has 8 training samples, which is few"):
        data = training_data(asked, model, capture_network(model, equalized=False), images=5)

    assert (len(data.calibration), len(data.evaluation)) == (8, 5)


def test_samples_that_are_also_evaluated_are_refused(tiny):
    text = (tiny.place / "data.py").read_text()
    one_part = text.replace('{"calibration": [images[:8]], "evaluation": evaluation}', "evaluation")
    (tiny.place / "one.py").write_text(one_part)
    asked = StatsOptions(model=GIVEN["model"], data="one.py:data")
    model = load_network(asked)

    with pytest.raises(DataError, match="must have a training part of its own"):
        training_data(asked, model, capture_network(model, equalized=False))
