"""Scores as rows, as a table, and by name."""

import pandas as pd
import pytest

from autosplit.api.scores import Scores
from autosplit.errors import PlanError
from autosplit.evaluate.task import CLASSIFICATION, DETECTION


def test_the_float_network_comes_first(objects):
    names = [row["name"] for row in objects.scores]

    assert names[0] == "float"
    assert sorted(names[1:]) == sorted(plan.name for plan in objects.front)
    assert len(objects.scores) == len(names)


def test_a_row_is_found_by_the_name_of_its_plan(objects):
    row = objects.scores["uniform8"]

    assert row["name"] == "uniform8"
    assert row["images"] == 12


def test_an_unknown_plan_is_told(objects):
    with pytest.raises(PlanError, match="no plan 'uniform9' was measured, did you mean 'uniform"):
        objects.scores["uniform9"]


def test_a_table_has_the_columns_of_the_file(objects):
    table = objects.scores.to_pandas()

    assert list(table.columns) == list(CLASSIFICATION.scores_header[1:])
    assert table.loc["float", "drop"] == 0.0
    assert table["cut_bytes"].dtype == "Int64"


def test_pandas_takes_it_as_it_is(objects):
    assert pd.DataFrame(objects.scores)["name"][0] == "float"


def test_the_float_score_is_by_the_metric_of_the_task(objects):
    score = objects.scores.float_score

    assert (score.metric, score.images) == ("top-1", 12)
    assert score.accuracy == objects.scores["float"]["top1"]


def test_it_says_what_it_is(objects):
    assert repr(objects.scores).startswith(
        f"Scores({len(objects.front)} plans on 12 samples; float"
    )
    assert "<table" in objects.scores._repr_html_()


def test_scores_of_a_detector_are_by_average_precision():
    row = {"name": "float", "images": 3, "ap": 0.5, "drop": 0.0}
    scores = Scores(DETECTION, (row,))

    assert (scores.float_score.metric, scores.float_score.accuracy) == ("AP", 0.5)
