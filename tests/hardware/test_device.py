"""Devices and links: shipped profiles, rates as typed, and every way a file can be wrong."""

import dataclasses
import pickle
import re
from pathlib import Path

import pytest
import yaml

from autosplit.errors import FileError, ProfileError
from autosplit.hardware import shipped
from autosplit.hardware.device import Device, device_names, load_device
from autosplit.hardware.link import Link, link_names, load_link

SYSTOLIC = {
    "schema": "autosplit/device/1",
    "name": "array",
    "source": "made up for a test",
    "model": "systolic",
    "float_bits": 16,
    "bandwidth_bytes_per_s": 1.0e9,
    "clock_hz": 2.0e8,
    "rows": 12,
    "cols": 14,
    "dataflow": "os",
}
ROOFLINE = {
    "schema": "autosplit/device/1",
    "name": "board",
    "source": "made up for a test",
    "model": "roofline",
    "float_bits": 32,
    "bandwidth_bytes_per_s": 1.0e9,
    "peak_macs_per_s": {32: 1.0e9, 8: 4.0e9},
}
TABLE = {
    "schema": "autosplit/device/1",
    "name": "bench",
    "source": "made up for a test",
    "model": "table",
    "float_bits": 32,
    "table": "seconds.csv",
}
LINK = {
    "schema": "autosplit/link/1",
    "name": "wire",
    "source": "made up for a test",
    "uplink_bps": 3.0e6,
}

FIELDS = sorted(entry.name for entry in dataclasses.fields(Device))


def write(folder, data, name="profile.yaml"):
    path = folder / name
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
    return path


def problems_of(load, path):
    """Each problem of a wrong file, without the file's name, which every line must begin with."""
    with pytest.raises(ProfileError) as caught:
        load(path)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def wrong(folder, base, **changes):
    """Problems of a profile with some keys changed; ``...`` takes a key out."""
    data = {key: value for key, value in {**base, **changes}.items() if value is not ...}
    return problems_of(load_link if base is LINK else load_device, write(folder, data))


# ---- what is shipped


def test_the_devices_of_the_paper_and_four_real_ones_are_shipped():
    real = {"raspberry_pi_4", "jetson_nano", "nvidia_t4", "server_cpu"}
    assert {"eyeriss", "tpu_v1"} | real <= set(device_names())


def test_the_links_of_the_paper_and_the_usual_ones_are_shipped():
    assert {"1mbps", "3mbps", "10mbps", "20mbps", "lte", "5g", "wifi"} <= set(link_names())


def test_names_are_sorted(tmp_path, monkeypatch):
    assert list(device_names()) == sorted(device_names())
    assert list(link_names()) == sorted(link_names())
    folder = tmp_path / "hw_profiles" / "links"
    folder.mkdir(parents=True)
    for name in "hbdacgfe":
        write(folder, LINK, f"{name}.yaml")
    monkeypatch.setattr(
        shipped, "__file__", str(tmp_path / "autosplit" / "hardware" / "shipped.py")
    )
    assert link_names() == tuple("abcdefgh")


@pytest.mark.parametrize("name", device_names())
def test_every_shipped_device_loads_under_its_name_and_cites_its_source(name):
    device = load_device(name)
    assert device.name == name
    assert len(device.source) > 80
    assert re.search(r"\b20[0-9]{2}\b|ark\.intel\.com", device.source)


@pytest.mark.parametrize("name", link_names())
def test_every_shipped_link_loads_under_its_name_and_cites_its_source(name):
    link = load_link(name)
    assert link.name == name
    assert re.search(r"\b20[0-9]{2}\b", link.source)


@pytest.mark.parametrize("mbps", [1, 3, 10, 20])
def test_a_shipped_link_of_the_paper_is_its_bare_rate(mbps):
    link = load_link(f"{mbps}mbps")
    assert (link.uplink_bps, link.downlink_bps, link.rtt_s) == (mbps * 10**6, None, 0.0)


@pytest.mark.parametrize("name", ["lte", "5g", "wifi"])
def test_a_measured_link_has_a_way_back_and_a_round_trip(name):
    link = load_link(name)
    assert link.downlink_bps > link.uplink_bps
    assert 0 < link.rtt_s < 0.1


