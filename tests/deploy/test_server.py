"""A server listens on loopback alone, and starts as a process."""

import socket
import subprocess
import sys
import time

import grpc
import httpx
import pytest
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc import service_pb2_grpc as services

from autosplit.deploy.client import EdgeClient
from autosplit.deploy.connection import Connection, ServerError, UnreachableError
from autosplit.deploy.credentials import Credentials, CredentialsError, make_credentials
from autosplit.deploy.server import AddressError, Listening, serve


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "::"])
def test_an_address_that_others_reach_needs_tls_and_a_token(host):
    for lacking in (Credentials(), Credentials(token="t" * 20)):
        with pytest.raises(AddressError, match=f"--host: {host} is an address .* needs TLS and"):
            Listening(host, credentials=lacking)
    assert Listening(host, credentials=Credentials("c", "k", "t" * 20)).addresses.startswith(
        f"https://{host}"
    )


def test_a_key_of_another_certificate_is_refused(bundle, tmp_path):
    first, second = (make_credentials(tmp_path / name, ["127.0.0.1"]) for name in "ab")
    mixed = Credentials(first.certificate, second.key, first.token)
    with pytest.raises(CredentialsError, match="--tls-key: must be the PEM key of"):
        serve(bundle, Listening(credentials=mixed), print)


def test_it_starts_answers_and_stops(bundle):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--batch", "2"]
    command = [sys.executable, "-m", "autosplit", "serve", str(bundle), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            for _ in range(600):
                try:
                    answer = httpx.get(f"http://127.0.0.1:{port}/v2/models/small/ready")
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            assert answer.status_code == 200
            rows = {"name": "x", "shape": [3, 192], "datatype": "UINT8", "data": [0] * 576}
            path = f"http://127.0.0.1:{port}/v2/models/small/versions/raw/infer"
            refused = httpx.post(path, json={"inputs": [rows]})
            assert "must have one batch of 1 to 2 samples" in refused.json()["error"]
        finally:
            process.terminate()
        assert process.wait(20) is not None
        assert "serve: split, raw on http://127.0.0.1:" in process.stderr.read()


def test_over_tls_the_right_token_and_certificate_alone_are_served(small, bundle, tmp_path):
    guard = make_credentials(tmp_path / "own", ["127.0.0.1"])
    foreign = make_credentials(tmp_path / "foreign", ["127.0.0.1"])
    with socket.socket() as free, socket.socket() as other:
        free.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, grpc_port = free.getsockname()[1], other.getsockname()[1]
    options = f"--port {port} --grpc-port {grpc_port} --credentials {tmp_path / 'own'}"
    command = [sys.executable, "-m", "autosplit", "serve", str(bundle), *options.split()]
    address = f"https://127.0.0.1:{port}"
    images = small.images.numpy()[:1]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert "serve: split, raw on https://127" in process.stderr.readline()
            connection = Connection(address, guard.token, guard.certificate)
            for _ in range(300):
                try:
                    connection.ask("/v2/health/ready", 5)
                    break
                except UnreachableError:
                    time.sleep(0.1)
            with EdgeClient(bundle, connection) as client:
                assert client.infer({"x": images}).outputs["output:0"].shape == (1, 5)
            refused = "its certificate must be trusted, is refused: .*; --tls-cert FILE"
            other_name = (
                r"refused: Hostname mismatch, certificate is not valid for 'localhost'; "
                "autosplit serve --tls-names makes one for further names$"
            )
            at_name = address.replace("127.0.0.1", "localhost")
            for wrong, words in (
                (Connection(at_name, guard.token, guard.certificate), other_name),
                (Connection(address, "x" * 20, guard.certificate), "401, .*token of the server"),
                (Connection(address, None, guard.certificate), "401"),
                (Connection(address, guard.token, foreign.certificate), refused),
                (Connection(address, guard.token), refused),
                (Connection(address.replace("https", "http"), guard.token), "with TLS is https$"),
            ):
                with pytest.raises(ServerError, match=words):
                    wrong.ask("/v2", 5)
                wrong.close()
            pem = guard.certificate.read_bytes()
            with grpc.secure_channel(
                f"127.0.0.1:{grpc_port}", grpc.ssl_channel_credentials(pem)
            ) as channel:
                call = services.GRPCInferenceServiceStub(channel).ServerMetadata
                asked = messages.ServerMetadataRequest()
                right = (("authorization", f"Bearer {guard.token}"),)
                assert call(asked, metadata=right, timeout=20).name == "autosplit"
                with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
                    call(asked, timeout=20)
            counts = connection.ask("/metrics", 5)[0].decode()
            connection.close()
            for name, count in {("http", "401"): 2, ("grpc", "UNAUTHENTICATED"): 1}.items():
                labels = 'protocol="{}",status="{}"'.format(*name)
                assert f"autosplit_refusals_total{{{labels}}} {count}\n" in counts
        finally:
            process.terminate()
            process.wait(20)
