"""The device's side gets the same answers as both halves in one process."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
import tritonclient.http as triton
from served import serving
from tritonclient.utils import InferenceServerException

from autosplit.deploy.client import EdgeClient, wire_inputs
from autosplit.deploy.connection import ServerError, UnreachableError
from autosplit.deploy.manifest import read_manifest, write_manifest
from autosplit.errors import FileError
from autosplit.files import sha256_of_file
from autosplit.halves.deployed import deploy
from autosplit.halves.wire.jpeg import decode_jpeg
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.message import Message


@pytest.mark.parametrize("name", ["split", "edge", "raw"])
def test_its_answers_are_those_of_the_reference(small, bundle, address, name):
    outputs, crossed = deploy(small.program, small.files[name])(small.images[:3])

    with EdgeClient(bundle, f"http://{address}", name) as client:
        answer = client.infer({"x": small.images.numpy()[:3]})

    np.testing.assert_allclose(answer.outputs["output:0"], outputs[0].numpy(), rtol=1e-4, atol=1e-5)
    assert answer.sent_bytes == crossed
    assert answer.plan == name
    assert answer.body_bytes >= answer.sent_bytes
    own = answer.coding_s + answer.server_s - answer.run_s
    assert answer.own_s == own
    assert answer.total_s == pytest.approx(answer.edge_s + answer.link_s + answer.run_s + own)
    assert (answer.run_s > 0) == (name != "edge")


def test_the_first_plan_is_the_default(bundle):
    with EdgeClient(bundle, "http://127.0.0.1:9") as client:
        assert client.chosen.name == "split"


def test_a_server_that_is_not_there_is_one_line(small, bundle):
    with (
        EdgeClient(bundle, "http://127.0.0.1:9", "split", timeout_s=2) as client,
        pytest.raises(
            UnreachableError,
            match=r"http://127\.0\.0\.1:9: must answer within 2 s, ConnectionRefusedError",
        ),
    ):
        client.infer({"x": small.images.numpy()[:1]})


def test_a_refusal_is_told_with_its_reason(small, bundle, address):
    with (
        EdgeClient(bundle, f"http://{address}", "raw") as client,
        pytest.raises(ServerError, match=r"400, .*one batch of 1 to 16 samples"),
    ):
        client.infer({"x": np.zeros((17, 3, 8, 8), np.float32)})


def test_an_unknown_plan_is_refused(bundle):
    with pytest.raises(FileError, match="has no plan 'x'"):
        EdgeClient(bundle, "http://127.0.0.1:9", "x")
    assert read_manifest(bundle).plan().name == "split"


def test_pictures_are_sent_as_files():
    layout = WireLayout((WireTensor("x", (3, 8, 8), 8, "jpeg", quality=90),))
    pixels = np.full((2, 3, 8, 8), 128, np.uint8)

    (files,) = wire_inputs(Message(layout, {"x": pixels})).values()

    assert [decode_jpeg(one, (3, 8, 8)).shape for one in files] == [(3, 8, 8)] * 2


@pytest.fixture(scope="module")
def other(bundle, tmp_path_factory):
    """A copy of the bundle whose cloud half of the plan raw has its float weights negated."""
    folder = tmp_path_factory.mktemp("other") / "small"
    shutil.copytree(bundle, folder)
    manifest = read_manifest(folder)
    file = manifest.plan("raw").cloud
    model = onnx.load(folder / file)
    for weight in model.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT:
            value = -onnx.numpy_helper.to_array(weight)
            weight.CopyFrom(onnx.numpy_helper.from_array(value, weight.name))
    onnx.save(model, folder / file)
    files = {**manifest.files, file: sha256_of_file(folder / file)}
    write_manifest(folder, replace(manifest, files=files))
    return folder


def test_a_server_with_another_half_of_the_plan_refuses(small, bundle, other):
    images = small.images.numpy()[:1]
    with serving(other) as address:
        for folder, name in ((other, "raw"), (bundle, "split")):
            with EdgeClient(folder, f"http://{address}", name) as client:
                client.infer({"x": images})
        with (
            EdgeClient(bundle, f"http://{address}", "raw") as client,
            pytest.raises(ServerError, match=r"409, .*halves of raw .* copy one bundle to both"),
        ):
            client.infer({"x": images})


def test_a_client_that_names_no_halves_is_answered(address):
    one = triton.InferInput("x", [1, 192], "UINT8")
    one.set_data_from_numpy(np.zeros((1, 192), np.uint8))
    with triton.InferenceServerClient(address) as client:
        for parameters in (None, {"another": 1}):
            answer = client.infer("small", [one], "raw", parameters=parameters)
            assert answer.as_numpy("output:0").shape == (1, 5)
        with pytest.raises(InferenceServerException, match=r"plan_id: must be [0-9a-f]{16}, of"):
            client.infer("small", [one], "raw", parameters={"plan_id": "0" * 16})
