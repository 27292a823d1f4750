"""``Scores``: rows by name, and a table."""

import pandas as pd
import pytest
from small_net import searched

from autosplit.errors import PlanError


def test_rows_are_found_by_name_and_go_into_a_table():
    scores = searched().scores

    assert len(scores) == len(list(scores)) == 1 + len(searched().front)
    assert next(iter(scores))["name"] == "float"
    assert list(pd.DataFrame(scores)["name"]) == [row["name"] for row in scores]
    assert scores.to_pandas().loc["float", "drop"] == 0.0
    with pytest.raises(PlanError, match="scores: no plan 'floats' was measured, did you mean"):
        scores["floats"]


def test_the_float_accuracy_is_always_shown():
    top1 = 100 * searched().scores["float"]["top1"]

    assert f"on 12 images; float network: top-1 {top1:.2f} %" in repr(searched().scores)
    assert "<table" in searched().scores._repr_html_()
