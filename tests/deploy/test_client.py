"""The device's side gets the same answers as both halves in one process."""

import numpy as np
import pytest

from autosplit.deploy.client import EdgeClient, wire_inputs
from autosplit.deploy.connection import ServerError, UnreachableError
from autosplit.deploy.manifest import read_manifest
from autosplit.errors import FileError
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
