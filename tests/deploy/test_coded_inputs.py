"""Entropy-coded tensors cross the protocol, and servers without them get packed bytes."""

from dataclasses import replace

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton
from served import serving
from starlette.testclient import TestClient

from autosplit.deploy.bundle import Exporter
from autosplit.deploy.client import EdgeClient, wire_inputs
from autosplit.deploy.coded_inputs import (
    coded_name,
    coded_tensors,
    decode_samples,
    encode_samples,
    listed_inputs,
)
from autosplit.deploy.http_server import make_app
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.oip import InferRequest, encode_request
from autosplit.deploy.repository import Repository
from autosplit.deploy.sessions import CloudModel, EdgeModel
from autosplit.errors import DataError, FileError
from autosplit.halves.deployed import deploy
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.pack import pack_rows
from autosplit.plan.wire_layout import wire_layout

WIRE = WireTensor("a", (4, 3, 5), 3, "entropy", classes=(0, 1, 0, 1), mean_bytes=20)
LAYOUT = WireLayout((WIRE,))


@pytest.fixture(scope="module")
def coded(small, bundle):
    """The message of three samples, its coded inputs, and the right answers."""
    plan = read_manifest(bundle).plan("split")
    message, _ = EdgeModel.load(bundle, plan)({"x": small.images.numpy()[:3]})
    sent = wire_inputs(message, coded_tensors(plan.wire))
    return message, sent, CloudModel.load(bundle, plan)(message)["output:0"]


def asked(kind, sent):
    found = []
    for name, value in sent.items():
        one = kind.InferInput(name, list(value.shape), "BYTES")
        one.set_data_from_numpy(value)
        found.append(one)
    return found


def test_samples_are_decoded_to_the_rows_that_packing_gives():
    samples = np.random.default_rng(0).integers(0, 8, (6, 4, 3, 5)).astype(np.uint8)

    rows = decode_samples(LAYOUT, WIRE, encode_samples(LAYOUT, "a", samples))

    np.testing.assert_array_equal(rows, pack_rows(samples.reshape(6, 60), 3))


@pytest.mark.parametrize(
    "change", [{"shape": (4, 5, 3)}, {"bits": 4}, {"classes": (0, 1, 1, 0)}, {"name": "b"}]
)
def test_another_table_is_another_input(change):
    assert coded_name(replace(WIRE, **change)) != coded_name(WIRE)


def test_another_price_is_the_same_input():
    assert coded_name(replace(WIRE, mean_bytes=7)) == coded_name(WIRE)


def test_an_unmodified_tritonclient_sends_coded_samples_over_http(address, coded):
    _, sent, expected = coded
    with triton.InferenceServerClient(address) as client:
        described = client.get_model_metadata("small", "split")["inputs"]
        assert {one["name"]: one["datatype"] for one in described if ":zstd:" in one["name"]} == (
            dict.fromkeys(sent, "BYTES")
        )
        result = client.infer("small", asked(triton, sent), "split")
    np.testing.assert_allclose(result.as_numpy("output:0"), expected, rtol=1e-6)


def test_an_unmodified_tritonclient_sends_coded_samples_over_grpc(grpc_address, coded):
    _, sent, expected = coded
    with triton_grpc.InferenceServerClient(grpc_address) as client:
        described = client.get_model_metadata("small", "split").inputs
        assert {one.name for one in described} > set(sent)
        result = client.infer("small", asked(triton_grpc, sent), "split")
    np.testing.assert_allclose(result.as_numpy("output:0"), expected, rtol=1e-6)


def test_the_client_sends_what_the_table_counts_and_gets_the_right_answers(small, bundle, address):
    """Wire, table and bundle agree to the byte: the table has the mean over these images."""
    plan = read_manifest(bundle).plan("split")
    counted = sum(plan.wire.mean_bytes.values())
    both = deploy(small.program, small.files["split"])
    (outputs, _), (message, _) = both(small.images), both.edge((small.images,))
    images, sizes = small.images.numpy(), []

    with EdgeClient(bundle, f"http://{address}", "split") as client:
        for place in range(len(images)):
            answer = client.infer({"x": images[place : place + 1]})
            sizes.append(answer.sent_bytes)
            np.testing.assert_allclose(
                answer.outputs["output:0"][0], outputs[0][place], rtol=1e-4, atol=1e-5
            )

    assert np.sum(sizes) == len(message.encode()) - message.framing_bytes
    # each tensor's mean is rounded up to a whole byte
    assert 0 <= counted - np.mean(sizes) < len(plan.wire.mean_bytes)
    assert plan.predicted["sent_bytes"] == counted


