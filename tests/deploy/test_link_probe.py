"""A server takes and gives bytes by which a client measures the link."""

import zlib

import pytest
from starlette.testclient import TestClient

from autosplit.deploy.credentials import Credentials
from autosplit.deploy.http_server import make_app
from autosplit.deploy.link_probe import PROBE_BYTES, probe_bytes
from autosplit.deploy.repository import Repository


@pytest.fixture(scope="module")
def client(bundle):
    return TestClient(make_app(Repository.load(bundle)))


@pytest.mark.parametrize("count", [0, 1, 65535, 65536, 65537, PROBE_BYTES])
def test_it_gives_as_many_bytes_as_are_asked_for(client, count):
    answer = client.get(f"/v2/link/{count}")

    assert (answer.status_code, len(answer.content)) == (200, count)


def test_deflate_makes_no_fewer_of_them():
    assert len(zlib.compress(probe_bytes(1 << 18), 9)) > 1 << 18


@pytest.mark.parametrize("count", [str(PROBE_BYTES + 1), "-1", "x", "9" * 20, "²"])
def test_more_bytes_and_no_counts_are_refused(client, count):
    answer = client.get(f"/v2/link/{count}")

    assert answer.status_code == 400
    assert "must be 0 to 8388608 bytes" in answer.json()["error"]


def test_it_takes_bytes_up_to_the_same_limit(client):
    assert client.post("/v2/link", content=bytes(PROBE_BYTES)).status_code == 200
    assert client.post("/v2/link", content=bytes(PROBE_BYTES + 1)).status_code == 413


def test_it_asks_for_the_token_first(bundle):
    guarded = TestClient(make_app(Repository.load(bundle), Credentials(token="secret")))

    assert guarded.post("/v2/link", content=b"x").status_code == 401
    assert guarded.get("/v2/link/9").status_code == 401
