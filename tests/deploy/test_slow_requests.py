"""A header that comes too slowly ends its connection; others are served as ever."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time

import pytest
import uvicorn

from autosplit.deploy.credentials import make_credentials
from autosplit.deploy.slow_requests import TimedLoop, TimedProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Impatient(TimedProtocol):
    header_s = 0.3


class ImpatientLoop(TimedLoop):
    handshake_s = 2.0


async def app(scope, receive, send):
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.contextmanager
def listening(**options):
    """A server in a thread; gives its port."""
    config = uvicorn.Config(
        app, port=0, http=Impatient, log_level="error", lifespan="off", **options
    )
    server = uvicorn.Server(config)

    def run():
        with asyncio.Runner(loop_factory=ImpatientLoop) as runner:
            runner.run(server.serve())

    thread = threading.Thread(target=run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def port():
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def guard(tmp_path_factory):
    return make_credentials(tmp_path_factory.mktemp("guard"), ["127.0.0.1"])


@pytest.fixture(scope="module")
def tls_port(guard):
    with listening(ssl_certfile=guard.certificate, ssl_keyfile=guard.key) as found:
        yield found


@contextlib.contextmanager
def connected(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
        yield one


@pytest.mark.parametrize("begun", [b"", REQUEST[:5], REQUEST[:-2]])
def test_an_unfinished_header_ends_the_connection(port, begun):
    with connected(port) as one:
        one.sendall(begun)
        assert one.recv(100) == b""


def test_a_second_unfinished_header_ends_it_too(port):
    with connected(port) as one:
        one.sendall(REQUEST)
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
        one.sendall(REQUEST[:9])
        while part := one.recv(100):
            assert part in b"ok"


def test_a_connection_that_rests_between_requests_stays(port):
    with connected(port) as one:
        for _ in range(2):
            one.sendall(REQUEST)
            answer = b""
            while not answer.endswith(b"ok"):
                answer += one.recv(1000)
            time.sleep(0.5)


def test_a_header_that_comes_byte_by_byte_gets_no_more_time(port):
    """One byte every 50 ms is never silent for 0.3 s, but the whole header takes longer."""
    with connected(port) as one:
        one.settimeout(0.05)
        for byte in b"GET / HTTP/1.1\r\n" + b"X-Long: yes\r\n" * 20:
            with contextlib.suppress(TimeoutError):
                try:
                    one.sendall(bytes([byte]))
                    found = one.recv(100)
                except ConnectionError:
                    found = b""
                assert found == b""
                return
    pytest.fail("the connection has stayed open")


def test_a_connection_that_never_begins_tls_is_ended(tls_port):
    with connected(tls_port) as one:
        assert one.recv(100) == b""


@pytest.mark.parametrize("begun", [b"", REQUEST[:5]])
def test_an_unfinished_header_over_tls_ends_the_connection_at_once(tls_port, guard, begun):
    """The socket below TLS ends too, though the client never says farewell to TLS."""
    client = ssl.create_default_context(cafile=guard.certificate)
    with connected(tls_port) as plain:
        raw = plain.dup()
        with raw, client.wrap_socket(plain, server_hostname="127.0.0.1") as one:
            with contextlib.suppress(ssl.SSLEOFError, ConnectionError):
                one.sendall(begun)
                assert one.recv(100) == b""
            raw.settimeout(10)
            with contextlib.suppress(ConnectionError):
                assert raw.recv(100) == b""
