import pytest

from autosplit.errors import OptionError
from autosplit.runs.declared.compress import TrainOptions, TuneOptions
from autosplit.runs.option import options_of, read_given


def test_numbers_of_a_training_are_read_as_they_are_written():
    given = read_given({"lr": "1e-3", "epochs": "3"}, options_of(TrainOptions))

    assert given == {"lr": 1e-3, "epochs": 3}


@pytest.mark.parametrize("given", [{"quantizer": "lsqq"}, {"epochs": 0}])
def test_what_cannot_be_is_refused(given):
    with pytest.raises(OptionError, match=next(iter(given))):
        TuneOptions(**given)
