"""A connection gives whole answers or one clear error, and opens itself anew once."""

import http.client

import pytest
from scripted import server

from autosplit.deploy.connection import BusyError, Connection, ServerError, UnreachableError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


def test_requests_share_a_connection_and_carry_the_token():
    with server([OK, OK]) as (address, seen):
        connection = Connection(address, token="abc")
        answers = [
            connection.ask("/a", 5)[0],
            connection.ask("/b", 5, b"body", {"Content-Type": "x/y"})[0],
        ]
        connection.close()

    assert answers == [b"yes", b"yes"]
    assert seen[0].startswith(b"GET /a HTTP/1.1\r\n")
    assert seen[1].startswith(b"POST /b HTTP/1.1\r\n")
    assert seen[1].endswith(b"body")
    assert all(b"Authorization: Bearer abc\r\n" in one for one in seen)
    assert 0 < connection.connect_s < 1


def test_a_connection_that_the_server_closed_is_opened_anew():
    with server([OK], [OK]) as (address, _):
        connection = Connection(address)
        assert [connection.ask("/", 5)[0] for _ in range(2)] == [b"yes"] * 2
        connection.close()


def test_a_new_connection_that_breaks_is_an_error():
    with (
        server([b""]) as (address, _),
        pytest.raises(UnreachableError, match="RemoteDisconnected"),
    ):
        Connection(address).ask("/", 5)


def test_an_answer_that_is_cut_short_is_none():
    with (
        server([OK[:-1]]) as (address, _),
        pytest.raises(UnreachableError, match="IncompleteRead"),
    ):
        Connection(address).ask("/", 5)


@pytest.mark.parametrize("script", [[0.5], [OK[:-1], 0.5]])
def test_an_answer_that_is_late_or_incomplete_ends_at_the_time_limit(script):
    with server(script) as (address, _), pytest.raises(UnreachableError, match=r"0\.2 s, has not"):
        Connection(address).ask("/", 0.2)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(status, BusyError) for status in (408, 429, 500, 502, 503, 504)],
        *[(status, ServerError) for status in (400, 401, 404, 413, 499)],
    ],
)
def test_a_refusal_is_told_with_its_status(status, kind):
    refusal = f"HTTP/1.1 {status} No\r\nContent-Length: 4\r\n\r\nfull".encode()
    with server([refusal]) as (address, _):
        connection = Connection(address)
        with pytest.raises(ServerError, match=f"{status}, full") as error:
            connection.ask("/", 5)
        connection.close()
    assert type(error.value) is kind


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://x", "http://"])
def test_an_address_of_another_kind_is_refused(address):
    with pytest.raises(ServerError, match="must be http://HOST:PORT"):
        Connection(address)


def test_a_certificate_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "c.pem"
    path.write_text("no certificate")
    with pytest.raises(ServerError, match=r"c\.pem: must be a certificate in PEM"):
        Connection("https://127.0.0.1:1", certificate=path)


class SlowSteps:
    """An opened connection whose steps take seconds of a clock that stands otherwise."""

    def __init__(self, *, sending, answering, reading):
        self.now, self.limits = 100.0, []
        self.seconds = {"send": sending, "answer": answering, "read": reading}
        self.parts = [b"a", b"b", b""]
        self.sock = self
        self.status, self.length, self.headers = http.client.OK, 0, {}

    def monotonic(self):
        return self.now

    def settimeout(self, seconds):
        self.limits.append(round(seconds, 6))

    def take(self, step):
        self.now += self.seconds[step]

    def request(self, *_):
        self.take("send")

    def getresponse(self):
        self.take("answer")
        return self

    def read1(self, _):
        self.take("read")
        return self.parts.pop(0)

    def close(self):
        pass


def test_each_step_of_a_request_has_the_time_that_is_left(monkeypatch):
    slow = SlowSteps(sending=0.25, answering=0.125, reading=0.0625)
    monkeypatch.setattr("autosplit.deploy.connection.time", slow)
    connection = Connection("http://127.0.0.1:9")
    connection._http = slow

    assert connection.ask("/", 1.0)[0] == b"ab"
    assert slow.limits == [1.0, 0.75, 0.5625, 0.5]


def test_an_answer_after_slow_sending_ends_with_the_time_of_both(monkeypatch):
    slow = SlowSteps(sending=1.5, answering=0.0, reading=0.0)
    monkeypatch.setattr("autosplit.deploy.connection.time", slow)
    connection = Connection("http://127.0.0.1:9")
    connection._http = slow

    with pytest.raises(UnreachableError, match="within 1 s, has not"):
        connection.ask("/", 1.0)
    assert slow.limits == [1.0]
