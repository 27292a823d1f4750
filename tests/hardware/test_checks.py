"""Values of a profile: each wrong one is named with what it must be."""

import pytest
import yaml
from profiles import LINK, ROOFLINE, SYSTOLIC, TABLE, problems_of, write, wrong

from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link

# ---- wrong profiles


def test_all_wrong_keys_and_values_are_named_at_once(tmp_path):
    found = wrong(
        tmp_path, SYSTOLIC, clock_hz=..., clok_hz=1.0, rows=-1, dataflow="oss", float_bits=8
    )
    assert found == [
        "unknown key 'clok_hz', did you mean 'clock_hz'?",
        "missing key 'clock_hz'",
        "float_bits: must be 16 or 32, got 8",
        "rows: must be > 0, got -1",
        "dataflow: must be a dataflow, got 'oss', did you mean 'os'?",
    ]


@pytest.mark.parametrize(
    ("typed", "better"),
    [("3e6", "3.0e+6"), ("1e-3", "1.0e-3"), ("2.5E9", "2.5e+9"), ("12", "1.2e+1")],
)
def test_a_number_that_yaml_reads_as_text_is_answered_with_how_to_write_it(tmp_path, typed, better):
    text = yaml.safe_dump({**LINK, "uplink_bps": None}).replace("null", f"'{typed}'")
    (problem,) = problems_of(load_link, write(tmp_path, text))
    assert problem == f"uplink_bps: must be a number, got text {typed!r}: write {better}"
    assert isinstance(yaml.safe_load(better), float)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "fast", "nan", True, None, [1.0], "1.0e+400"]
)
def test_what_is_no_finite_number_is_refused(tmp_path, value):
    (problem,) = wrong(tmp_path, LINK, uplink_bps=value)
    assert problem.startswith("uplink_bps: must be a finite number, got ")


@pytest.mark.parametrize("key", ["bandwidth_bytes_per_s", "clock_hz"])
@pytest.mark.parametrize("value", [0, -1.0])
def test_a_rate_must_be_positive(tmp_path, key, value):
    assert wrong(tmp_path, SYSTOLIC, **{key: value}) == [f"{key}: must be > 0, got {value!r}"]


@pytest.mark.parametrize("key", ["rows", "cols", "memory_bytes", "vector_lanes"])
def test_a_count_must_be_a_positive_whole_number(tmp_path, key):
    assert wrong(tmp_path, SYSTOLIC, **{key: 1.5}) == [f"{key}: must be a whole number, got 1.5"]
    assert wrong(tmp_path, SYSTOLIC, **{key: 0}) == [f"{key}: must be > 0, got 0"]


@pytest.mark.parametrize("key", ["encode_s", "decode_s"])
def test_seconds_of_coding_are_named_by_what_is_coded(tmp_path, key):
    good = {"tensor": 1.0e-5, "element": 0, "pixel": 2.0e-8}
    assert getattr(load_device(write(tmp_path, {**SYSTOLIC, key: good})), key) == good
    assert wrong(tmp_path, SYSTOLIC, **{key: {"byte": 1.0, "tensor": -1.0}}) == [
        f"{key}: 'byte': must be one of tensor, element, pixel",
        f"{key}: tensor: must be >= 0, got -1.0",
    ]
    assert wrong(tmp_path, SYSTOLIC, **{key: 1.0}) == [
        f"{key}: must map tensor, element, pixel to seconds, got 1.0"
    ]


def test_dispatch_may_be_zero_but_not_negative(tmp_path):
    assert load_device(write(tmp_path, {**SYSTOLIC, "dispatch_s": 0})).dispatch_s == 0
    assert wrong(tmp_path, SYSTOLIC, dispatch_s=-1.0) == ["dispatch_s: must be >= 0, got -1.0"]


@pytest.mark.parametrize("value", [8, 64, 16.0, "16", [16], True])
def test_floats_are_16_or_32_bits(tmp_path, value):
    assert wrong(tmp_path, SYSTOLIC, float_bits=value) == [
        f"float_bits: must be 16 or 32, got {value!r}"
    ]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (8, "must be a list of widths, got 8"),
        ([], "must be a list of widths, got []"),
        ([4, 4], "each width must be listed once, got [4, 4]"),
        ([0], "a width must be 1 to 32 bits, got 0"),
        ([33], "a width must be 1 to 32 bits, got 33"),
        ([True], "a width must be 1 to 32 bits, got True"),
    ],
)
def test_widths_are_a_list_of_widths(tmp_path, value, problem):
    assert wrong(tmp_path, SYSTOLIC, widths=value) == [f"widths: {problem}"]


def test_the_narrowest_and_widest_width_and_a_rate_below_one_are_accepted(tmp_path):
    device = load_device(write(tmp_path, {**SYSTOLIC, "widths": [1, 32], "clock_hz": 0.5}))
    assert (device.widths, device.clock_hz) == ((1, 32), 0.5)


@pytest.mark.parametrize("native_bits", [0, 33, 8.0, "8"])
def test_the_width_of_a_multiplier_is_a_width(tmp_path, native_bits):
    assert wrong(tmp_path, SYSTOLIC, native_bits=native_bits) == [
        f"native_bits: a width must be 1 to 32 bits, got {native_bits!r}"
    ]


def test_peaks_map_widths_to_rates(tmp_path):
    must = "peak_macs_per_s: must map widths to multiply-accumulates per second, got "
    assert wrong(tmp_path, ROOFLINE, peak_macs_per_s=1.0e9) == [must + "1000000000.0"]
    assert wrong(tmp_path, ROOFLINE, peak_macs_per_s={}) == [must + "{}"]
    assert wrong(tmp_path, ROOFLINE, peak_macs_per_s={"int8": 1.0e9, 16: -1.0}) == [
        "peak_macs_per_s: a width must be 1 to 32 bits, got 'int8'",
        "peak_macs_per_s: 16: must be > 0, got -1.0",
    ]


@pytest.mark.parametrize("seconds", ["-1.0", "nan", "inf"])
def test_seconds_of_a_table_are_finite_and_not_negative(tmp_path, seconds):
    write(tmp_path, f"layer,seconds\nfc,{seconds}\n", "seconds.csv")
    (problem,) = wrong(tmp_path, TABLE)
    assert problem.startswith("table: fc: must be ")
