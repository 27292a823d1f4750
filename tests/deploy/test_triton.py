"""``config.pbtxt`` is what Triton's own message takes, and says what the model says."""

import onnx
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.triton import triton_config


def test_it_parses_and_names_the_tensors(bundle):
    plan = read_manifest(bundle).plan("split")
    model = onnx.load(bundle / plan.cloud)

    found = text_format.Parse(triton_config("small", model), model_config_pb2.ModelConfig())

    assert found.name == "small"
    assert [one.name for one in found.input] == list(plan.wire.names)
    assert [list(one.dims) for one in found.input] == [[w.row_bytes] for w in plan.wire.tensors]
    assert {one.data_type for one in found.input} == {model_config_pb2.TYPE_UINT8}
    assert [list(one.dims) for one in found.output] == [[5]]


def test_the_file_of_the_bundle_names_its_folder(bundle):
    places = [p for p in (bundle / "cloud" / "model_repository").iterdir() if p.is_dir()]
    assert len(places) == 2
    for path in places:
        text = (path / "config.pbtxt").read_text()
        assert text_format.Parse(text, model_config_pb2.ModelConfig()).name == path.name
