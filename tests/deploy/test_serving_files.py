"""Files for MLServer and KServe say what those servers read."""

import ast
import json

import yaml

from autosplit.deploy.serving_files import (
    MLSERVER_CODE,
    MLSERVER_MODULE,
    kserve_service,
    mlserver_settings,
)


def test_mlservers_settings_name_the_class_of_the_file_beside_them():
    found = json.loads(mlserver_settings("net--plan"))

    module, name = found["implementation"].split(".")
    classes = [one.name for one in ast.parse(MLSERVER_CODE).body if isinstance(one, ast.ClassDef)]
    assert (module, [name]) == (MLSERVER_MODULE, classes)
    assert found["name"] == "net--plan"
    assert found["parameters"]["uri"] == "./1/model.onnx"


def test_a_service_of_kserve_has_a_name_that_kubernetes_takes():
    found = yaml.safe_load(kserve_service("EfficientNet_lite0--cut059-05"))

    assert found["kind"] == "InferenceService"
    assert found["metadata"]["name"] == "efficientnet-lite0-cut059-05"
    model = found["spec"]["predictor"]["model"]
    assert model["runtime"] == "kserve-tritonserver"
    assert model["args"][-1] == "--load-model=EfficientNet_lite0--cut059-05"
    assert len(yaml.safe_load(kserve_service("x" * 90))["metadata"]["name"]) == 50


def test_a_bundle_has_them_beside_each_cloud_half(bundle):
    settings = bundle / "cloud" / "model_repository" / "settings.json"
    assert json.loads(settings.read_text()) == {"parallel_workers": 0}
    for name in ("split", "raw"):
        place = bundle / "cloud" / "model_repository" / f"small--{name}"
        assert json.loads((place / "model-settings.json").read_text())["name"] == place.name
        assert (place / "autosplit_onnx.py").read_text() == MLSERVER_CODE
        assert yaml.safe_load((bundle / "cloud" / "kserve" / f"{place.name}.yaml").read_text())
