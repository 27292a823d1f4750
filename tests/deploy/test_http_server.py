"""The server of a bundle, called by an unmodified tritonclient and by wrong requests."""

import time

import numpy as np
import pytest
import tritonclient.http as triton
from starlette.testclient import TestClient

from autosplit.deploy.credentials import Credentials
from autosplit.deploy.http_server import make_app
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.repository import Repository
from autosplit.deploy.sessions import CloudModel, EdgeModel, server_inputs


@pytest.fixture(scope="module")
def client(bundle):
    with TestClient(make_app(Repository.load(bundle, most_rows=4))) as client:
        yield client


@pytest.fixture(scope="module")
def sent(small, bundle):
    """What crosses for one sample of the split plan, and the right answer."""
    plan = read_manifest(bundle).plan("split")
    message, _ = EdgeModel.load(bundle, plan)({"x": small.images.numpy()[:1]})
    return server_inputs(message), CloudModel.load(bundle, plan)(message)["output:0"]


def test_tritonclient_gets_the_right_answer(address, sent):
    inputs, expected = sent
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("small", "split")
        assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
        described = client.get_model_metadata("small", "split")
        assert [one["name"] for one in described["inputs"]][: len(inputs)] == list(inputs)
        for binary in (True, False):
            asked = []
            for name, value in inputs.items():
                one = triton.InferInput(name, list(value.shape), "UINT8")
                one.set_data_from_numpy(value, binary_data=binary)
                asked.append(one)
            wanted = [triton.InferRequestedOutput("output:0", binary_data=binary)]
            result = client.infer("small", asked, "split", outputs=wanted)
            np.testing.assert_allclose(result.as_numpy("output:0"), expected, rtol=1e-6)


def test_a_request_without_outputs_gets_all(client, sent):
    inputs, expected = sent
    body = {
        "inputs": [
            {"name": name, "shape": list(v.shape), "datatype": "UINT8", "data": v.ravel().tolist()}
            for name, v in inputs.items()
        ]
    }

    answer = client.post("/v2/models/small--split/infer", json=body).json()

    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("output:0", "FP32", [1, 5])
    np.testing.assert_allclose(output["data"], expected[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v2/models/none/infer", b"{}", 404, "model: must be small"),
        ("/v2/models/small/versions/edge/infer", b"{}", 404, "model: must be small"),
        ("/v2/models/small/infer", b"nonsense", 400, "body: must begin with a JSON object"),
        ("/v2/models/small/infer", b'{"inputs": []}', 400, "inputs: must be"),
        ("/v2/models/small/infer", b" " * 200_000, 413, "body: must be at most"),
    ],
)
def test_wrong_requests_get_one_clear_line(client, path, body, status, words):
    answer = client.post(path, content=body)

    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_an_unknown_output_is_named(client, sent):
    inputs, _ = sent
    entries = [
        {"name": name, "shape": list(v.shape), "datatype": "UINT8", "data": v.ravel().tolist()}
        for name, v in inputs.items()
    ]

    answer = client.post(
        "/v2/models/small/infer", json={"inputs": entries, "outputs": [{"name": "z"}]}
    )

    assert answer.status_code == 400
    assert "outputs: must be of output:0, got 'z'" in answer.json()["error"]


def test_a_length_that_is_no_number_is_refused(client):
    answer = client.post(
        "/v2/models/small/infer",
        content=b"{}",
        headers={"Inference-Header-Content-Length": "two"},
    )

    assert answer.status_code == 400
    assert "must be a whole number, got 'two'" in answer.json()["error"]


def test_health_and_metadata(client):
    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2").json()["name"] == "autosplit"
    assert client.get("/v2/models/small/versions/raw").json()["inputs"] == [
        {"name": "x", "datatype": "UINT8", "shape": [-1, 192]}
    ]
    assert client.get("/v2/models/none/ready").status_code == 404


def test_without_the_token_health_alone_is_told(bundle):
    app = make_app(Repository.load(bundle), Credentials(token="t" * 20))
    with TestClient(app) as client:
        assert client.get("/v2/health/ready").status_code == 200
        for path in ("/v2", "/v2/models/small", "/v2/models/small/infer", "/nothing"):
            refused = client.post(path, content=b"{}")
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == "Bearer"
            assert "the token of the server" in refused.json()["error"]
        right = {"Authorization": "Bearer " + "t" * 20}
        assert client.get("/v2/models/small", headers=right).status_code == 200
        counts = client.get("/metrics", headers=right).text
        assert 'autosplit_refusals_total{protocol="http",status="401"} 4\n' in counts
        page = client.get("/", headers=right).text
        assert '<p id="refused">refused: 4 over http with 401</p>' in page


def test_a_browser_is_asked_for_the_token_as_a_password(bundle):
    app = make_app(Repository.load(bundle), Credentials(token="t" * 20))
    with TestClient(app) as client:
        for path in ("/", "/metrics"):
            refused = client.get(path)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"].startswith('Basic realm="')
            assert client.get(path, auth=("any", "t" * 20)).status_code == 200
            assert client.get(path, auth=("any", "t" * 19)).status_code == 401
        for path in ("/v2", "/v2/models/small"):
            assert client.get(path, auth=("any", "t" * 20)).status_code == 401


def test_a_body_that_comes_too_slowly_is_refused(bundle):
    def slow():
        yield b"{"
        time.sleep(0.5)
        yield b"}"

    with TestClient(make_app(Repository.load(bundle), body_s=0)) as client:
        answer = client.post("/v2/models/small/infer", content=slow())

    assert answer.status_code == 408
    assert answer.json()["error"] == "body: must come within 0 s, has not"


def test_a_long_body_without_its_length_is_refused_while_it_comes(client):
    answer = client.post("/v2/models/small/infer", content=(b" " * 10_000 for _ in range(20)))

    assert answer.status_code == 413
    assert answer.json()["error"].endswith("bytes, is longer")


def test_requests_are_counted_for_prometheus_and_shown_on_a_page(bundle, sent):
    inputs, _ = sent
    entries = [
        {"name": name, "shape": list(v.shape), "datatype": "UINT8", "data": v.ravel().tolist()}
        for name, v in inputs.items()
    ]
    with TestClient(make_app(Repository.load(bundle))) as client:
        answer = client.post("/v2/models/small/infer", json={"inputs": entries})
        assert client.post("/v2/models/small/infer", content=b"x").status_code == 400
        counts, page = client.get("/metrics"), client.get("/")

    assert counts.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'autosplit_requests_total{plan="split",protocol="http"} 1' in counts.text
    assert 'autosplit_refusals_total{protocol="http",status="400"} 1' in counts.text
    size = len(answer.content)
    assert f'autosplit_response_bytes_total{{plan="split"}} {size}' in counts.text
    assert page.headers["content-type"].startswith("text/html")
    assert "<td>split</td><td>1</td>" in page.text
