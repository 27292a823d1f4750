"""Networks are measured pass by pass, with the input as a JPEG file, and odd inputs are told."""

import warnings

import numpy as np
import pytest
import torch
from nets import Net, TwoInputs
from torch import nn

from autosplit.capture.capture import capture
from autosplit.data.preprocess import Letterbox, Preprocess
from autosplit.distortion.measure import measure
from autosplit.errors import AutoSplitWarning
from autosplit.runs.measuring import (
    Measuring,
    first_input,
    measure_network,
    picture_input,
    warn_of_inputs,
)
from autosplit.runs.options import StatsOptions
from autosplit.stats.coding import PictureInput

IMAGES = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def program():
    torch.manual_seed(0)
    modules = {"conv": nn.Conv2d(1, 4, 5), "last": nn.Linear(64, 10)}
    network = Net(lambda net, x: net.last(net.conv(x).relu().flatten(1)), **modules)
    return capture(network, (IMAGES[:1],))


class TestMeasureNetwork:
    def measured(self, picture=None, **options):
        """Statistics, and what was told of each batch that was done."""
        told = []
        batches = [IMAGES[:40], IMAGES[40:]]
        measuring = Measuring(program(), lambda: iter(batches), StatsOptions(**options), picture)
        return measure_network(measuring, told.append), told, measuring

    def test_every_sample_of_every_pass_is_told(self):
        for metric, passes in (("mse", 3), ("output", 4)):
            _, told, measuring = self.measured(metric=metric)
            assert measuring.passes == passes
            assert sum(told) == passes * len(IMAGES)

    def test_files_of_all_qualities_take_one_pass_more(self):
        picture = PictureInput((50, 75), (0.0,), (1.0,))
        stats, told, measuring = self.measured(picture, metric="mse")
        assert measuring.passes == 4
        assert sum(told) == 4 * len(IMAGES)
        assert [coding.quality for coding in stats.input_codings] == [50, 75]

    def test_the_metric_mse_leaves_what_was_measured(self):
        stats, _, measuring = self.measured(metric="mse")

        assert stats.distortions == measure(measuring.program, measuring.batches).distortions

    def test_rounding_to_the_nearest_counts_more_than_finishing_does(self):
        finished, *_ = self.measured(metric="output")
        nearest, *_ = self.measured(metric="output", rounding="nearest")

        key = ("last", "weight", 5)
        assert finished.distortions[key].distortion < nearest.distortions[key].distortion


class TestPictureInput:
    def test_it_takes_the_scale_of_the_preparation(self):
        picture = picture_input(Preprocess((8, 8), (8, 8), (0.4,), (0.2,)), (1, 1, 8, 8), (60,))

        assert picture == PictureInput((60,), (0.4,), (0.2,))

    @pytest.mark.parametrize(
        ("prepare", "shape"),
        [
            (Letterbox((8, 8)), (1, 1, 8, 8)),
            (Letterbox((8, 8)), (1, 3, 8)),
            (lambda image: image, (1, 3, 8, 8)),
        ],
        ids=["other channels", "no picture", "unknown preparation"],
    )
    def test_without_a_picture_there_is_none(self, prepare, shape):
        assert picture_input(prepare, shape, (60,)) is None


class TestWarnOfInputs:
    def test_one_value_that_outweighs_all_others_is_told(self):
        images = torch.zeros(20, 1, 8, 8)
        images[3, 0, 2, 2] = 1e6
        net = program()
        stats = measure(net, lambda: iter([images]))

        with pytest.warns(AutoSplitWarning, match="no value must outweigh all others"):
            warn_of_inputs(net, stats, images)

    def test_what_is_known_to_be_odd_goes_before_the_scale_of_training(self):
        net = program()
        stats = measure(net, lambda: iter([IMAGES]))

        with pytest.warns(AutoSplitWarning, match="as the network takes them"):
            warn_of_inputs(net, stats, IMAGES, "images must be prepared as the network takes them")

    def test_of_several_inputs_nothing_is_known(self):
        x = torch.full((4, 3), 1e9)
        net = capture(TwoInputs(lambda _, x, y: x + y), (x, x))
        stats = measure(net, lambda: iter([(x, x)]))

        with warnings.catch_warnings(action="error"):
            warn_of_inputs(net, stats, (x, x), "odd")


def test_the_first_input_of_a_batch_is_the_batch_itself_if_there_is_one():
    assert first_input(IMAGES) is IMAGES
    assert first_input((IMAGES, torch.zeros(1))) is IMAGES
    assert np.shape(first_input((IMAGES,))) == (60, 1, 8, 8)