def test_the_simulated_devices_have_the_peaks_of_the_paper():
    eyeriss, tpu = load_device("eyeriss"), load_device("tpu_v1")
    assert eyeriss.rows * eyeriss.cols * eyeriss.clock_hz == pytest.approx(34e9)
    assert tpu.rows * tpu.cols * tpu.clock_hz == pytest.approx(96e12)
    assert (eyeriss.on_chip_bytes, tpu.on_chip_bytes) == (192 * 2**10, 28 * 2**20)
    assert (eyeriss.bandwidth_bytes_per_s, tpu.bandwidth_bytes_per_s) == (1e9, 13e9)


@pytest.mark.parametrize("name", device_names())
def test_a_wider_operand_never_has_a_higher_peak(name):
    peaks = list(load_device(name).peak_macs_per_s.values())
    assert peaks == sorted(peaks, reverse=True)


def test_profiles_inside_the_package_come_before_those_beside_it(tmp_path, monkeypatch):
    package = tmp_path / "autosplit"
    package.mkdir()
    monkeypatch.setattr(shipped, "__file__", str(package / "hardware" / "shipped.py"))
    assert device_names() == ()
    beside = tmp_path / "hw_profiles" / "devices"
    beside.mkdir(parents=True)
    write(beside, {**SYSTOLIC, "name": "beside"}, "array.yaml")
    assert load_device("array").name == "beside"
    inside = package / "hw_profiles" / "devices"
    inside.mkdir(parents=True)
    write(inside, {**SYSTOLIC, "name": "inside"}, "array.yaml")
    assert load_device("array").name == "inside"


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
    assert (board.vector_lanes, board.on_chip_bytes, board.elementwise_ops_per_s) == (0, 0, 0.0)
    assert (array.peak_macs_per_s, array.table, array.elementwise_ops_per_s) == ({}, {}, 0.0)


def test_a_path_object_is_always_a_path(tmp_path):
    assert load_device(write(tmp_path, SYSTOLIC)) == load_device(str(tmp_path / "profile.yaml"))
    with pytest.raises(FileError, match=r"^eyeriss: must be a readable file"):
        load_device(Path("eyeriss"))


def test_a_table_device_reads_its_seconds_beside_the_profile(tmp_path):
    write(tmp_path, "layer,seconds\nconv1,0.25\nfc,1e-3\n", "seconds.csv")
    assert load_device(write(tmp_path, TABLE)).table == {"conv1": 0.25, "fc": 0.001}


def test_supported_widths_are_sorted_and_counts_may_have_an_exponent(tmp_path):
    device = load_device(write(tmp_path, {**SYSTOLIC, "widths": [8, 4], "memory_bytes": 4.0e6}))
    assert device.widths == (4, 8)
    assert device.memory_bytes == 4_000_000
    assert isinstance(device.memory_bytes, int)


def test_a_file_in_the_current_folder_needs_no_separator(tmp_path, monkeypatch):
    write(tmp_path, SYSTOLIC, "mine.yaml")
    write(tmp_path, SYSTOLIC, "mine")
    write(tmp_path, LINK, "7mbps")
    monkeypatch.chdir(tmp_path)
    assert load_device("mine.yaml") == load_device("mine") == load_device("./mine.yaml")
    assert load_link("7mbps").uplink_bps == 3.0e6


@pytest.mark.parametrize("text", ["none.yaml", "none.yml", "./none", "folder/none"])
def test_what_is_written_as_a_path_and_is_not_there_is_named(text):
    with pytest.raises(FileError, match="readable file"):
        load_device(text)


def test_a_link_profile_is_not_a_device(tmp_path):
    with pytest.raises(FileError, match="must begin with 'schema: autosplit/device/1'"):
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


def test_an_unknown_link_is_answered_with_the_names_and_the_way_to_give_a_rate():
    with pytest.raises(ProfileError, match=r"a rate such as 3mbps, choose from: 10mbps, .*, wifi"):
        load_link("carrier pigeon")


@pytest.mark.parametrize(
    ("text", "bps", "name"),
    [
        ("7mbps", 7e6, "7mbps"),
        ("0.1mbps", 1e5, "0.1mbps"),
        ("250kbps", 250e3, "250kbps"),
        ("2.5GBPS", 2.5e9, "2.5gbps"),
        ("3Mbps", 3e6, "3mbps"),
    ],
)
def test_a_rate_as_typed_is_an_uplink_without_round_trip(text, bps, name):
    link = load_link(text)
    assert (link.name, link.uplink_bps) == (name, pytest.approx(bps))
    assert (link.downlink_bps, link.rtt_s) == (None, 0.0)


