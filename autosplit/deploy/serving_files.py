"""What other servers need beside a model of ONNX: MLServer and KServe.

MLServer has no runtime for ONNX of its own, so that ``autosplit_onnx.py``, which needs onnxruntime
and no autosplit, stands beside its ``model-settings.json``.  KServe's ``InferenceService`` names
Triton, which takes the whole model repository.
"""

from __future__ import annotations

import json
import re

MLSERVER_MODULE = "autosplit_onnx"
MLSERVER_SERVER = '{"parallel_workers": 0}\n'
"""``settings.json``: MLServer 1.7.1's own worker processes end at once with newer uvloops."""
MLSERVER_CODE = '''\
"""Runs model.onnx in MLServer with onnxruntime; the same for every model."""

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class OnnxModel(MLModel):
    """One model of ONNX; its first axis is the batch."""

    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            await get_model_uri(self._settings), options, providers=["CPUExecutionProvider"]
        )
        self.names = [one.name for one in self.session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        inputs = {one.name: NumpyCodec.decode_input(one) for one in payload.inputs}
        values = self.session.run(self.names, inputs)
        outputs = [
            NumpyCodec.encode_output(name, value)
            for name, value in zip(self.names, values, strict=True)
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
'''


def mlserver_settings(name: str) -> str:
    """The text of ``model-settings.json``.

    Args:
        name: Name of the model, which is the name of its folder.
    """
    settings = {
        "name": name,
        "implementation": f"{MLSERVER_MODULE}.OnnxModel",
        "parameters": {"uri": "./1/model.onnx", "version": "1"},
    }
    return json.dumps(settings, indent=2) + "\n"


def kserve_service(name: str) -> str:
    """The text of KServe's ``InferenceService`` of one model.

    Args:
        name: Name of the model; that of the service has the letters that Kubernetes allows.
    """
    service = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_MOST_LETTERS].strip("-")
    return f"""\
# storageUri: where the folder cloud/model_repository of this bundle lies in your cluster
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {service}
spec:
  predictor:
    model:
      modelFormat:
        name: onnx
      protocolVersion: v2
      runtime: kserve-tritonserver
      storageUri: pvc://models/model_repository
      args:
        - --model-control-mode=explicit
        - --load-model={name}
"""


_MOST_LETTERS = 50
"""Letters of a service's name: with what KServe adds, Kubernetes takes 63."""
