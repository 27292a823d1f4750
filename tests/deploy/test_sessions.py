"""Halves of a bundle run with numpy alone."""

import subprocess
import sys

import numpy as np
import pytest

from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.sessions import CloudModel, EdgeModel, open_session, server_inputs
from autosplit.errors import FileError
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.message import Message


def test_the_two_halves_give_the_networks_answer(small, bundle):
    expected = small.network(small.images).detach().numpy()
    plan = read_manifest(bundle).plan("raw")  # 8 bits of the input are all that is lost

    message, answers = EdgeModel.load(bundle, plan)({"x": small.images.numpy()})
    answers |= CloudModel.load(bundle, plan)(message)

    np.testing.assert_allclose(answers["output:0"], expected, atol=0.02)


def test_what_a_server_takes_are_the_bytes_of_the_message(small, bundle):
    plan = read_manifest(bundle).plan("split")
    message, _ = EdgeModel.load(bundle, plan)({"x": small.images.numpy()[:1]})

    sent = server_inputs(message)
    packed = WireLayout(
        tuple(WireTensor(one.name, one.shape, one.bits) for one in plan.wire.tensors)
    )

    whole = Message(packed, message.tensors).encode()
    assert b"".join(value.tobytes() for value in sent.values()) == whole[16:]


def test_an_all_edge_plan_sends_nothing(small, bundle):
    plan = read_manifest(bundle).plan("edge")

    message, answers = EdgeModel.load(bundle, plan)({"x": small.images.numpy()})

    assert message.tensors == {}
    assert answers["output:0"].shape == (16, 5)
    with pytest.raises(FileError, match="must have a cloud half in ONNX, has none"):
        CloudModel.load(bundle, plan)


def test_a_file_that_is_no_model_is_one_line(tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"nothing")

    with pytest.raises(FileError, match=r"x\.onnx: onnxruntime must take it"):
        open_session(path)


def test_a_device_needs_no_torch(bundle):
    code = (
        "import sys; from pathlib import Path\n"
        "from autosplit.deploy import client, infer, sources\n"
        "from autosplit.deploy.manifest import read_manifest\n"
        "from autosplit.deploy.sessions import EdgeModel\n"
        "folder = Path(sys.argv[1])\n"
        "EdgeModel.load(folder, read_manifest(folder).plan())\n"
        "print([m for m in ('torch', 'pandas', 'scipy', 'networkx') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(bundle)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
