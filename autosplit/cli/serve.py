"""The command ``serve``."""

from __future__ import annotations

from pathlib import Path

from autosplit.cli.options import BundleFolder
from autosplit.cli.talk import say


def serve_command(
    bundle: BundleFolder,
    host: str = "127.0.0.1",
    port: int = 8000,
    grpc_port: int | None = None,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    token_file: str | None = None,
    credentials: str | None = None,
    log_requests: bool = False,
) -> None:
    """Run the cloud halves of a bundle as a server of the Open Inference Protocol."""
    from autosplit.deploy.credentials import asked_credentials
    from autosplit.deploy.server import Listening, serve

    given = (tls_cert, tls_key, token_file, credentials)
    guard = asked_credentials(host, *(None if one is None else Path(one) for one in given))
    where = Listening(host, port, grpc_port, guard)

    def ready(names: tuple[str, ...]) -> None:
        say(f"serve: {', '.join(names)} on {where.addresses}; stop with Ctrl-C")

    serve(bundle, where, ready, say if log_requests else None)
