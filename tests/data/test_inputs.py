"""Batches of any nesting: which tensor goes where, and what the labels are."""

import math
from collections import UserDict

import pytest
import torch

from autosplit.data.inputs import ONE_FLOAT, InputSpec, check_finite, split_batch
from autosplit.errors import DataError

X, Y, LABELS = torch.rand(4, 3), torch.rand(4, 2), torch.arange(4)
IDS = torch.arange(8).reshape(4, 2)
TWO = InputSpec(("left", "right"), (torch.float32, torch.float32))
TEXT = InputSpec(("input_ids", "attention_mask"), (torch.int64, torch.int64))


def same(found, *expected):
    inputs, labels = found
    return (
        all(map(torch.equal, inputs, expected[:-1]))
        and len(inputs) == len(expected) - 1
        and (labels is expected[-1] or torch.equal(labels, expected[-1]))
    )


@pytest.mark.parametrize(
    ("batch", "labels"),
    [
        (X, None),
        ((X,), None),
        ([X], None),
        ((X, LABELS), LABELS),
        ({"x": X, "label": LABELS}, LABELS),
    ],
)
def test_one_input(batch, labels):
    assert same(split_batch(batch, ONE_FLOAT, "here"), X, labels)


@pytest.mark.parametrize(
    ("batch", "labels"),
    [
        ((X, Y), None),
        ([X, Y], None),
        (((X, Y), LABELS), LABELS),
        (([X, [Y]], LABELS), LABELS),
        ((X, Y, LABELS), LABELS),
        ({"right": Y, "left": X}, None),
        (({"right": Y, "left": X}, LABELS), LABELS),
        (UserDict({"right": Y, "left": X, "labels": LABELS, "extra": Y}), LABELS),
        ({"batch": {"left": X, "right": Y}, "targets": LABELS}, LABELS),
    ],
)
def test_two_inputs(batch, labels):
    if "batch" in batch if isinstance(batch, dict) else False:
        spec = InputSpec(("batch_left", "batch_right"), TWO.dtypes)
    else:
        spec = TWO
    assert same(split_batch(batch, spec, "here"), X, Y, labels)


def test_a_dictionary_that_is_one_argument_has_names_that_begin_with_it():
    spec = InputSpec(("features_left", "features_right"), TWO.dtypes)

    assert same(split_batch({"right": Y, "left": X}, spec, "here"), X, Y, None)


def test_several_labels_stay_apart():
    _, labels = split_batch((X, LABELS, Y), ONE_FLOAT, "here")

    assert labels[0] is LABELS
    assert labels[1] is Y


def test_types_are_those_of_the_network():
    mask = torch.ones(4, 2, dtype=torch.bool)
    (ids, kept), _ = split_batch({"input_ids": IDS.int(), "attention_mask": mask}, TEXT, "here")

    assert (ids.dtype, kept.dtype) == (torch.int64, torch.int64)
    (x,), _ = split_batch(X.double(), ONE_FLOAT, "here")
    assert x.dtype == torch.float32
    bytes_ = torch.full((4, 2), 200, dtype=torch.uint8)
    spec = InputSpec(("pixels",), (torch.uint8,))
    assert split_batch(bytes_, spec, "here")[0][0] is bytes_


@pytest.mark.parametrize(
    ("batch", "spec", "problem"),
    [
        (X, TWO, r"here: must give the network's 2 inputs \(left, right\), got 1"),
        ({"left": X, "rihgt": Y}, TWO, "input 'right', has 'rihgt'"),
        ({"input_ids": X, "attention_mask": IDS}, TEXT, "input_ids must be of the type int64, got"),
        ("text", ONE_FLOAT, "must give batches of tensors, got str"),
    ],
)
def test_what_is_missing_or_of_another_type_is_one_line(batch, spec, problem):
    with pytest.raises(DataError, match=problem):
        split_batch(batch, spec, "here")


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (math.nan, "here: must be finite, got NaN"),
        (math.inf, "here: must be finite, got infinity"),
        (-math.inf, "here: must be finite, got minus infinity; if it is a mask, hide something"),
    ],
)
def test_a_number_that_is_not_finite_is_named(bad, text):
    with pytest.raises(DataError) as caught:
        check_finite(torch.tensor([1.0, bad]), "here")

    assert str(caught.value).startswith(text)


def test_minus_infinity_is_a_value_of_a_mask():
    check_finite(torch.tensor([0.0, -math.inf]), "here", masked=True)
    with pytest.raises(DataError, match="got NaN"):
        check_finite(torch.tensor([math.nan, -math.inf]), "here", masked=True)
