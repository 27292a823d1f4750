"""A server listens on loopback alone, and starts as a process."""

import socket
import subprocess
import sys
import time

import httpx
import pytest

from autosplit.deploy.server import AddressError, serve


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "::"])
def test_an_address_that_others_reach_is_refused(tmp_path, host):
    with pytest.raises(AddressError, match="--host: must be a loopback address"):
        serve(tmp_path, host, 8000, None, print)


def test_it_starts_answers_and_stops(bundle):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "autosplit", "serve", str(bundle), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            for _ in range(600):
                try:
                    answer = httpx.get(f"http://127.0.0.1:{port}/v2/models/small/ready")
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            assert answer.status_code == 200
        finally:
            process.terminate()
        assert process.wait(20) is not None
        assert "serve: split, raw on http://127.0.0.1:" in process.stderr.read()