def test_a_server_that_lists_no_coded_input_gets_packed_bytes(small, bundle, address, monkeypatch):
    outputs, _ = deploy(small.program, small.files["split"])(small.images[:2])
    with EdgeClient(bundle, f"http://{address}", "split") as client:
        monkeypatch.setattr("autosplit.deploy.client.listed_inputs", lambda _: frozenset({"x"}))
        answer = client.infer({"x": small.images.numpy()[:2]})
        packed = sum(wire.row_bytes for wire in client.chosen.wire.tensors)

    assert answer.sent_bytes == 2 * packed
    np.testing.assert_allclose(answer.outputs["output:0"], outputs[0].numpy(), rtol=1e-4, atol=1e-5)


def test_a_device_without_the_coder_packs(small, bundle, address, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with EdgeClient(bundle, f"http://{address}", "split") as client:
        answer = client.infer({"x": small.images.numpy()[:1]})
        assert answer.sent_bytes == sum(wire.row_bytes for wire in client.chosen.wire.tensors)


@pytest.mark.parametrize("metadata", [{}, {"inputs": 3}, {"inputs": [3, {"name": 4}]}])
def test_metadata_of_another_form_lists_nothing(metadata):
    assert listed_inputs(metadata) == frozenset()


def elements(*values):
    found = np.empty(len(values), object)
    found[:] = values
    return found


def test_bad_bytes_get_one_line_and_status_400(bundle, coded):
    _, sent, _ = coded
    name = next(iter(sent))
    with TestClient(make_app(Repository.load(bundle, most_rows=4))) as client:

        def said(value, **more):
            body, length = encode_request(InferRequest({**sent, name: value, **more}))
            headers = {"Inference-Header-Content-Length": str(length)}
            answer = client.post(
                "/v2/models/small/versions/split/infer", content=body, headers=headers
            )
            assert answer.status_code == 400
            return answer.json()["error"]

        whole = list(sent[name])
        assert f"{name}: sample 1: entropy: " in said(elements(whole[0], b"no sample", whole[2]))
        assert "sample 0: entropy" in said(elements(whole[0] + b"x"))
        assert "sample 0: entropy" in said(elements(whole[0][:-1]))
        assert "must be BYTES of shape [batch] with 1 to 4 samples" in said(
            elements(*whole, *whole)
        )
        assert "must be BYTES of shape [batch]" in said(sent[name].reshape(3, 1))
        assert f"{name}: must be BYTES, got UINT8" in said(np.zeros(3, np.uint8))
        assert "must have one batch" in said(elements(whole[0]))
        assert ", or coded " in said(sent[name], x=np.zeros(3, np.uint8))


def test_a_sample_that_would_grow_without_end_stops_at_its_own_size():
    """A frame of a million zeros is some dozen bytes; the decoder stops after 30 symbols."""
    big = WireTensor("a", (1, 1_000_000), 8, "entropy", classes=(0,) * 1_000_000, mean_bytes=1)
    bomb = encode_samples(WireLayout((big,)), "a", np.zeros((1, *big.shape), np.uint8))
    assert len(bomb[0]) < 2000

    with pytest.raises(DataError, match="sample 0: entropy: "):
        decode_samples(LAYOUT, WIRE, bomb)


def test_tables_that_were_changed_are_refused(bundle, tmp_path):
    text = (bundle / "manifest.yaml").read_text()
    plan = read_manifest(bundle).plan("split")
    digest = next(iter(plan.coded.values()))["table_sha256"]
    (tmp_path / "manifest.yaml").write_text(text.replace(digest, "0" * 64))

    with pytest.raises(FileError, match="split: coded must be the tables of wire"):
        read_manifest(tmp_path)


def test_a_bundle_sends_whole_bytes_where_its_plan_does(small, tmp_path):
    file = small.files["split"]
    cut = small.program.graph.cut(file.plan.edge)
    file = replace(file, wire=wire_layout(cut, file.activations, whole=True))
    Exporter(small.program, small.model, "classification").export([file], tmp_path / "whole")
    (outputs, _), image = deploy(small.program, file)(small.images[:1]), small.images[:1].numpy()

    with (
        serving(tmp_path / "whole") as where,
        EdgeClient(tmp_path / "whole", f"http://{where}", "split") as client,
    ):
        answer = client.infer({"x": image})

    sent = sum(small.program.graph.elements(name) for name in cut.crossing)
    assert (
        answer.sent_bytes
        == sent
        == read_manifest(tmp_path / "whole").plan("split").predicted["sent_bytes"]
    )
    np.testing.assert_allclose(answer.outputs["output:0"], outputs[0], rtol=1e-4, atol=1e-5)
