"""The command ``serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autosplit.cli.talk import say
from autosplit.runs import kinds
from autosplit.runs.option import Option

SERVE = (
    Option(
        "host",
        "Address to listen on; a loopback address.",
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
    bundle: Annotated[
        Path, typer.Argument(help="Bundle that autosplit export made.", show_default=False)
    ],
    host: str = "127.0.0.1",
    port: int = 8000,
    grpc_port: int | None = None,
) -> None:
    """Answer as the cloud half of a bundle, over the Open Inference Protocol."""
    from autosplit.deploy.server import serve

    def ready(names: tuple[str, ...]) -> None:
        grpc = "" if grpc_port is None else f" and grpc://{host}:{grpc_port}"
        say(f"serve: {', '.join(names)} on http://{host}:{port}{grpc}; stop with Ctrl-C")

    serve(bundle, host, port, grpc_port, ready)
