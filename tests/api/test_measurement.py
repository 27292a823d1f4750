"""``measure`` is what the stage ``stats`` does."""

from contextlib import contextmanager

import pytest
import torch

import autosplit
from autosplit.errors import AutoSplitWarning, DataError, OptionError
from autosplit.stats.statsfile import read_stats


def test_it_measures_what_the_stage_measured(objects, finished):
    stage = read_stats(finished.place / "run")

    assert objects.stats.samples == stage.samples
    assert objects.stats.tensors == stage.tensors
    assert objects.stats.distortions == stage.distortions


def test_options_are_those_of_the_stage(objects):
    one = autosplit.measure(objects.net, objects.data.calibration, metric="mse", rounding="nearest")

    assert one.tensors == objects.stats.tensors
    assert one.distortions != objects.stats.distortions


def test_pictures_are_measured_as_jpeg_files_too():
    net = autosplit.capture("fashion-resnet")
    data = autosplit.load_data("fashion-mnist", net, calibration_images=2, evaluation_images=2)
    stats = autosplit.measure(net, data.calibration, metric="mse", jpeg_quality=50)

    (coding,) = stats.input_codings
    assert coding.quality == 50
    assert 100 < coding.bytes < 784


def test_a_person_s_own_tensors_have_no_jpeg_file(objects):
    assert objects.stats.input_codings == ()


def test_progress_is_told_of_each_sample_of_each_pass(objects):
    told = []

    @contextmanager
    def progress(what, total):
        told.append((what, total))
        yield told.append

    autosplit.measure(objects.net, objects.data, metric="mse", progress=progress)

    assert told[0] == ("stats: net", 3 * 8)  # ranges, errors, coded bytes
    assert sum(told[1:]) == 3 * 8


def test_images_of_one_outlier_are_warned_of(objects):
    images = torch.zeros(20, 1, 8, 8)
    images[0, 0, 0, 0] = 1e6

    with pytest.warns(AutoSplitWarning, match="no value must outweigh all others"):
        autosplit.measure(objects.net, [images], metric="mse")


@pytest.mark.parametrize(
    ("about", "error", "problem"),
    [
        ({"batches": "fashion-mnist"}, DataError, "batches: must be batches of tensors"),
        ({"batches": [torch.zeros(2, 1, 9, 9)]}, DataError, "a sample must have the shape 1x8x8"),
        ({"batches": [torch.full((2, 1, 8, 8), torch.nan)]}, DataError, "must be finite, got NaN"),
        ({"metric": "outptu"}, OptionError, "metric: "),
        ({"clipping": "max"}, OptionError, "clipping: unknown name 'max'"),
        ({"jpeg_quality": 96}, OptionError, "jpeg_quality: "),
        ({"net": "net.py:net"}, DataError, "net: must be what autosplit.capture gives, got str"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(objects, about, error, problem):
    given = {"net": objects.net, "batches": [torch.zeros(2, 1, 8, 8)]} | about

    with pytest.raises(error, match=problem) as found:
        autosplit.measure(**given)
    assert "\n" not in str(found.value)
