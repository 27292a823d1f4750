"""A server's models: found by name and version, and inputs checked before they run."""

import asyncio
import json

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from autosplit.deploy.client import wire_inputs
from autosplit.deploy.grpc_server import request_inputs
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.oip import InferRequest, decode_request, encode_request
from autosplit.deploy.repository import Repository, UnknownModelError
from autosplit.deploy.sessions import EdgeModel
from autosplit.deploy.tensor_bytes import raw_bytes
from autosplit.errors import DataError
from autosplit.halves.wire.message import Message


@pytest.fixture(scope="module")
def repository(bundle):
    return Repository.load(bundle, most_rows=4)


def test_versions_of_the_network_are_the_plans(repository):
    assert repository.metadata("small")["versions"] == ["split", "raw"]
    assert repository.find("small").plan.name == "split"
    assert repository.find("small", "raw").plan.name == "raw"
    assert repository.find("small--raw").plan.name == "raw"
    assert repository.find("small--raw", "1").plan.name == "raw"


@pytest.mark.parametrize(
    "name", [("x", ""), ("small", "edge"), ("small", "1"), ("small--raw", "2")]
)
def test_an_unknown_model_or_version_is_named(repository, name):
    with pytest.raises(UnknownModelError, match="must be small in a version of split, raw"):
        repository.find(*name)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "inputs: must be x, got none"),
        ({"y": np.zeros((1, 192), np.uint8)}, "inputs: must be x, got y"),
        ({"x": np.zeros((1, 191), np.uint8)}, r"must be UINT8 of shape \[-1, 192\], got UINT8 of"),
        ({"x": np.zeros((1, 192), np.float32)}, "must be UINT8 of shape"),
        ({"x": np.zeros((5, 192), np.uint8)}, "one batch of 1 to 4 samples"),
        ({"x": np.zeros((0, 192), np.uint8)}, "one batch of 1 to 4 samples"),
        ({"x": np.array([b"jpeg"], object)}, "must be UINT8, got BYTES"),
    ],
)
def test_inputs_of_another_kind_never_run(repository, inputs, words):
    with pytest.raises(DataError, match=words):
        asyncio.run(repository.find("small", "raw").infer(inputs))


def changed(data, rng):
    """Bytes with a few of them changed, lost, doubled or put in."""
    found = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        start = int(rng.integers(0, len(found) + 1))
        end = min(start + int(rng.geometric(0.1)), len(found))
        kind = rng.integers(5)
        if kind == 0:
            found[start:end] = rng.bytes(end - start)
        elif kind == 1:
            del found[start:end]
        elif kind == 2:
            found[start:start] = found[start:end]
        elif kind == 3:
            found[start:start] = rng.bytes(int(rng.integers(1, 20)))
        else:
            digits = [place for place, byte in enumerate(found) if chr(byte).isdigit()]
            if digits:
                found[rng.choice(digits)] = ord("0") + int(rng.integers(10))
    return bytes(found)


@pytest.mark.parametrize(
    "count",
    [pytest.param(1_000, id="fast"), pytest.param(100_000, id="slow", marks=pytest.mark.slow)],
)
def test_changed_messages_are_read_or_refused_in_one_line(small, bundle, count):
    """Of every kind: binary and JSON of HTTP, coded samples, protobuf, and whole messages."""
    served = Repository.load(bundle).find("small", "split")
    plan = read_manifest(bundle).plan("split")
    message, _ = EdgeModel.load(bundle, plan)({"x": small.images.numpy()[:2]})
    packed, coded = wire_inputs(message), wire_inputs(message, served.coded)
    as_json = [
        {"name": n, "shape": list(v.shape), "datatype": "UINT8", "data": v.ravel().tolist()}
        for n, v in packed.items()
    ]
    bodies = [encode_request(InferRequest(sent)) for sent in (packed, coded)]
    bodies.append((json.dumps({"inputs": as_json}).encode(), None))
    call = service_pb2.ModelInferRequest(
        model_name="small",
        inputs=[{"name": n, "datatype": "BYTES", "shape": v.shape} for n, v in coded.items()],
        raw_input_contents=[raw_bytes(v) for v in coded.values()],
    ).SerializeToString()
    whole = message.encode()
    rng = np.random.default_rng(count)

    def over_http(place):
        body, length = bodies[place]
        if length is not None and rng.integers(4) == 0:
            length += int(rng.integers(-9, 10))
        checked(decode_request(changed(body, rng), length).inputs)

    def over_grpc():
        request = service_pb2.ModelInferRequest()
        try:
            request.ParseFromString(changed(call, rng))
        except DecodeError:  # gRPC itself refuses these
            raise DataError("protobuf") from None
        checked(request_inputs(request))

    def checked(inputs):
        taken = served._checked(inputs)
        assert sum(value.nbytes for value in taken.values()) <= served.most_bytes

    kinds = [lambda place=place: over_http(place) for place in range(3)]
    kinds += [over_grpc, lambda: Message.decode(changed(whole, rng), plan.wire)]
    refusals = []
    for place in range(count):
        try:
            kinds[place % len(kinds)]()
        except DataError as error:
            refusals.append(str(error))
    assert count / 2 < len(refusals) < count
    assert not [one for one in refusals if "\n" in one or len(one) > 1000]
