"""Codes and biases beside a plan: out to safetensors and in again, and what is refused."""

import hashlib
import json
import struct

import numpy as np
import pytest
import safetensors.numpy
from plans import GRAPH, plan_file

from autosplit.errors import FileError
from autosplit.grid.grid import WIDTHS, Grid, Unquantized
from autosplit.plan.codes import read_codes, write_codes

WEIGHTS = plan_file().weights  # a: 10 elements, 2 channels, 4 bits; b: 15, 3, 5 bits


def read(path, data, weights=WEIGHTS):
    """Put bytes beside a plan and read them as what the plan names."""
    path.with_suffix(".safetensors").write_bytes(data)
    named = {"file": "p.safetensors", "sha256": hashlib.sha256(data).hexdigest()}
    return read_codes(path, named, weights, GRAPH)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "p.yaml"


def test_codes_and_biases_that_are_written_are_read_back(path):
    codes = {"a": np.arange(10, dtype=np.uint8).reshape(2, 5)}
    biases = {"b": np.float32([1, -2, 0.5])}
    named = write_codes(path, codes, biases)
    found_codes, found_biases = read_codes(path, named, WEIGHTS, GRAPH)

    assert named["file"] == "p.safetensors"
    np.testing.assert_array_equal(found_codes["a"], codes["a"])
    np.testing.assert_array_equal(found_biases["b"], biases["b"])


def test_a_plan_without_codes_has_no_file_beside_it(path):
    assert write_codes(path, {}, {}) is None
    assert list(path.parent.iterdir()) == []
    assert read_codes(path, None, WEIGHTS, GRAPH) == ({}, {})


@pytest.mark.parametrize("bits", WIDTHS)
def test_codes_of_each_width_keep_their_highest_value_and_no_higher_one(path, bits):
    """At 8 bits that is 255, which one signed byte would turn into -1."""
    top = 2**bits - 1
    weights = {"a": Grid.of(bits, (1.0, 1.0), (0, top))}
    codes = np.uint8([0, top] * 5)

    found, _ = read_codes(path, write_codes(path, {"a": codes}, {}), weights, GRAPH)
    assert (found["a"].dtype, found["a"].tolist()) == (np.uint8, [0, top] * 5)
    if bits < 8:
        named = write_codes(path, {"a": codes + np.uint8(1)}, {})
        with pytest.raises(FileError, match=f"must be 0..{top} at {bits} bits, got {top + 1}"):
            read_codes(path, named, weights, GRAPH)


def test_a_view_that_is_not_contiguous_is_written_in_its_own_order(path):
    codes = np.arange(10, dtype=np.uint8).reshape(5, 2).T

    found, _ = read_codes(path, write_codes(path, {"a": codes}, {}), WEIGHTS, GRAPH)
    assert found["a"].tolist() == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("bias|b", np.zeros(2, np.float32), r"must be 3 finite numbers.*shape \(2,\)"),
        ("bias|b", np.zeros((3, 1), np.float32), r"must be 3 finite.*shape \(3, 1\)"),
        ("bias|b", np.float32(1), r"must be 3 finite numbers.*shape \(\)"),
        ("bias|b", np.float32([0, 1, np.nan]), "must be 3 finite numbers"),
        ("codes|a", np.zeros(9, np.uint8), "must be 10 codes of one byte, got 9 of uint8"),
        ("codes|a", np.zeros(10, np.int8), "must be 10 codes of one byte, got 10 of int8"),
        ("codes|a", np.full(10, 16, np.uint8), r"codes\|a: must be 0\.\.15 at 4 bits, got 16"),
        ("codes|again", np.zeros(10, np.uint8), "must hold layers of the plan only"),
        ("steps|a", np.zeros(10, np.uint8), "must hold layers of the plan only"),
    ],
)
def test_arrays_that_do_not_fit_the_plan_are_refused_in_one_line(path, key, value, problem):
    with pytest.raises(FileError, match=problem) as error:
        read(path, safetensors.numpy.save({key: np.asarray(value)}))

    assert "\n" not in str(error.value)


def test_codes_of_a_weight_that_stays_floats_are_refused(path):
    data = safetensors.numpy.save({"codes|a": np.zeros(10, np.uint8)})

    with pytest.raises(FileError, match="the plan leaves this weight as floats"):
        read(path, data, {"a": Unquantized(16)})


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3"])
def test_a_type_that_numpy_lacks_is_refused(path, dtype):
    size = 2 if dtype == "BF16" else 1
    head = {"bias|b": {"dtype": dtype, "shape": [3], "data_offsets": [0, 3 * size]}}
    text = json.dumps(head).encode()

    with pytest.raises(FileError, match="must be a safetensors file of codes and biases"):
        read(path, struct.pack("<Q", len(text)) + text + bytes(3 * size))


@pytest.mark.parametrize("data", [b"", b"no safetensors", bytes(100)])
def test_a_file_of_another_kind_is_refused(path, data):
    with pytest.raises(FileError, match=r"p.safetensors: must be a safetensors file"):
        read(path, data)


def test_another_file_than_the_plan_names_is_refused(path):
    named = write_codes(path, {"a": np.zeros(10, np.uint8)}, {})
    path.with_suffix(".safetensors").write_bytes(b"other")

    with pytest.raises(FileError, match="get the file that belongs to it"):
        read_codes(path, named, WEIGHTS, GRAPH)


def test_a_file_in_another_folder_is_not_read(path, tmp_path):
    """A plan names the file beside it; whatever path it gives, the name alone counts."""
    named = write_codes(path, {"a": np.zeros(10, np.uint8)}, {})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "p.safetensors").write_bytes(b"other")

    codes, _ = read_codes(path, named | {"file": "other/p.safetensors"}, WEIGHTS, GRAPH)
    assert codes["a"].size == 10


def test_the_entry_of_the_file_has_a_name_and_a_hash(path):
    with pytest.raises(FileError, match="integers: missing key 'sha256'"):
        read_codes(path, {"file": "p.safetensors"}, WEIGHTS, GRAPH)
