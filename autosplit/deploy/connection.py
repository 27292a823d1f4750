"""A device's connection to a server: one request at a time over HTTP, kept open between requests.

The standard library alone: an answer costs a fraction of a millisecond, and a device installs less.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from autosplit.errors import AutoSplitError, DataError

_MOST_TEXT = 300
_BUSY = (http.client.REQUEST_TIMEOUT, http.client.TOO_MANY_REQUESTS)
_OTHER_NAME = {62, 64}
"""OpenSSL's codes for a certificate of another host name, of another address."""


class ServerError(AutoSplitError):
    """The server gave no response, or refused."""


class UnreachableError(ServerError):
    """The server gave no response in time: the link is cut or slow, or nothing runs there."""


class BusyError(ServerError):
    """The server has no room for the request, or failed at it: status 408, 429, or 500 and above.

    The same request may be answered later.
    """


NO_ANSWER = (UnreachableError, BusyError, DataError)
"""Errors after which a device answers by itself where it can; ``DataError`` is of an answer that
cannot be read.  Any other refusal, as for a wrong token, is an error of the whole run."""


@dataclass
class Connection:
    """A server, and the connection to it.

    Attributes:
        server: Address, such as ``http://127.0.0.1:8000`` or ``https://cloud.example:8000``.
        token: Bearer token that the server asks for; None: none.
        certificate: PEM file of the certificate that the server's must be, or be signed by; None:
            the system's authorities.
        connect_s: Seconds that the last connecting took, without TLS: one round trip; NaN before.

    Raises:
        ServerError: The address is no address of HTTP, or the certificate cannot be read.
    """

    server: str
    token: str | None = field(default=None, repr=False)
    certificate: Path | None = None
    connect_s: float = field(default=float("nan"), init=False)
    _http: http.client.HTTPConnection | None = field(default=None, init=False, repr=False)
    _tls: ssl.SSLContext | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServerError(
                f"--server: must be http://HOST:PORT or https://HOST:PORT, got {self.server!r}"
            )
        if parts.scheme == "https":
            try:
                self._tls = ssl.create_default_context(cafile=self.certificate)
            except (OSError, ssl.SSLError) as error:
                raise ServerError(
                    f"{self.certificate}: must be a certificate in PEM, {error}"
                ) from error

    def close(self) -> None:
        """Close it; the next request opens it anew."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def ask(
        self,
        path: str,
        timeout_s: float,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[bytes, Mapping[str, str]]:
        """The body and the headers of a response; names of headers are in small letters.

        A connection that the server closed meanwhile is opened anew, once, for what is asked
        changes nothing there.

        Args:
            path: Path on the server.
            timeout_s: Longest time until the whole response is here, seconds.
            body: What is posted; None: nothing, with GET.
            headers: Of the request.

        Raises:
            UnreachableError: There is no response in that time.
            BusyError: The server has no room for the request, or fails.
            ServerError: The server refuses.
        """
        until = time.monotonic() + timeout_s
        named = {**(headers or {})}
        if self.token is not None:
            named["Authorization"] = f"Bearer {self.token}"
        kept = self._http is not None
        while True:
            try:
                return self._once(path, until, body, named)
            except (http.client.HTTPException, OSError) as error:
                self.close()
                lost = isinstance(error, http.client.RemoteDisconnected | ConnectionError)
                if kept and lost and time.monotonic() < until:
                    kept = False
                    continue
                raise UnreachableError(
                    f"{self.server}: {_reason(error, timeout_s, self._tls is not None)}"
                ) from error

    def _once(
        self, path: str, until: float, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[bytes, Mapping[str, str]]:
        opened = self._http or self._open(until)
        assert opened.sock is not None
        opened.sock.settimeout(_left(until))
        opened.request("GET" if body is None else "POST", path, body, dict(headers))
        opened.sock.settimeout(_left(until))
        response = opened.getresponse()
        parts = []
        while part := response.read1(1 << 16):
            parts.append(part)
            if opened.sock is not None:
                opened.sock.settimeout(_left(until))
        content = b"".join(parts)
        if response.length:
            raise http.client.IncompleteRead(content, response.length)
        response.close()
        if response.status != http.client.OK:
            text = content.decode(errors="replace")[:_MOST_TEXT]
            busy = response.status in _BUSY or response.status >= http.client.INTERNAL_SERVER_ERROR
            raise (BusyError if busy else ServerError)(
                f"{self.server}: {response.status}, {text or response.reason}"
            )
        return content, {name.lower(): value for name, value in response.headers.items()}

    def _open(self, until: float) -> http.client.HTTPConnection:
        parts = urlsplit(self.server)
        assert parts.hostname is not None
        left = _left(until)
        opened: http.client.HTTPConnection
        start = time.perf_counter()
        if self._tls is None:
            opened = http.client.HTTPConnection(parts.hostname, parts.port, timeout=left)
            opened.connect()
            self.connect_s = time.perf_counter() - start
        else:
            opened = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=left, context=self._tls
            )
            opened.connect()
            self.connect_s = (time.perf_counter() - start) / 2  # TLS 1.3 takes a second round trip
        self._http = opened
        return opened


def _left(until: float) -> float:
    """Seconds that are left.

    Raises:
        TimeoutError: None are.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _reason(error: Exception, timeout_s: float, over_tls: bool) -> str:
    """What must hold, what was found, and what to do where that is known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        found = f"its certificate must be trusted, is refused: {error.verify_message.rstrip('.')}"
        if error.verify_code in _OTHER_NAME:
            return f"{found}; autosplit serve --tls-names makes one for further names"
        return f"{found}; --tls-cert FILE says which one is"
    found = "has not" if isinstance(error, TimeoutError) else f"{type(error).__name__} {error}"
    text = f"must answer within {timeout_s:.3g} s, {found.strip()}"
    closed = isinstance(error, http.client.RemoteDisconnected)
    return f"{text}; the address of a server with TLS is https" if closed and not over_tls else text
