"""Measured seconds as a CSV file beside a profile."""

import re

import pytest
from profiles import SYSTOLIC, TABLE, write, wrong

from autosplit.errors import FileError, ProfileError
from autosplit.hardware.device import load_device


def test_a_table_device_reads_its_seconds_beside_the_profile(tmp_path):
    write(tmp_path, "layer,seconds\nconv1,0.25\nfc,1e-3\n", "seconds.csv")
    assert load_device(write(tmp_path, TABLE)).table == {"conv1": 0.25, "fc": 0.001}


# ---- tables


def test_a_wrong_table_has_all_its_problems_named(tmp_path):
    path = write(tmp_path, "layer,seconds\nconv1,fast\nfc,1.0\nfc,2.0\nend,\n", "seconds.csv")
    profile = write(tmp_path, TABLE)
    with pytest.raises(ProfileError) as caught:
        load_device(profile)
    assert str(caught.value).split("\n") == [
        f"{path}: conv1: seconds must be a number, got 'fast'",
        f"{path}: layer 'fc' must be listed once",
        f"{path}: end: seconds must be a number, got ''",
    ]


def test_a_table_with_a_row_cut_short_is_refused(tmp_path):
    path = write(tmp_path, "layer,seconds\nconv1,1.0\nend\n", "seconds.csv")
    with pytest.raises(ProfileError) as caught:
        load_device(write(tmp_path, TABLE))
    assert str(caught.value) == f"{path}: row 2 must have 2 fields, got 1"


def test_a_table_that_is_not_there_is_named_with_the_other_problems(tmp_path):
    with pytest.raises(ProfileError) as caught:
        load_device(write(tmp_path, {**TABLE, "float_bits": 5}))
    first, second = str(caught.value).split("\n")
    assert "seconds.csv: must be a readable file" in first
    assert "float_bits" in second


def test_a_table_that_is_no_path_is_refused(tmp_path):
    assert wrong(tmp_path, TABLE, table=5) == ["table: must be the path of a CSV file, got 5"]


WIDTHS = """\
layer,weight_bits,activation_bits,seconds
conv1,8,8,0.25
conv1,4,8,0.125
relu,0,8,0.5
"""


def write_widths(folder, text, **changes):
    (folder / "widths.csv").write_text(text)
    return write(
        folder, {**TABLE, "schema": "autosplit/device/2", "table": "widths.csv", **changes}
    )


def test_a_table_may_have_a_row_for_every_width(tmp_path):
    device = load_device(write_widths(tmp_path, WIDTHS))

    assert device.table == {"conv1": {(8, 8): 0.25, (4, 8): 0.125}, "relu": {(0, 8): 0.5}}


def test_a_table_without_widths_is_read_in_both_versions(tmp_path):
    for version in (1, 2):
        path = write_widths(
            tmp_path, "layer,seconds\nfc,0.5\n", schema=f"autosplit/device/{version}"
        )
        assert load_device(path).table == {"fc": 0.5}


def test_the_first_version_has_no_widths(tmp_path):
    path = write_widths(tmp_path, WIDTHS, schema="autosplit/device/1")

    with pytest.raises(ProfileError, match="header must be layer,seconds"):
        load_device(path)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("conv1,8,8,1", "layer 'conv1' at 8 and 8 bits must be listed once"),
        ("fc,x,8,1", "fc: weight_bits and activation_bits must be whole numbers, got 'x' and '8'"),
        ("fc,8,-1,1", "fc: weight_bits and activation_bits must be whole"),
        ("fc,8,1e1,1", "fc: weight_bits and activation_bits must be whole"),
        ("fc,8," + "9" * 5000 + ",1", "fc: weight_bits and activation_bits must be whole"),
        ("fc,8,33,1", "fc at 8/33 bits: a width must be 1 to 32 bits, got 33"),
        ("fc,8,8,-1", "fc at 8/8 bits: must be >= 0, got -1.0"),
        ("fc,8,8,nan", "fc at 8/8 bits: must be a finite number, got nan"),
        ("fc,8,8,abc", "fc: seconds must be a number, got 'abc'"),
        ("fc,8,8", "row 4 must have 4 fields, got 3"),
    ],
)
def test_each_wrong_row_is_named(tmp_path, row, problem):
    with pytest.raises(ProfileError, match=re.escape(problem)):
        load_device(write_widths(tmp_path, WIDTHS + row + "\n"))


def test_a_version_that_is_not_known_is_refused(tmp_path):
    path = write_widths(tmp_path, WIDTHS, schema="autosplit/device/3")

    with pytest.raises(FileError, match="must begin with 'schema: autosplit/device/2'"):
        load_device(path)


def test_the_first_version_may_say_the_size_of_its_buffer_and_the_second_may_not(tmp_path):
    old = {**SYSTOLIC, "on_chip_bytes": 1000}
    assert load_device(write(tmp_path, old)).rows == SYSTOLIC["rows"]
    with pytest.raises(ProfileError, match="unknown key 'on_chip_bytes'"):
        load_device(write(tmp_path, {**old, "schema": "autosplit/device/2"}))


CROSSING = "layer,weight_bits,activation_bits,seconds,give_s,take_s\n"


def test_a_table_says_what_it_costs_to_cross(tmp_path):
    write(tmp_path, f"{CROSSING}x,0,8,0,0,0.5\nconv1,8,8,0.25,0.125,2\n", "seconds.csv")
    device = load_device(write(tmp_path, {**TABLE, "schema": "autosplit/device/2"}))
    assert device.table == {"x": {(0, 8): 0.0}, "conv1": {(8, 8): 0.25}}
    assert device.crossings == {"x": (0.0, 0.5), "conv1": (0.125, 2.0)}


@pytest.mark.parametrize("price", ["-1", "nan", "much"])
def test_a_price_that_is_none_is_named(tmp_path, price):
    write(tmp_path, f"{CROSSING}conv1,8,8,0.25,0,{price}\n", "seconds.csv")
    with pytest.raises(FileError, match="conv1: give_s and take_s must be finite and at least 0"):
        load_device(write(tmp_path, {**TABLE, "schema": "autosplit/device/2"}))
