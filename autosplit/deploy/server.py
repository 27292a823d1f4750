"""Run the server of a bundle."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from autosplit.deploy.extras import need
from autosplit.errors import AutoSplitError

MOST_CONNECTIONS = 256
"""Connections at a time."""
IDLE_S = 30
"""Seconds that an idle connection stays open."""


class AddressError(AutoSplitError):
    """An address that a server may not listen on."""


def serve(folder: Path, host: str, port: int, ready: Callable[[tuple[str, ...]], None]) -> None:
    """Serve the cloud halves of a bundle until the process is told to stop.

    Args:
        folder: The bundle.
        host: Address of this machine; without a token, loopback alone.
        port: Port.
        ready: Called with the names of the plans before the first request is taken.

    Raises:
        AddressError: The address is open to others.
        FileError: The bundle is not as it was exported.
        StageError: A library that serving needs is missing.
    """
    need("serve", "onnxruntime", "starlette", "uvicorn")
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
    uvicorn.Server(config).run()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
