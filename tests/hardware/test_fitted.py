"""Seconds by a fit: units of work counted by hand, and what a fit does not know."""

from dataclasses import replace

import pytest

from autosplit.errors import LatencyError, ProfileError
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.hardware.checks import WORK
from autosplit.hardware.device import Device, load_device
from autosplit.hardware.fitted import PASS_OF, family, fitted_s, work
from autosplit.hardware.operations import unknown_layers

CONV = Layer(
    "c",
    "conv",
    ("x",),
    ((3, 8, 8),),
    (20, 4, 4),
    weight_elements=540,
    weight_channels=20,
    gemms=(Gemm(16, 27, 20),),
    operators=("conv2d", "silu"),
    kernel=(3, 3),
    stride=(2, 2),
)
DEPTHWISE = replace(
    CONV,
    input_shapes=((32, 4, 4),),
    output_shape=(32, 4, 4),
    gemms=(Gemm(16, 9, 1, 32),),
    groups=32,
)
POOL = Layer("p", "max_pool", ("x",), ((16, 8, 8),), (16, 4, 4), kernel=(2, 2), stride=(2, 2))


def device(fit, **more):
    about = {"name": "d", "source": "test", "model": "fitted", "float_bits": 32, "fit": fit}
    return Device(**about, **more)


def test_the_work_of_a_convolution_is_counted():
    assert work(CONV) == {
        "layer": 1,
        "read": 3 * 8 * 8,
        "written": 20 * 16,
        "pixels": 16,
        "unaligned": 320,  # 20 channels fill no register of 16
        "macs": 16 * 27 * 20,
        "padded_macs": 16 * 27 * 32,
        "packed": 16 * 27,
        "weights": 540,
        "silu": 320,
        "passes": 1,
    }


@pytest.mark.parametrize(("channels", "unaligned"), [(16, 0), (24, 24), (32, 0), (40, 40)])
def test_channels_that_fill_no_register_of_sixteen_are_unaligned(channels, unaligned):
    layer = replace(POOL, output_shape=(channels, 1, 1))
    assert work(layer).get("unaligned", 0) == unaligned


def test_depthwise_channels_lie_side_by_side():
    found = work(DEPTHWISE)

    assert (found["macs"], found["padded_macs"]) == (4608, 4608)
    assert "unaligned" not in found


def test_each_activation_function_of_a_layer_is_a_pass():
    found = work(replace(CONV, operators=("conv2d", "silu", "relu", "silu_")))

    assert (found["silu"], found["passes"]) == (2 * 320, 2)


def test_a_pool_reads_its_windows():
    assert work(POOL)["window"] == 4 * 16 * 16
    assert "macs" not in work(POOL)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (CONV, "conv"),
        (replace(CONV, kernel=(1, 1)), "pointwise"),
        (DEPTHWISE, "depthwise"),
        (replace(DEPTHWISE, gemms=(Gemm(16, 36, 4, 8),), groups=8), "grouped"),
        (POOL, "max_pool"),
        (replace(POOL, kind="avg_pool"), "avg_pool"),
        (replace(POOL, kind="avg_pool", output_shape=(16, 1, 1), kernel=(8, 8)), "reduce"),
        (replace(POOL, kind="reduce"), "reduce"),
        (replace(POOL, kind="attention"), "matmul"),
        (replace(POOL, kind="sort"), ""),
    ],
)
def test_each_layer_is_of_one_family(layer, name):
    assert family(layer) == name


@pytest.mark.parametrize("operator", ["silu", "leaky_relu", "leaky_relu_", "hardswish", "mish"])
def test_a_convolution_with_a_pass_of_its_own_is_computed_in_floats(operator):
    conv = replace(CONV, operators=("conv2d", operator))
    assert [family(conv, bits) for bits in (4, 8, 16, 32)] == ["float_conv"] * 2 + ["conv"] * 2
    pointwise = replace(conv, kernel=(1, 1))
    assert (family(pointwise, 8), family(pointwise)) == ("float_pointwise", "pointwise")
    assert family(replace(DEPTHWISE, operators=("conv2d", operator)), 8) == "float_depthwise"


