"""JPEG files of the input: measured by the metric that measures every tensor."""

import io

import numpy as np
import pytest
import torch
from nets import Net
from PIL import Image
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion.jpeg import RULERS, AskedPictures, measure_jpeg
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import METRICS, sensitivity
from autosplit.errors import DataError
from autosplit.quantize.affine import fake_quantize
from autosplit.stats.coding import PictureInput

PIXELS = np.random.default_rng(3).integers(0, 256, (12, 1, 16, 16)).astype(np.uint8)
IMAGES = torch.from_numpy(PIXELS.astype(np.float32) / 255 - 0.5)
QUALITIES = (20, 60, 90)


@pytest.fixture(scope="module")
def program():
    torch.manual_seed(1)
    modules = {"conv": nn.Conv2d(1, 4, 3), "last": nn.Linear(4 * 14 * 14, 5)}
    network = Net(lambda net, x: 4 * net.last(net.conv(x).relu().flatten(1)), **modules)
    return capture(network, (IMAGES[:1],))


@pytest.fixture(scope="module")
def stats(program):
    return measure(program, batches)


def batches():
    return iter([IMAGES[:5], IMAGES[5:]])


def pillow(quality):
    """Network inputs after Pillow wrote and read them, and the mean bytes of a file."""
    arrived, sizes = [], []
    for (picture,) in PIXELS:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format="JPEG", quality=quality)
        sizes.append(len(file.getvalue()))
        arrived.append(np.asarray(Image.open(file), np.float32)[None] / 255 - 0.5)
    return torch.from_numpy(np.stack(arrived)), np.mean(sizes)


def measured(program, stats, metric):
    asked = AskedPictures(PictureInput(QUALITIES, (0.5,), (1.0,)), metric)
    return measure_jpeg(program, batches, stats, asked).input_codings


def test_output_is_the_divergence_of_the_networks_own_answers(program, stats):
    for coding in measured(program, stats, "output"):
        arrived, size = pillow(coding.quality)
        before, after = (program.run([x])[0].double() for x in (IMAGES, arrived))
        p, q = before.softmax(1), after.softmax(1)
        nats = float((p * (p / q).log()).sum(1).mean())
        assert coding.distortion == pytest.approx(nats, rel=1e-4)
        assert coding.bytes == size


def test_mse_is_noise_over_signal(program, stats):
    for coding in measured(program, stats, "mse"):
        arrived, _ = pillow(coding.quality)
        share = float((arrived - IMAGES).square().sum() / IMAGES.square().sum())
        assert coding.distortion == pytest.approx(share, rel=1e-4)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_better_files_are_larger_and_distort_less(metric, program, stats):
    found = measured(program, stats, metric)
    assert [one.quality for one in found] == list(QUALITIES)
    assert found[0].bytes < found[1].bytes < found[2].bytes
    assert found[0].distortion > found[1].distortion > found[2].distortion > 0


@pytest.mark.parametrize(("metric", "near"), [("mse", 0.01), ("fisher", 0.35), ("output", 0.1)])
def test_the_unit_is_that_of_a_quantized_tensor(metric, near, program, stats):
    """An input on a grid has the distortion that the metric gives to that grid."""
    whole, (x,) = lambda: iter([IMAGES]), program.graph.inputs
    expected = sensitivity(program, whole, stats, metric).distortions[x, "activation", 5]
    total, ruler = RULERS[metric](program, (IMAGES,), torch.Generator().manual_seed(0))

    arrived = fake_quantize(IMAGES, stats.grids[x, "activation", 5])

    assert ruler(arrived) / total == pytest.approx(expected.distortion, rel=near)


def test_every_metric_has_a_ruler():
    assert RULERS.keys() == METRICS.keys()


def test_a_metric_that_a_person_registered_measures_no_file(program, stats):
    assert measured(program, stats, "of my own") == ()


def test_without_a_sample_there_is_nothing_to_measure(program, stats):
    asked = AskedPictures(PictureInput(QUALITIES, (0.5,), (1.0,)))
    with pytest.raises(DataError, match="must have at least one sample"):
        measure_jpeg(program, lambda: iter([]), stats, asked)
