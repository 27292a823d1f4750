"""Run the server of a bundle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from autosplit.deploy.extras import need
from autosplit.errors import AutoSplitError

MOST_CONNECTIONS = 256
"""Connections at a time."""
IDLE_S = 30
"""Seconds that an idle connection stays open."""


class AddressError(AutoSplitError):
    """An address that a server may not listen on."""


def serve(
    folder: Path,
    host: str,
    port: int,
    grpc_port: int | None,
    ready: Callable[[tuple[str, ...]], None],
) -> None:
    """Serve the cloud halves of a bundle until the process is told to stop.

    Args:
        folder: The bundle.
        host: Address of this machine; without a token, loopback alone.
        port: Port of HTTP.
        grpc_port: Port of gRPC; None: no gRPC.
        ready: Called with the names of the plans before the first request is taken.

    Raises:
        AddressError: The address is open to others.
        FileError: The bundle is not as it was exported.
        StageError: A library that serving needs is missing.
    """
    need("serve", "grpc", "onnxruntime", "starlette", "tritonclient", "uvicorn")
    if not _is_loopback(host):
        raise AddressError(
            f"--host: must be a loopback address such as 127.0.0.1, for anybody who reaches "
            f"another could use the server, got {host}"
        )
    import uvicorn

    from autosplit.deploy.http_server import make_app
    from autosplit.deploy.repository import Repository

    repository = Repository.load(folder)
    ready(tuple(repository.served))
    config = uvicorn.Config(
        make_app(repository),
        host=host,
        port=port,
        log_level="warning",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_S,
    )
    asyncio.run(_both(uvicorn.Server(config), repository, host, grpc_port))


async def _both(http: Any, repository: Any, host: str, grpc_port: int | None) -> None:
    """Serve HTTP until it stops, and gRPC beside it.

    Raises:
        AddressError: The port of gRPC is taken.
    """
    if grpc_port is None:
        await http.serve()
        return
    from autosplit.deploy.grpc_server import make_grpc_server

    try:
        server, _ = make_grpc_server(repository, f"{host}:{grpc_port}")
    except RuntimeError as error:
        raise AddressError(f"--grpc-port: must be a free port, {grpc_port} is not") from error
    await server.start()
    try:
        await http.serve()
    finally:
        await server.stop(grace=2)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