@pytest.mark.parametrize("operators", [("conv2d",), ("conv2d", "relu"), ("conv2d", "relu6")])
def test_other_convolutions_are_computed_in_integers(operators):
    assert family(replace(CONV, operators=operators), 8) == "conv"
    assert family(replace(POOL, operators=("silu",)), 8) == "max_pool"


def test_a_fit_without_such_convolutions_takes_them_for_the_others():
    fit = {8: {"conv": {"layer": 3.0}}, 32: {"conv": {"layer": 9.0}}}
    assert fitted_s(CONV, device(fit), 8, 8) == 3.0
    assert fitted_s(CONV, device({8: {**fit[8], "float_conv": {"layer": 4.0}}}), 8, 8) == 4.0


def test_seconds_are_the_sum_of_units_at_the_narrowest_width_that_holds_them():
    fit = {8: {"conv": {"layer": 1.0, "macs": 0.5}}, 32: {"conv": {"read": 2.0}}}
    narrow, wide = 1 + 0.5 * 8640, 2.0 * 192

    cases = ((4, 8, narrow), (8, 2, narrow), (8, 9, wide), (32, 8, wide))
    for weight, activation, seconds in cases:
        assert fitted_s(CONV, device(fit), weight, activation) == pytest.approx(seconds)


def test_a_width_and_a_family_that_the_fit_lacks_are_errors():
    known = device({8: {"conv": {"layer": 1.0}}})
    with pytest.raises(LatencyError, match="the fit of d must hold operands of 16 bits, it has 8"):
        fitted_s(CONV, known, 16, 8)
    with pytest.raises(LatencyError, match="p: the fit of d has no layers of kind 'max_pool'"):
        fitted_s(POOL, known, 0, 8)


def test_an_activation_is_taken_for_a_product_and_a_softmax_for_a_norm():
    fit = {8: {"mul": {"layer": 3.0}, "norm": {"layer": 5.0}}}
    seconds = {"activation": 3.0, "mul": 3.0, "softmax": 5.0, "norm": 5.0}

    for kind, expected in seconds.items():
        assert fitted_s(replace(POOL, kind=kind), device(fit), 0, 8) == expected
    own = {8: {"activation": {"layer": 7.0}, **fit[8]}}
    assert fitted_s(replace(POOL, kind="activation"), device(own), 0, 8) == 7.0


def test_layers_that_the_fit_lacks_are_named_and_may_cost_their_traffic():
    fit = {
        8: {"linear": {"layer": 1.0}, "max_pool": {"layer": 1.0}},
        32: {"max_pool": {"read": 1.0}},
    }
    network = Graph("both", {"x": (3, 8, 8)}, (POOL, CONV), ("p", "c"))

    assert unknown_layers(network, device(fit)) == {"c": "conv"}
    assert fitted_s(CONV, device(fit, unknown_operators="traffic"), 8, 8) == 0


@pytest.mark.parametrize(
    ("fit", "told"),
    [
        ({}, "fit"),
        ({8: {"conv": {"work": 1.0}}}, "8: conv: 'work': must be a kind of work"),
        ({8: {"conv": {"macs": -1.0}}}, "8: conv: macs: must be >= 0"),
        ({8: {"conv": {"macs": "1e-9"}}}, "8: conv: macs: must be a number, got text"),
        ({8: {"conv": 3}}, "8: conv: must map kinds of work to seconds"),
        ({8: {}}, "8: must map families"),
        ({0: {"conv": {}}}, "a width must be 1 to 32 bits"),
    ],
)
def test_a_wrong_fit_is_refused(fit, told):
    with pytest.raises(ProfileError, match=told):
        device(fit)


def test_every_kind_of_work_is_one_that_a_profile_may_have():
    every = {**work(CONV), **work(POOL), **dict.fromkeys(PASS_OF.values())}

    assert set(every) == set(WORK)


def test_a_profile_is_read(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text(
        "schema: autosplit/device/2\nname: d\nsource: test\nmodel: fitted\nfloat_bits: 32\n"
        "runtime: onnxruntime 1.27.0\nfit:\n  8:\n    conv: {macs: 1.0e-9, layer: 2.0e-6}\n"
    )

    found = load_device(path)

    assert fitted_s(CONV, found, 8, 8) == pytest.approx(8640e-9 + 2e-6)
    assert found.runtime == "onnxruntime 1.27.0"
