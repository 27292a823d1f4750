"""Requests and answers of the Open Inference Protocol, against tritonclient, and bad bytes."""

import json
from contextlib import suppress

import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.deploy.oip import (
    InferRequest,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from autosplit.errors import DataError

VALUES = {
    "a": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "b": np.array([[0.5], [-2.0]], np.float32),
}


def same(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == value.dtype


@pytest.mark.parametrize("binary", [True, False])
def test_it_reads_what_tritonclient_writes(binary):
    inputs = []
    for name, value in VALUES.items():
        one = triton.InferInput(name, list(value.shape), {"a": "UINT8", "b": "FP32"}[name])
        one.set_data_from_numpy(value, binary_data=binary)
        inputs.append(one)
    wanted = [triton.InferRequestedOutput("y", binary_data=binary)]
    body, length = triton.InferenceServerClient.generate_request_body(inputs, outputs=wanted)

    request = decode_request(body, length)

    same(request.inputs, VALUES)
    assert request.outputs == ["y"]
    assert request.is_binary("y") is binary


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_reads_what_it_writes(binary):
    body, length = encode_response("m", "1", VALUES, InferRequest({}, binary=binary))

    result = triton.InferenceServerClient.parse_response_body(body, header_length=length)

    same({name: result.as_numpy(name) for name in VALUES}, VALUES)


def test_a_request_is_read_as_it_was_written():
    files = np.array([b"one", b""], object)
    request = InferRequest({**VALUES, "files": files}, ("y",), True, "7", plan_id="ab")
    body, length = encode_request(request)

    found = decode_request(body, length)

    same(found.inputs, request.inputs)
    assert (found.outputs, found.id, found.is_binary("y")) == (["y"], "7", True)
    assert found.plan_id == "ab"


def test_an_answer_is_read_as_it_was_written():
    body, length = encode_response("m", "1", VALUES, InferRequest({}))

    same(decode_response(body, length).outputs, VALUES)


@pytest.mark.parametrize(
    ("body", "length", "words"),
    [
        (b"", None, "body: must begin with a JSON object"),
        (b"[]", None, "body: must be a JSON object"),
        (b"{}", None, "inputs: must be a list of tensors"),
        (b"{}", 9, "must be 0 to 2, the body's bytes, got 9"),
        (b"[" * 100_000, None, "body: must begin with a JSON object"),
        (b'{"inputs": [3]}', None, "inputs[0]: must be a JSON object"),
        (b'{"inputs": [{"name": 3}]}', None, "name must be text"),
        (b'{"inputs": [{"name": "a", "shape": [-1]}]}', None, "shape must be a list of whole"),
        (b'{"inputs": [{"name": "a", "shape": [99999999999]}]}', None, "shape must be a list"),
        (b'{"inputs": [{"name": "a", "shape": [1], "datatype": "X"}]}', None, "datatype must be"),
        (
            b'{"inputs": [{"name": "a", "shape": [2], "datatype": "UINT8", "data": [1]}]}',
            None,
            "data must have 2 numbers, got 1",
        ),
        (
            b'{"inputs": [{"name": "a", "shape": [1], "datatype": "UINT8", "data": [300]}]}',
            None,
            "data must be numbers of UINT8",
        ),
        (b'{"inputs": [], "outputs": 3}', None, "outputs: must be a list"),
    ],
)
def test_what_is_wrong_is_told(body, length, words):
    with pytest.raises(DataError) as error:
        decode_request(body, length)
    assert words in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("size", [-1, 4, "6", True])
def test_a_size_beyond_the_body_is_refused(size):
    entry = {
        "name": "a",
        "shape": [3],
        "datatype": "UINT8",
        "parameters": {"binary_data_size": size},
    }
    text = json.dumps({"inputs": [entry]}).encode()

    with pytest.raises(DataError, match="binary_data_size must be 0 to 3"):
        decode_request(text + b"abc", len(text))


@given(st.data())
@settings(max_examples=300)
def test_bytes_that_were_damaged_are_read_or_refused(data):
    body, length = encode_request(InferRequest({**VALUES, "f": np.array([b"xy"], object)}, ("y",)))
    bad = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(bad) - 1))
        bad[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(bad)))

    for body_bytes in (bytes(bad), bytes(bad[:cut])):
        with suppress(DataError):
            decode_request(body_bytes, length)
