"""``autosplit.evaluate``: accuracy as the float network and the plan are counted by hand."""

import pytest
import torch
from small_net import IMAGES, LABELS, batches, module, searched

import autosplit
from autosplit.errors import AutoSplitError


def test_the_float_network_is_counted_by_hand():
    with torch.no_grad():
        right = int((module()(IMAGES).argmax(1) == LABELS).sum())

    assert searched().scores["float"]["top1"] == right / 12


def test_every_plan_is_measured_on_all_images():
    scores = searched().scores

    assert {row["name"] for row in scores} == {"float", *(p.name for p in searched().front)}
    assert {row["images"] for row in scores} == {12}


def test_a_plan_in_the_cloud_agrees_with_the_float_network_on_every_image():
    assert searched().scores["cloud16"]["agreement"] == 1.0


def test_a_limit_measures_no_more_than_it_takes():
    found = autosplit.evaluate(searched().net, searched().front, batches(), max_drop=100.0)

    assert len(found) <= 1 + len(searched().front.links)


def test_data_of_another_kind_or_network_is_one_clear_line():
    net, front = searched().net, searched().front
    with pytest.raises(AutoSplitError, match=r"net: must be what autosplit.capture gives"):
        autosplit.evaluate(module(), front, batches())
    with pytest.raises(AutoSplitError, match=r"front: must be what autosplit.search gives"):
        autosplit.evaluate(net, [], batches())
    with pytest.raises(AutoSplitError, match="the keys calibration and evaluation, got train"):
        autosplit.evaluate(net, front, {"train": batches()})
    with pytest.raises(AutoSplitError, match=r"effort.*gut"):
        autosplit.evaluate(net, front, batches(), effort="gut")
