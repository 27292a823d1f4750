"""Run the server of a bundle."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from autosplit.deploy.credentials import Credentials, CredentialsError
from autosplit.deploy.extras import need
from autosplit.errors import AutoSplitError

MOST_CONNECTIONS = 256
"""Connections at a time."""
IDLE_S = 30
"""Seconds that an idle connection stays open."""


STOP_S = 10
"""Seconds that requests in progress have when the server is told to stop."""


@dataclass(frozen=True)
class Batching:
    """How requests of a plan wait and run together.

    Attributes:
        most_rows: Samples that run together at most, and of a request.
        wait_s: Seconds that a request waits for others to run with.
        most_waiting: Requests that wait at most.
    """

    most_rows: int = 16
    wait_s: float = 0.0
    most_waiting: int = 256


class AddressError(AutoSplitError):
    """An address that a server may not listen on."""


@dataclass(frozen=True)
class Listening:
    """Where a server listens, and what protects it.

    Attributes:
        host: Address of this machine.
        port: Port of HTTP.
        grpc_port: Port of gRPC; None: no gRPC.
        credentials: TLS and token; needed for an address that other machines reach.

    Raises:
        AddressError: Others reach the address, and TLS or a token is missing.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    grpc_port: int | None = None
    credentials: Credentials = field(default_factory=Credentials)

    def __post_init__(self) -> None:
        if not self.credentials.complete and not _is_loopback(self.host):
            raise AddressError(
                f"--host: {self.host} is an address that other machines reach, which needs TLS and "
                "a token: give --credentials FOLDER, or --tls-cert, --tls-key and --token-file"
            )

    @property
    def addresses(self) -> str:
        """Addresses for clients, as a person reads them."""
        secure = "" if self.credentials.certificate is None else "s"
        grpc = "" if self.grpc_port is None else f" and grpc{secure}://{self.host}:{self.grpc_port}"
        return f"http{secure}://{self.host}:{self.port}{grpc}"


def serve(
    folder: Path,
    where: Listening,
    ready: Callable[[tuple[str, ...]], None],
    log: Callable[[str], None] | None = None,
    batching: Batching | None = None,
) -> None:
    """Serve the cloud halves of a bundle until the process is told to stop.

    Args:
        folder: The bundle.
        where: Where to listen.
        ready: Called with the names of the plans before the first request is taken.
        log: Takes a line of JSON for each request; None: requests are not logged.
        batching: How requests run together; None: as ``Batching`` has it.

    Raises:
        AddressError: A port is taken.
        CredentialsError: The certificate and the key are no pair.
        FileError: The bundle is not as it was exported.
        StageError: A library that serving needs is missing.
    """
    need("serve", "grpc", "h11", "onnxruntime", "starlette", "tritonclient", "uvicorn")
    import uvicorn

    from autosplit.deploy.http_server import make_app
    from autosplit.deploy.repository import Repository
    from autosplit.deploy.slow_requests import TimedLoop, TimedProtocol

    repository = Repository.load(folder, **asdict(batching or Batching()))
    repository.metrics.log = log
    guard = where.credentials
    config = uvicorn.Config(
        make_app(repository, guard),
        host=where.host,
        port=where.port,
        http=TimedProtocol,
        log_level="warning",
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=STOP_S,
        ssl_certfile=guard.certificate,
        ssl_keyfile=guard.key,
    )
    try:
        config.load()
    except ssl.SSLError as error:
        raise CredentialsError(
            f"--tls-key: must be the PEM key of {guard.certificate}, {error.reason or error}"
        ) from error
    ready(tuple(repository.served))
    with asyncio.Runner(loop_factory=TimedLoop) as runner:
        runner.run(_both(uvicorn.Server(config), repository, where))


async def _both(http: Any, repository: Any, where: Listening) -> None:
    """Serve HTTP until it stops, and gRPC beside it.

    Raises:
        AddressError: The port of gRPC is taken.
    """
    if where.grpc_port is None:
        await http.serve()
        return
    from autosplit.deploy.grpc_server import make_grpc_server

    address = f"{where.host}:{where.grpc_port}"
    try:
        server, _ = make_grpc_server(repository, address, where.credentials)
    except RuntimeError as error:
        raise AddressError(f"--grpc-port: must be a free port, {where.grpc_port} is not") from error
    await server.start()
    try:
        await http.serve()
    finally:
        await server.stop(grace=STOP_S)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
