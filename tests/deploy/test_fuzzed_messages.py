"""Messages that were damaged are answered or refused in one line, within bounded memory."""

import asyncio
import json
import random
import resource
from contextlib import contextmanager

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from mutations import WAYS
from tritonclient.grpc import service_pb2 as messages

from autosplit.deploy.client import wire_inputs
from autosplit.deploy.coded_inputs import coded_tensors
from autosplit.deploy.grpc_server import request_inputs
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.oip import InferRequest, decode_request, encode_request, encode_response
from autosplit.deploy.repository import Repository
from autosplit.deploy.sessions import EdgeModel
from autosplit.deploy.tensor_bytes import datatype_of, raw_bytes
from autosplit.errors import AutoSplitError
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.message import Message

FAST, ALL = 60, 12_500
"""Messages of each form: eight forms are 100,000 messages."""
MOST_BYTES = 1 << 30
"""Memory that all of them may need at a time, in addition."""
TEXT_WAYS = list(WAYS)
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@contextmanager
def bounded_memory(more):
    """A process that may take so many bytes of addresses more than it has."""
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def damaged(rng, data):
    """Bytes with some of them changed, cut, put in, doubled, or made an extreme number."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place, size = rng.randint(0, len(found)), rng.choice([1, 2, 4, 8, 100])
        what = rng.randrange(6)
        if what == 0 and found:
            found[min(place, len(found) - 1)] ^= 1 << rng.randrange(8)
        elif what == 1:
            del found[place : place + size]
        elif what == 2:
            found[place:place] = rng.randbytes(size)
        elif what == 3:
            found[place:place] = found[place : place + size]
        elif what == 4:
            found[place : place + 4] = rng.choice(NUMBERS).to_bytes(4, "little")
        else:
            found[place : place + size] = rng.randbytes(size)
    return bytes(found)


def damaged_text(rng, data):
    """A text changed as a file of a person may be."""
    changed = WAYS[rng.choice(TEXT_WAYS)](rng, data)
    return damaged(rng, data) if changed is None else changed


def refused(call, *known):
    """Whether a call refuses in one line; anything but an answer or a refusal fails the test."""
    told = "one line"
    try:
        call()
    except AutoSplitError as error:
        told = str(error)
    except known:
        pass
    else:
        return False
    assert "\n" not in told
    assert len(told) < 2000
    return True


@pytest.fixture(scope="module")
def sent(small, bundle):
    """Messages of the split plan and of the raw one: plan -> message."""
    manifest = read_manifest(bundle)
    images = {"x": small.images.numpy()[:2]}
    return {
        name: EdgeModel.load(bundle, manifest.plan(name))(images)[0] for name in ("split", "raw")
    }


@pytest.fixture(scope="module")
def repository(bundle):
    return Repository.load(bundle, most_rows=4)


def picture_message():
    """A message of two pictures as JPEG files."""
    layout = WireLayout((WireTensor("x", (3, 8, 8), 8, "jpeg", quality=80),))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8), dtype=np.uint8)
    return Message(layout, {"x": pixels})


def answered(repository, asked):
    """What the server does with a request that was read."""
    served = repository.find("small", "split")
    ran = asyncio.run(served.infer(asked.inputs, asked.outputs))
    encode_response("small", "split", ran.outputs, asked)


def wire_cases(sent):
    for message in (sent["split"], sent["raw"], picture_message()):
        data = message.encode()
        yield data, lambda changed, layout=message.layout: Message.decode(changed, layout)


def request_of(sent, coded):
    message = sent["split"]
    taken = coded_tensors(message.layout).keys() if coded else ()
    return InferRequest(wire_inputs(message, taken), ("output:0",), id="7")


def json_body(request):
    """A request as JSON alone."""
    entries = [
        {"name": n, "shape": list(v.shape), "datatype": "UINT8", "data": v.ravel().tolist()}
        for n, v in request.inputs.items()
    ]
    return json.dumps({"inputs": entries, "outputs": [{"name": "output:0"}]}).encode()


def protobuf_body(request, raw):
    found = messages.ModelInferRequest(model_name="small", model_version="split", id="7")
    for name, value in request.inputs.items():
        one = found.inputs.add(name=name, shape=value.shape, datatype=datatype_of(value))
        if raw:
            found.raw_input_contents.append(raw_bytes(value))
        else:
            one.contents.uint_contents.extend(value.ravel().tolist())
    return found.SerializeToString()


def forms(repository, sent):
    """Form -> bytes that are right, what damages them, and what reads and answers them."""
    for place, (data, read) in enumerate(wire_cases(sent)):
        yield f"wire {place}", data, damaged, read
    packed, coded = request_of(sent, coded=False), request_of(sent, coded=True)

    def text(changed):
        answered(repository, decode_request(changed, None))

    yield "json", json_body(packed), damaged_text, text
    for name, request in (("binary", packed), ("binary coded", coded)):
        data, length = encode_request(request)

        def binary(changed, length=length):
            answered(repository, decode_request(changed, length))

        yield name, data, damaged, binary

    def protobuf(changed):
        found = messages.ModelInferRequest.FromString(changed)
        wanted = [one.name for one in found.outputs]
        answered(repository, InferRequest(request_inputs(found), wanted))

    yield "protobuf", protobuf_body(packed, raw=False), damaged, protobuf
    yield "protobuf raw", protobuf_body(coded, raw=True), damaged, protobuf


def fuzz(repository, sent, count, seed):
    """Damage each form so often; form -> how many were refused."""
    found = {}
    with bounded_memory(MOST_BYTES):
        for name, data, damage, read in forms(repository, sent):
            rng = random.Random(f"{seed} {name}")
            assert not refused(lambda: read(data))  # noqa: B023 - called at once
            found[name] = 0
            for _ in range(count):
                changed = damage(rng, data)
                found[name] += refused(lambda: read(changed), DecodeError)  # noqa: B023
    return found


def test_damaged_messages_are_refused_or_answered(repository, sent):
    found = fuzz(repository, sent, FAST, seed=0)
    assert all(0 < count <= FAST for count in found.values())


@pytest.mark.slow
def test_100_000_damaged_messages_are_refused_or_answered(repository, sent):
    found = fuzz(repository, sent, ALL, seed=1)
    assert ALL * len(found) == 100_000
    print({name: f"{count} of {ALL} refused" for name, count in found.items()})


@pytest.mark.parametrize(
    "shape", [[2**31 - 1], [2**31 - 1] * 8, [0, 2**31 - 1], [1, 2**30]], ids=str
)
def test_a_shape_of_any_size_takes_no_memory(repository, shape):
    body = f'{{"inputs": [{{"name": "a", "shape": {shape}, "datatype": "BYTES", "parameters": '
    body += '{"binary_data_size": 4}}]}'
    with bounded_memory(1 << 27):
        assert refused(lambda: answered(repository, decode_request(body.encode() + b"\0" * 4,
                                                                   len(body))))  # fmt: skip
