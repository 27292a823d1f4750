"""Devices and links: shipped profiles, rates as typed, and every way a file can be wrong."""

import dataclasses
import pickle
import re

import pytest
from profiles import LINK, ROOFLINE, SYSTOLIC, TABLE, write, wrong

from autosplit.errors import FileError, ProfileError
from autosplit.hardware.device import Device, device_names, load_device
from autosplit.hardware.link import load_link

FIELDS = sorted(entry.name for entry in dataclasses.fields(Device))


# ---- what is shipped


def test_the_devices_of_the_paper_and_four_real_ones_are_shipped():
    real = {"raspberry_pi_4", "jetson_nano", "nvidia_t4", "server_cpu"}
    assert {"eyeriss", "tpu_v1"} | real <= set(device_names())


@pytest.mark.parametrize("name", device_names())
def test_every_shipped_device_loads_under_its_name_and_cites_its_source(name):
    device = load_device(name)
    assert device.name == name
    assert len(device.source) > 80
    assert re.search(r"\b20[0-9]{2}\b|ark\.intel\.com", device.source)


def test_the_simulated_devices_have_the_peaks_of_the_paper():
    eyeriss, tpu = load_device("eyeriss"), load_device("tpu_v1")
    assert eyeriss.rows * eyeriss.cols * eyeriss.clock_hz == pytest.approx(34e9)
    assert tpu.rows * tpu.cols * tpu.clock_hz == pytest.approx(96e12)
    assert (eyeriss.bandwidth_bytes_per_s, tpu.bandwidth_bytes_per_s) == (1e9, 13e9)


@pytest.mark.parametrize("name", device_names())
def test_a_wider_operand_never_has_a_higher_peak(name):
    peaks = list(load_device(name).peak_macs_per_s.values())
    assert peaks == sorted(peaks, reverse=True)


# ---- files of one's own


def test_a_systolic_device_is_read_from_a_file(tmp_path):
    device = load_device(write(tmp_path, SYSTOLIC))
    assert (device.rows, device.cols, device.dataflow) == (12, 14, "os")
    assert (device.native_bits, device.vector_lanes, device.dispatch_s) == (8, 0, 0.0)
    assert (device.memory_bytes, device.widths) == (None, ())


def test_a_roofline_device_sorts_its_peaks_by_width(tmp_path):
    device = load_device(write(tmp_path, ROOFLINE))
    assert list(device.peak_macs_per_s.items()) == [(8, 4.0e9), (32, 1.0e9)]


def test_fields_of_another_model_are_empty(tmp_path):
    array, board = load_device(write(tmp_path, SYSTOLIC)), load_device(write(tmp_path, ROOFLINE))
    assert (board.clock_hz, board.rows, board.cols, board.dataflow) == (0.0, 0, 0, "")
    assert (board.vector_lanes, board.elementwise_ops_per_s) == (0, 0.0)
    assert (array.peak_macs_per_s, array.table, array.elementwise_ops_per_s) == ({}, {}, 0.0)


def test_supported_widths_are_sorted_and_counts_may_have_an_exponent(tmp_path):
    device = load_device(write(tmp_path, {**SYSTOLIC, "widths": [8, 4], "memory_bytes": 4.0e6}))
    assert device.widths == (4, 8)
    assert device.memory_bytes == 4_000_000
    assert isinstance(device.memory_bytes, int)


def test_a_link_profile_is_not_a_device(tmp_path):
    with pytest.raises(FileError, match="must begin with 'schema: autosplit/device/2'"):
        load_device(write(tmp_path, LINK))


@pytest.mark.parametrize("data", [SYSTOLIC, ROOFLINE])
def test_a_device_survives_pickling_and_can_be_a_key(tmp_path, data):
    device = load_device(write(tmp_path, data))
    assert pickle.loads(pickle.dumps(device)) == device
    assert {device: 1}[device] == 1


def test_records_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_link("3mbps").rtt_s = 1.0


# ---- unknown names and rates as typed


def test_an_unknown_device_is_answered_with_the_nearest_name():
    with pytest.raises(ProfileError, match=r"device 'eyeris': .*, did you mean 'eyeriss'\?"):
        load_device("eyeris")


def test_an_unknown_model_is_named_with_the_other_problems(tmp_path):
    assert wrong(tmp_path, SYSTOLIC, model="sistolic", rows=0, price="5 euros") == [
        "unknown key 'price', choose from: " + ", ".join(FIELDS),
        "model: must be a latency model, got 'sistolic', did you mean 'systolic'?",
        "rows: must be > 0, got 0",
    ]


def test_a_missing_model_is_named(tmp_path):
    assert wrong(tmp_path, SYSTOLIC, model=...) == ["missing key 'model'"]


@pytest.mark.parametrize("model", [5, None, ["systolic"]])
def test_a_model_that_is_no_text_is_refused(tmp_path, model):
    (problem,) = wrong(tmp_path, SYSTOLIC, model=model)
    assert problem.startswith(f"model: must be a latency model, got {model!r}, ")


@pytest.mark.parametrize(
    ("base", "key", "value"),
    [
        (SYSTOLIC, "peak_macs_per_s", {8: 1.0e9}),
        (SYSTOLIC, "table", "seconds.csv"),
        (ROOFLINE, "clock_hz", 1.0e9),
        (ROOFLINE, "native_bits", 8),
        (TABLE, "bandwidth_bytes_per_s", 1.0e9),
        (TABLE, "dispatch_s", 0.1),
    ],
)
def test_a_key_of_another_model_is_an_error(tmp_path, base, key, value):
    write(tmp_path, "layer,seconds\n", "seconds.csv")
    found = wrong(tmp_path, base, **{key: value})
    assert found == [f"{key}: is not used by model {base['model']!r}"]


def test_keys_of_another_model_are_named_in_order(tmp_path):
    keys = ["cols", "dataflow", "native_bits", "rows"]
    found = wrong(tmp_path, ROOFLINE, **dict.fromkeys(reversed(keys), 1))
    assert found == [f"{key}: is not used by model 'roofline'" for key in keys]


@pytest.mark.parametrize("source", ["", "  ", 5, None])
def test_a_profile_without_a_source_is_refused(tmp_path, source):
    assert wrong(tmp_path, LINK, source=source) == [f"source: must be text, got {source!r}"]
    assert wrong(tmp_path, LINK, source=...) == ["missing key 'source'"]


# ---- records made in Python


def test_a_record_made_in_python_is_checked_too():
    with pytest.raises(ProfileError) as caught:
        Device(name="x", source="s", model="systolic", float_bits=16, rows=-1, table={"fc": 1.0})
    assert str(caught.value).split("\n") == [
        "x: table: is not used by model 'systolic'",
        "x: missing key 'bandwidth_bytes_per_s'",
        "x: missing key 'clock_hz'",
        "x: missing key 'cols'",
        "x: missing key 'dataflow'",
        "x: rows: must be > 0, got -1",
    ]
