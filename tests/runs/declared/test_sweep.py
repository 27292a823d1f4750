"""Options of a sweep beside those in its file."""

import pytest

from autosplit.errors import OptionError
from autosplit.runs.declared.sweep import SweepOptions
from autosplit.runs.option import options_of


def test_a_backend_that_is_none_of_the_names_is_refused():
    (one,) = (one for one in options_of(SweepOptions) if one.name == "backend")

    assert one.read("dask") == "dask"
    with pytest.raises(OptionError, match=r"--backend: .*joblib"):
        one.read("slurm")
