"""A person's own batches, and data sets by name."""

import pytest
from small_net import IMAGES, LABELS, batches, searched

import autosplit
from autosplit.errors import DataError


def test_batches_alone_serve_for_both_parts():
    data = autosplit.load_data(batches(), searched().net)

    assert (len(data.calibration), len(data.evaluation)) == (12, 12)


def test_the_two_parts_may_differ_and_be_limited():
    parts = {"calibration": [IMAGES[:8]], "evaluation": [(IMAGES[8:], LABELS[8:])]}
    data = autosplit.load_data(parts, searched().net, evaluation_images=3)

    assert (len(data.calibration), len(data.evaluation)) == (8, 3)
    ((images, labels),) = data.evaluation.batches(10)
    assert images.equal(IMAGES[8:11])
    assert labels.tolist() == LABELS[8:11].tolist()


def test_a_data_set_is_found_by_name():
    net = autosplit.capture("fashion-resnet")

    assert len(autosplit.load_data("fashion-mnist", net, evaluation_images=5).evaluation) == 5


@pytest.mark.parametrize(
    ("data", "expected"),
    [([], "must hold at least one image, got none"), ({"evaluation": []}, "must have the keys")],
)
def test_nothing_to_look_at_is_refused(data, expected):
    with pytest.raises(DataError, match=expected):
        autosplit.load_data(data, searched().net)


def test_a_loaded_data_set_may_be_limited_again():
    data = autosplit.load_data(batches(), searched().net)

    fewer = autosplit.load_data(data, searched().net, evaluation_images=5)

    assert (len(fewer.calibration), len(fewer.evaluation)) == (12, 5)
    assert autosplit.load_data(data, searched().net, evaluation_images=50) == data