@pytest.mark.parametrize(
    "text", ["mbps", "-1mbps", "1e3mbps", "1 mbps", "1mbpss", "1tbps", "1.mbps"]
)
def test_what_only_looks_like_a_rate_is_an_unknown_link(text):
    with pytest.raises(ProfileError, match="must be a shipped name, a file or a rate"):
        load_link(text)


def test_a_rate_of_zero_is_refused():
    with pytest.raises(ProfileError, match=r"0mbps: uplink_bps: must be > 0, got 0\.0"):
        load_link("0mbps")


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


def test_an_unknown_model_is_named_with_the_other_problems(tmp_path):
    assert wrong(tmp_path, SYSTOLIC, model="sistolic", rows=0, weight="70 g") == [
        "unknown key 'weight', choose from: " + ", ".join(FIELDS),
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
    keys = ["cols", "dataflow", "native_bits", "on_chip_bytes", "rows"]
    found = wrong(tmp_path, ROOFLINE, **dict.fromkeys(reversed(keys), 1))
    assert found == [f"{key}: is not used by model 'roofline'" for key in keys]


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


@pytest.mark.parametrize("key", ["rows", "cols", "memory_bytes", "vector_lanes", "on_chip_bytes"])
def test_a_count_must_be_a_positive_whole_number(tmp_path, key):
    assert wrong(tmp_path, SYSTOLIC, **{key: 1.5}) == [f"{key}: must be a whole number, got 1.5"]
    assert wrong(tmp_path, SYSTOLIC, **{key: 0}) == [f"{key}: must be > 0, got 0"]


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


@pytest.mark.parametrize("source", ["", "  ", 5, None])
def test_a_profile_without_a_source_is_refused(tmp_path, source):
    assert wrong(tmp_path, LINK, source=source) == [f"source: must be text, got {source!r}"]
    assert wrong(tmp_path, LINK, source=...) == ["missing key 'source'"]


def test_a_round_trip_is_not_negative(tmp_path):
    assert wrong(tmp_path, LINK, rtt_s=-0.1) == ["rtt_s: must be >= 0, got -0.1"]


def test_a_downlink_is_positive(tmp_path):
    assert wrong(tmp_path, LINK, downlink_bps=0) == ["downlink_bps: must be > 0, got 0"]


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


@pytest.mark.parametrize("seconds", ["-1.0", "nan", "inf"])
def test_seconds_of_a_table_are_finite_and_not_negative(tmp_path, seconds):
    write(tmp_path, f"layer,seconds\nfc,{seconds}\n", "seconds.csv")
    (problem,) = wrong(tmp_path, TABLE)
    assert problem.startswith("table: fc: must be ")


def test_a_table_that_is_not_there_is_named_with_the_other_problems(tmp_path):
    with pytest.raises(ProfileError) as caught:
        load_device(write(tmp_path, {**TABLE, "float_bits": 5}))
    first, second = str(caught.value).split("\n")
    assert "seconds.csv: must be a readable file" in first
    assert "float_bits" in second


def test_a_table_that_is_no_path_is_refused(tmp_path):
    assert wrong(tmp_path, TABLE, table=5) == ["table: must be the path of a CSV file, got 5"]


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


def test_a_link_sends_at_its_rate_after_half_a_round_trip():
    link = Link(name="x", source="s", uplink_bps=2.0e6, downlink_bps=8.0e6, rtt_s=0.05)
    assert link.transfer_s(1_000_000) == pytest.approx(0.05 / 2 + 1 / 2)
    assert link.answer_s(1_000_000) == pytest.approx(0.05 / 2 + 1 / 8)


def test_an_answer_is_free_without_a_downlink():
    link = Link(name="x", source="s", uplink_bps=2.0e6, rtt_s=0.05)
    assert link.answer_s(1_000_000) == 0.0


def test_a_link_without_a_rate_is_refused():
    with pytest.raises(ProfileError, match="x: uplink_bps: must be > 0, got 0"):
        Link(name="x", source="s", uplink_bps=0)
