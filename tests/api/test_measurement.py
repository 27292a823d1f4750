"""``autosplit.measure``: statistics of a person's own batches."""

import pytest
import torch
from small_net import IMAGES, LABELS, searched
from torch.utils.data import DataLoader, TensorDataset

import autosplit
from autosplit.errors import AutoSplitError


def test_statistics_are_those_of_the_images():
    stats = searched().stats
    (name,) = searched().net.graph.inputs

    assert stats.samples == 8
    assert stats.tensors[name].min == pytest.approx(float(IMAGES[:8].min()))
    assert stats.tensors[name].max == pytest.approx(float(IMAGES[:8].max()))


def test_batches_may_come_in_many_forms():
    loader = DataLoader(TensorDataset(IMAGES[:8], LABELS[:8]), batch_size=8)
    whole = searched().stats.distortions
    for batches in (IMAGES[:8], [(IMAGES[:8], LABELS[:8])], loader, lambda: iter([IMAGES[:8]])):
        found = autosplit.measure(searched().net, batches).distortions
        assert {key: one.distortion for key, one in found.items()} == pytest.approx(
            {key: one.distortion for key, one in whole.items()}
        )


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ("fashion-mnist", "got the text 'fashion-mnist'"),
        ((image for image in IMAGES), "can be gone through once"),
        (TensorDataset(IMAGES), "got single samples in a TensorDataset"),
        (7, "must be batches of tensors .* got int"),
        ([{"x": IMAGES}], "batch 0 must be a tensor, or a tuple of it and labels, got dict"),
        ([torch.full((2, 1, 8, 8), float("nan"))], "must be finite"),
        ([IMAGES[:2, :, :4]], "small"),
        ([], "at least one"),
    ],
)
def test_what_is_no_batches_is_one_clear_line(batches, expected):
    with pytest.raises(AutoSplitError, match=expected):
        autosplit.measure(searched().net, batches)


def test_an_unknown_metric_is_answered_with_the_names():
    with pytest.raises(AutoSplitError, match=r"metric.*outputt"):
        autosplit.measure(searched().net, [IMAGES[:8]], metric="outputt")
