"""Ask MLServer for the cloud halves of a bundle and compare its answers with onnxruntime's.

    python experiments/mlserver_answers.py BUNDLE --mlserver VENV/bin/mlserver

MLServer needs older libraries than autosplit, so that it has an environment of its own:
``python -m venv VENV && VENV/bin/pip install mlserver==1.7.1 onnxruntime``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
import tritonclient.grpc as oip

from autosplit.deploy.bundle_names import cloud_name
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.measure_models import random_inputs
from autosplit.deploy.sessions import CloudModel
from autosplit.deploy.tensor_bytes import datatype_of

ADDRESS, ANSWERS = "127.0.0.1:8081", 50


def main(bundle: Path, mlserver: Path) -> None:
    """Print a line for each plan: its largest difference, and the median of its milliseconds."""
    manifest = read_manifest(bundle)
    command = [str(mlserver), "start", str(bundle / "cloud" / "model_repository")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            client = oip.InferenceServerClient(ADDRESS)
            print("plan,difference,median_ms")
            for plan in manifest.plans:
                if plan.cloud is not None:
                    name = cloud_name(manifest.network, plan.name)
                    wait(client, name)
                    print(plan.name, *asked(client, name, CloudModel.load(bundle, plan)), sep=",")
        finally:
            server.terminate()


def wait(client: oip.InferenceServerClient, name: str) -> None:
    """Wait until a model is ready."""
    for _ in range(240):
        try:
            if client.is_model_ready(name):
                return
        except oip.InferenceServerException:
            pass
        time.sleep(0.25)
    raise SystemExit("MLServer has not loaded the model within a minute")


def asked(client: oip.InferenceServerClient, name: str, model: CloudModel) -> tuple[float, float]:
    """Largest difference of the answers to one input, and their median milliseconds."""
    numbers = np.random.default_rng(0)
    inputs = {
        key: numbers.integers(0, 256, value.shape).astype(value.dtype)
        if value.dtype == np.uint8
        else value
        for key, value in random_inputs(model.session).items()
    }
    sent = []
    for key, value in inputs.items():
        sent.append(oip.InferInput(key, list(value.shape), datatype_of(value)))
        sent[-1].set_data_from_numpy(value)
    took, furthest = [], 0.0
    for _ in range(ANSWERS):
        start = time.perf_counter()
        found = client.infer(name, sent)
        took.append(time.perf_counter() - start)
        for key, want in model.run(inputs).items():
            furthest = max(furthest, float(np.abs(found.as_numpy(key) - want).max()))
    return furthest, 1e3 * statistics.median(took)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="The bundle.")
    parser.add_argument("--mlserver", type=Path, required=True, help="MLServer's command.")
    main(**vars(parser.parse_args()))
