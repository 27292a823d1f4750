"""Clients at once get each its own answers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tritonclient.grpc as triton

from autosplit.deploy.client import EdgeClient
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.sessions import EdgeModel, server_inputs

CLIENTS, IMAGES = 24, 16


@pytest.fixture(scope="module")
def right(small, bundle, address):
    """Answer of each plan to each image, far enough from every other one to be told apart."""
    found = {}
    for name in ("split", "raw"):
        with EdgeClient(bundle, f"http://{address}", name) as one:
            found[name] = np.concatenate(
                [
                    one.infer({"x": small.images.numpy()[i : i + 1]}).outputs["output:0"]
                    for i in range(IMAGES)
                ]
            )
        apart = np.abs(found[name][:, None] - found[name][None]).max(-1)
        assert apart[~np.eye(IMAGES, dtype=bool)].min() > 1e-4
    return found


def is_own(answer, right):
    return np.abs(answer - right).max() < 1e-5


def test_24_clients_at_once_are_not_mixed_up(small, bundle, address, right):
    def ask(place):
        name = ("split", "raw")[place % 2]
        order = np.random.default_rng(place).permutation(IMAGES)
        with EdgeClient(bundle, f"http://{address}", name) as client:
            for one in order:
                answer = client.infer({"x": small.images.numpy()[one : one + 1]})
                assert answer.plan == name
                assert is_own(answer.outputs["output:0"], right[name][one])
        return len(order)

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert sum(pool.map(ask, range(CLIENTS))) == CLIENTS * IMAGES


def test_24_clients_at_once_are_not_mixed_up_over_grpc(small, bundle, grpc_address, right):
    plan = read_manifest(bundle).plan("split")
    message, _ = EdgeModel.load(bundle, plan)({"x": small.images.numpy()})
    rows = server_inputs(message)

    def ask(place):
        with triton.InferenceServerClient(grpc_address) as client:
            for one in np.random.default_rng(place).permutation(IMAGES):
                asked = []
                for name, value in rows.items():
                    tensor = triton.InferInput(name, [1, value.shape[1]], "UINT8")
                    tensor.set_data_from_numpy(value[one : one + 1])
                    asked.append(tensor)
                got = client.infer("small", asked, "split", request_id=f"{place}-{one}")
                assert got.get_response().id == f"{place}-{one}"
                assert is_own(got.as_numpy("output:0"), right["split"][one])
        return IMAGES

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert sum(pool.map(ask, range(CLIENTS))) == CLIENTS * IMAGES
