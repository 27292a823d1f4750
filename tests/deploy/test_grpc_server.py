"""The server of a bundle over gRPC, called by an unmodified tritonclient and by wrong requests."""

import asyncio
import socket

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2 as messages
from tritonclient.utils import InferenceServerException

from autosplit.deploy.credentials import make_credentials
from autosplit.deploy.grpc_server import make_grpc_server, request_inputs
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.repository import Repository
from autosplit.deploy.sessions import CloudModel, EdgeModel, server_inputs
from autosplit.errors import DataError


@pytest.fixture(scope="module")
def client(grpc_address):
    with triton.InferenceServerClient(grpc_address) as client:
        yield client


def asked(inputs):
    found = []
    for name, value in inputs.items():
        one = triton.InferInput(name, list(value.shape), "UINT8")
        one.set_data_from_numpy(value)
        found.append(one)
    return found


def test_tritonclient_gets_the_right_answer(small, bundle, client):
    plan = read_manifest(bundle).plan("split")
    message, _ = EdgeModel.load(bundle, plan)({"x": small.images.numpy()[:2]})
    expected = CloudModel.load(bundle, plan)(message)["output:0"]

    result = client.infer("small", asked(server_inputs(message)), "split", request_id="7")

    np.testing.assert_allclose(result.as_numpy("output:0"), expected, rtol=1e-6)
    assert result.get_response().id == "7"


def test_health_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("small", "raw")
    assert client.get_server_metadata().name == "autosplit"
    described = client.get_model_metadata("small", "raw")
    assert list(described.versions) == ["split", "raw"]
    assert [(one.name, one.datatype, list(one.shape)) for one in described.inputs] == [
        ("x", "UINT8", [-1, 192])
    ]


@pytest.mark.parametrize(
    ("model", "inputs", "code", "words"),
    [
        ("none", {}, "NOT_FOUND", "model: must be small"),
        ("small--raw", {}, "INVALID_ARGUMENT", "inputs: must be x"),
        (
            "small--raw",
            {"x": np.zeros((1, 3), np.uint8)},
            "INVALID_ARGUMENT",
            "x: must be UINT8 of shape",
        ),
    ],
)
def test_wrong_requests_get_one_clear_line(client, model, inputs, code, words):
    with pytest.raises(InferenceServerException) as error:
        client.infer(model, asked(inputs))
    assert code in error.value.status()
    assert words in error.value.message()


def test_another_half_of_the_plan_is_refused(bundle, client):
    manifest = read_manifest(bundle)
    given = asked({"x": np.zeros((1, 192), np.uint8)})
    right = {"plan_id": manifest.plan_id(manifest.plan("raw"))}
    client.infer("small", given, "raw", parameters=right)
    with pytest.raises(InferenceServerException, match="copy one bundle to both") as error:
        client.infer("small", given, "raw", parameters={"plan_id": "0" * 16})
    assert "FAILED_PRECONDITION" in error.value.status()


def one_input(**about):
    request = messages.ModelInferRequest(model_name="m")
    one = request.inputs.add(name="x", **{"shape": [2], "datatype": "UINT8", **about})
    return request, one


def test_numbers_in_the_message_are_read():
    request, one = one_input()
    one.contents.uint_contents.extend([7, 255])

    assert request_inputs(request)["x"].tolist() == [7, 255]


@pytest.mark.parametrize(
    ("about", "numbers", "words"),
    [
        ({}, [300, 1], "contents must be UINT8"),
        ({}, [1], r"must have the shape \[2\], got 1 elements"),
        ({"shape": [-2]}, [], "a name of its own and a shape"),
        ({"shape": [2**40, 2**40]}, [1], "got 1 elements"),
        ({"datatype": "FP16"}, [], "'FP16' must come as raw contents"),
    ],
)
def test_contents_that_do_not_fit_are_refused(about, numbers, words):
    request, one = one_input(**about)
    one.contents.uint_contents.extend(numbers)

    with pytest.raises(DataError, match=words):
        request_inputs(request)


def test_raw_contents_for_some_inputs_alone_are_refused():
    request, _ = one_input()
    request.inputs.add(name="y", shape=[1], datatype="UINT8")
    request.raw_input_contents.append(b"ab")

    with pytest.raises(DataError, match="one entry for each of 2 inputs, got 1"):
        request_inputs(request)


def test_a_connection_that_never_begins_tls_is_ended(bundle, tmp_path):
    guard = make_credentials(tmp_path, ["127.0.0.1"])

    def silent(port):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
            return one.recv(100)

    async def main():
        server, port = make_grpc_server(Repository.load(bundle), "127.0.0.1:0", guard, 0.3)
        await server.start()
        try:
            return await asyncio.to_thread(silent, port)
        finally:
            await server.stop(None)

    assert asyncio.run(main()) == b""
