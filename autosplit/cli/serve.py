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
    tls_names: tuple[str, ...] | None = None,
    batch: int = 16,
    batch_wait_s: float = 0.0,
    queue: int = 256,
    log_requests: bool = False,
) -> None:
    """Run the cloud halves of a bundle as a server of the Open Inference Protocol."""
    from autosplit.deploy.credentials import asked_credentials, server_names, warn_of_names
    from autosplit.deploy.server import Batching, Listening, serve

    given = (tls_cert, tls_key, token_file, credentials)
    more = tls_names or ()
    names = server_names(host, more)
    guard = asked_credentials(names, *(None if one is None else Path(one) for one in given))
    if guard.certificate is not None:
        warn_of_names(guard.certificate, host, more)
    where = Listening(host, port, grpc_port, guard)

    def ready(names: tuple[str, ...]) -> None:
        say(f"serve: {', '.join(names)} on {where.addresses}; stop with Ctrl-C")

    batching = Batching(batch, batch_wait_s, queue)
    serve(bundle, where, ready, say if log_requests else None, batching)
