"""Finished plans: found by what they were made of, and by nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from plans import GRAPH, plan_file

from autosplit.errors import StageError
from autosplit.grid.grid import Grid
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Origin
from autosplit.runs.finished import TUNED, Quantized, check_untuned

CODES = {"a": np.arange(10, dtype=np.uint8), "b": np.arange(15, dtype=np.uint8)}
SEARCHED = plan_file()
FINISHED = replace(SEARCHED, codes=CODES, biases={"a": np.float32([1.5, -2])})
OTHER = replace(SEARCHED, activations={**SEARCHED.activations, "a": Grid.of(3, (1.25,), (0,))})


@pytest.fixture
def quantized(tmp_path):
    kept = Quantized(tmp_path, GRAPH, "how")
    kept.keep(SEARCHED, FINISHED)
    return kept


def test_it_is_found_by_the_plan_as_searched(quantized):
    found = quantized.find(SEARCHED)

    assert quantized.has(SEARCHED)
    assert found.origin == Origin(SEARCHED.half_sha256, "how", FINISHED.half_sha256)
    assert found.half_sha256 == FINISHED.half_sha256
    assert found.codes["b"].tolist() == list(range(15))


@pytest.mark.parametrize("other", [OTHER, replace(SEARCHED, graph_sha256="cd34")])
def test_it_is_none_of_another_plan(quantized, other):
    assert quantized.find(other) is None
    assert not quantized.has(other)


def test_it_is_none_that_was_finished_in_another_way(quantized):
    assert replace(quantized, finishing="else").find(SEARCHED) is None
    assert replace(quantized, finishing="").find(SEARCHED) is not None


def test_one_that_was_edited_is_not_found(quantized):
    path = quantized.path("mine")
    text = path.read_text()
    path.write_text(text.replace("scale: [2.0]", "scale: [4.0]"))

    assert path.read_text() != text
    assert quantized.find(SEARCHED) is None


def test_one_that_is_broken_is_not_found(quantized):
    quantized.path("mine").with_suffix(".safetensors").unlink()

    assert quantized.find(SEARCHED) is None


def test_a_plan_as_it_was_searched_is_none_that_was_finished(quantized):
    quantized.keep(SEARCHED, SEARCHED)
    path = quantized.path("mine")
    text = path.read_text()
    start = text.index("finished:")
    path.write_text(text[:start] + text[text.index("graph_sha256:", start) :])

    assert quantized.find(SEARCHED) is None


def test_integers_of_an_earlier_file_do_not_stay_beside_one_without(quantized):
    assert len(quantized.files("mine")) == 2
    quantized.keep(SEARCHED, SEARCHED)

    assert quantized.files("mine") == (quantized.path("mine"),)


def test_other_predictions_need_no_other_finishing_but_are_not_there(quantized):
    plan = replace(SEARCHED.plan, predictions={"lte": Prediction(1.0, 2.0, 3.0)})
    other = replace(SEARCHED, plan=plan)
    found = quantized.find(other)

    assert found is not None
    assert not quantized.has(other)
    quantized.keep(other, found)
    assert quantized.find(other).plan == plan
    assert quantized.has(other)


def test_what_is_forgotten_leaves_no_file(quantized, tmp_path):
    assert quantized.names() == {"mine"}
    quantized.forget("mine")

    assert list(tmp_path.iterdir()) == []
    assert quantized.names() == set()


def test_a_plan_that_was_trained_is_not_to_be_overwritten(quantized, tmp_path):
    check_untuned(replace(quantized, finishing="other"), {"mine": SEARCHED}, tmp_path)
    replace(quantized, finishing=TUNED + "ab12").keep(SEARCHED, FINISHED)

    with pytest.raises(StageError, match=r"mine.yaml: was trained by autosplit tune, .*--finished"):
        check_untuned(quantized, {"mine": SEARCHED}, tmp_path)
    check_untuned(quantized, {"mine": OTHER}, tmp_path)
