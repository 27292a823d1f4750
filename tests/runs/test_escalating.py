"""Escalations of a run folder: which plans, what is refused, and what is written."""

import pytest
from run_folders import step, table

from autosplit.errors import DataError, OptionError
from autosplit.escalation.escalation import read_escalation

ASKED = {"escalation": "auto", "escalation_risk": 50, "escalation_images": 8, "confidence": 0.5}


def escalate(tiny, **more):
    outcome = step(tiny, "quantize", **{**ASKED, **more})
    files = sorted((tiny.run / "escalation").glob("*.yaml"))
    return outcome, [read_escalation(path) for path in files]


def test_every_plan_that_is_all_on_the_edge_may_be_an_escalation(tiny):
    outcome, found = escalate(tiny)

    plans = {row["name"]: row for row in table(tiny.run / "plans.csv")}
    scores = {row["name"]: row for row in table(tiny.run / "scores.csv")}
    layers = max(int(row["edge_layers"]) for row in plans.values())
    whole = {
        name
        for name, row in plans.items()
        if row["method"] == "autosplit"
        and int(row["edge_layers"]) == layers
        and not name.startswith("float")
        and name in scores
    }
    assert found
    assert {one.edge_plan for one in found} <= whole
    assert f"{len(found)} escalations of" in outcome.text
    assert "thresholds chosen on 8 samples, judged on 4 others" in outcome.text
    assert {scores[one.name]["images"] for one in found} == {"4"}
    for one in found:
        assert one.threshold.error == pytest.approx(0.5 / len(whole))
        assert one.threshold.bound <= one.threshold.limit == 0.5
        assert len(one.cut) < layers


def test_what_is_no_longer_asked_for_is_deleted(tiny):
    _, found = escalate(tiny)
    assert found
    step(tiny, "quantize", escalation=None)

    assert list((tiny.run / "escalation").glob("*.yaml")) == []
    assert not any("escalation" in row["name"] for row in table(tiny.run / "scores.csv"))


def test_the_same_is_asked_again_and_nothing_is_done(tiny):
    escalate(tiny)

    assert step(tiny, "quantize", **ASKED).done_before


def test_too_few_images_are_refused_with_the_number_needed(tiny):
    with pytest.raises(DataError, match="answered otherwise needs") as caught:
        escalate(tiny, escalation_risk=1)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="and others to judge it"):
        escalate(tiny, escalation_images=12)


def test_a_score_of_boxes_is_refused_for_classes(tiny):
    with pytest.raises(DataError, match="the score mean-box needs boxes"):
        escalate(tiny, escalation="mean-box")


def test_an_unknown_score_is_refused(tiny):
    with pytest.raises(OptionError, match="margin"):
        escalate(tiny, escalation="margins")
