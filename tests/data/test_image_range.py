"""What is warned of: ranges by hand, and that warnings do not depend on units."""

import dataclasses

import hypothesis.strategies as st
import pytest
from hypothesis import given

from autosplit.data.image_range import (
    warn_of_assumed_preparation,
    warn_of_evaluation,
    warn_of_one_value,
    warn_of_preparation,
    warn_of_training_scale,
)
from autosplit.stats.stats import TensorStats

IMAGENET = (-2.12, 2.64)
UNIT = (0.0, 1.0)


@pytest.mark.parametrize(
    ("found", "expected", "warned"),
    [
        ((-2.0, 2.5), IMAGENET, False),
        ((-2.5, 3.0), IMAGENET, False),  # resizing may overshoot a little
        ((-1.5, 1.9), IMAGENET, False),  # photos of little contrast
        (UNIT, IMAGENET, True),
        (UNIT, (-1.0, 1.0), True),
        ((-1.0, 1.0), IMAGENET, True),
        (UNIT, UNIT, False),
        ((0.05, 0.75), UNIT, False),
        ((0.0, 255.0), UNIT, True),
        (IMAGENET, UNIT, True),
        ((0.2, 0.3), UNIT, True),
        ((0.5, 0.5), UNIT, True),
        ((0.2, 1.2), UNIT, True),
        ((-0.2, 0.8), UNIT, True),
    ],
)
def test_images_that_are_not_prepared_are_warned_of(found, expected, warned):
    assert bool(warn_of_preparation(found, expected, "net")) == warned


@pytest.mark.parametrize(
    ("found", "calibrated", "warned"),
    [
        (UNIT, UNIT, False),
        ((-0.4, 1.4), UNIT, False),
        ((0.3, 0.6), UNIT, False),
        ((-0.6, 0.5), UNIT, True),
        ((0.5, 1.6), UNIT, True),
        ((0.4, 0.6), UNIT, True),
        ((0.0, 255.0), UNIT, True),
        (UNIT, (0.0, 255.0), True),
        (UNIT, (0.5, 0.5), True),
        ((0.5, 0.5), (0.5, 0.5), False),
        ((-3.0, 3.0), (0.0, 1e30), True),
    ],
)
def test_evaluation_images_of_another_scale_are_warned_of(found, calibrated, warned):
    assert bool(warn_of_evaluation(found, calibrated)) == warned


@given(st.floats(-2, 3), st.floats(0.01, 3), st.sampled_from([2.0**-40, 0.5, 64.0, 2.0**60]))
def test_the_unit_of_the_images_does_not_matter(low, length, unit):
    plain = warn_of_evaluation((low, low + length), UNIT)
    scaled = warn_of_evaluation((low * unit, (low + length) * unit), (0.0, unit))

    assert bool(plain) == bool(scaled)


@pytest.mark.parametrize(
    ("ratio", "warned"),
    [
        (None, False),
        (1.0, False),
        (0.41, False),
        (2.4, False),
        (0.39, True),
        (2.6, True),
        (0.226, True),  # ImageNet's images in 0..1
        (0.0, True),
    ],
)
def test_another_deviation_than_was_learned_is_warned_of(ratio, warned):
    deviations = None if ratio is None else (ratio * 0.3, 0.3)

    assert bool(warn_of_training_scale(deviations, UNIT, "net")) == warned


@pytest.mark.parametrize(
    ("ratio", "shift", "warned"),
    [
        (1.0, 0.0, False),
        (0.89, 0.07, False),  # bundled networks on 16 bundled images
        (1.06, 0.01, False),
        (0.75, 0.33, True),  # the same with other means and deviations
        (1.64, 0.67, True),
        (0.45, 0.15, True),
        (None, 0.0, False),
    ],
)
def test_an_assumed_preparation_is_held_to_the_first_batch_norm(ratio, shift, warned):
    deviations = None if ratio is None else (ratio * 0.3, 0.3)
    line = warn_of_assumed_preparation(deviations, shift, "net", "say it with --mean")

    assert bool(line) == warned
    assert line.endswith("say it with --mean") == warned


def test_the_lines_say_what_must_hold_and_what_was_found():
    assert warn_of_preparation((0.0, 254.7), (-2.1179, 2.64), "net") == (
        "calibration data: inputs must be prepared as net takes them, in about -2.12..2.64, "
        "got 0..255"
    )
    assert warn_of_evaluation((0.0, 255.0), (0.0, 1.0)) == (
        "evaluation data: inputs must be of the scale of the calibration inputs, 0..1, got 0..255"
    )
    assert warn_of_training_scale((75.2, 0.31), (0.0, 254.7), "net") == (
        "calibration data: inputs must be of the scale that net was trained on, got 0..255, on "
        "which its first batch norm sees a deviation of 75.2 where it learned 0.31"
    )


def stats_of(values, samples=1):
    """Statistics of some values by their definitions."""
    mean = sum(values) / len(values)
    b = sum(abs(value - mean) for value in values) / len(values)
    square = sum((value - mean) ** 2 for value in values) / len(values)
    shape = (len(values) // samples,)
    ends = min(values), max(values)
    return TensorStats(*ends, *ends, mean, square**0.5, b, shape, shape[0])


PLAIN = [(-1.0) ** i * (1 + i % 7) for i in range(2000)]


@pytest.mark.parametrize("value", [1e5, -1e5, 1e30, -1e30])
def test_one_value_that_outweighs_all_others_is_named(value):
    found = warn_of_one_value("x", stats_of([*PLAIN, value]), 1)

    assert f"x has {value:.3g} among 2,001 values" in found


@pytest.mark.parametrize(
    "values",
    [
        PLAIN,
        [*PLAIN, 1000.0],  # an eighth of the rest together
        [0.0] * 2000,
        [0.7] * 2000,
        [*PLAIN, *[1e30] * 10],
        [0.0] * 100 + [1e30],  # few values
    ],
)
def test_others_are_not(values):
    assert warn_of_one_value("x", stats_of(values), 1) == ""


def test_values_of_all_samples_count():
    one = stats_of([*PLAIN[:599], 1e9])
    assert warn_of_one_value("x", one, 1) == ""

    both = dataclasses.replace(stats_of([*PLAIN[:1199], 1e9], 2))
    assert both.elements == 600
    assert "among 1,200 values" in warn_of_one_value("x", both, 2)
