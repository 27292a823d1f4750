"""The command ``serve``."""

from __future__ import annotations

from autosplit.cli.options import BundleFolder
from autosplit.cli.talk import say
from autosplit.runs import kinds
from autosplit.runs.option import Option

SERVE = (
    Option(
        "host",
        "Loopback address that the server listens on.",
        "output",
        kinds.text("ADDRESS"),
        "127.0.0.1",
        flag="--host",
    ),
    Option("port", "Port of HTTP.", "output", kinds.count(1, 65535), 8000, flag="--port"),
    Option(
        "grpc_port",
        "Port of gRPC.",
        "output",
        kinds.count(1, 65535),
        None,
        none="no gRPC",
        flag="--grpc-port",
    ),
)


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
