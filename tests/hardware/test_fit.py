"""A fit finds the seconds that made its measurements."""

import math
import random
from dataclasses import replace

import pytest

from autosplit.graph.layer import Gemm, Layer
from autosplit.hardware.fit import TimedLayer, fit_error, fit_layers
from autosplit.hardware.fitted import unit_seconds


def layers(count, kind="conv", seed=0):
    draw = random.Random(seed)
    found = []
    for place in range(count):
        given, made, side = (draw.randrange(8, 200) for _ in range(3))
        gemm = Gemm(side * side, 9 * given, made)
        shapes = ((given, side, side),), (made, side, side)
        sizes = {"weight_elements": 9 * given * made, "gemms": (gemm,), "kernel": (3, 3)}
        found.append(Layer(f"l{place}", kind, ("x",), *shapes, **sizes))
    return found


def timed(unit_s, some, bits=8, factor=lambda _: 1.0):
    return [
        TimedLayer(one, bits, factor(k) * unit_seconds(unit_s, one)) for k, one in enumerate(some)
    ]


def test_seconds_that_are_a_sum_of_work_are_found_again():
    narrow, wide = {"layer": 1e-6, "macs": 2e-11}, {"padded_macs": 5e-11, "written": 1e-9}
    measured = timed(narrow, layers(40)) + timed(wide, layers(40), 32)

    fit = fit_layers(measured)

    for bits, truth in ((8, narrow), (32, wide)):
        for one in layers(20, seed=1):
            assert unit_seconds(fit[bits]["conv"], one) == pytest.approx(
                unit_seconds(truth, one), rel=1e-3
            )
    assert fit_error(fit, measured) < 1e-3


def test_each_layer_counts_alike_however_long_it_takes():
    """One large layer that is 50 % slower than 39 small ones say moves the fit little."""
    truth = {"macs": 2e-11}
    some = sorted(layers(40), key=lambda one: one.macs)
    measured = timed(truth, some, factor=lambda place: 1.5 if place == 39 else 1.0)

    fit = fit_layers(measured)

    for one in some[20:30]:
        assert unit_seconds(fit[8]["conv"], one) == pytest.approx(
            unit_seconds(truth, one), rel=0.05
        )


def test_more_work_never_takes_less_time():
    draw = random.Random(2)
    measured = timed({"macs": 2e-11}, layers(40), factor=lambda _: draw.uniform(0.2, 3))

    assert all(value > 0 for value in fit_layers(measured)[8]["conv"].values())


def test_work_that_no_layer_has_costs_nothing():
    """Products of two activations have no weights."""
    some = [replace(one, kind="matmul", weight_elements=0) for one in layers(9)]

    fit = fit_layers(timed({"macs": 2e-11}, some))

    assert "weights" not in fit[8]["matmul"]
    assert fit_error(fit, timed({"macs": 2e-11}, some)) < 1e-3


def test_layers_of_no_family_and_short_ones_are_left_out():
    measured = timed({"layer": 1.0}, layers(3, "sort"))

    assert fit_layers(measured) == {}
    assert math.isnan(fit_error({8: {"conv": {"layer": 1e-6}}}, timed({"layer": 1e-6}, layers(3))))


def test_the_error_told_is_the_median_of_the_layers():
    """The fit says 100 us of layers that take 100, 80 and 200: off by 0, 25 and 50 %."""
    seconds = (1e-4, 8e-5, 2e-4)
    some = [TimedLayer(one, 8, taken) for one, taken in zip(layers(3), seconds, strict=True)]
    assert fit_error({8: {"conv": {"layer": 1e-4}}}, some) == pytest.approx(0.25)
