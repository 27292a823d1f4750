"""Connections whose requests come too slowly are closed, so that they hold no place for long."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_S = 10.0
"""Seconds from the first byte of a request, or from connecting, to the end of its header."""


class TimedLoop(asyncio.SelectorEventLoop):
    """An event loop whose servers wait for a TLS handshake no longer than for a header.

    A protocol hears of a connection only after the handshake, for which asyncio gives 60 seconds.
    """

    handshake_s = HEADER_S

    async def create_server(self, *given: Any, **options: Any) -> asyncio.Server:
        """A server of asyncio, whose handshakes have their time limit."""
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = self.handshake_s
        return await super().create_server(*given, **options)


class TimedProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn with a time limit for the header of a request.

    uvicorn itself waits for a header without end; the body's limit is the application's.
    """

    header_s = HEADER_S
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first header."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on where the header is not complete."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._timer is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.header_s, self._end)

    def _end(self) -> None:
        # over TLS close() would wait for the client's farewell, up to 30 s
        self.transport.abort()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
