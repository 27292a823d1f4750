"""The command ``serve``."""

from __future__ import annotations

from autosplit.cli.options import BundleFolder
from autosplit.cli.talk import say


def serve_command(
    bundle: BundleFolder,
    host: str = "127.0.0.1",
    port: int = 8000,
    grpc_port: int | None = None,
) -> None:
    """Run the cloud halves of a bundle as a server of the Open Inference Protocol."""
    from autosplit.deploy.server import serve

    def ready(names: tuple[str, ...]) -> None:
        grpc = "" if grpc_port is None else f" and grpc://{host}:{grpc_port}"
        say(f"serve: {', '.join(names)} on http://{host}:{port}{grpc}; stop with Ctrl-C")

    serve(bundle, host, port, grpc_port, ready)
