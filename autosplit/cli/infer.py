"""The command ``infer``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autosplit.runs import kinds
from autosplit.runs.option import Option

INFER = (
    Option(
        "plan",
        "Plan to run.",
        "network",
        kinds.text("NAME"),
        None,
        none="the first plan of the bundle",
        flag="--plan",
    ),
    Option(
        "server",
        "Address of a server of the bundle.",
        "network",
        kinds.text("URL"),
        "http://127.0.0.1:8000",
        flag="--server",
    ),
    Option(
        "source",
        "Picture, .npy file of inputs, or folder of such.",
        "data",
        kinds.text("PATH"),
        None,
        none="must be given",
        flag="--source",
    ),
    Option(
        "out",
        "Table of answers and times, CSV.",
        "output",
        kinds.text("FILE"),
        None,
        none="no table",
        flag="--out",
    ),
)


def infer_command(
    bundle: Annotated[
        Path, typer.Argument(help="Bundle that autosplit export made.", show_default=False)
    ],
    source: str | None = None,
    server: str = "http://127.0.0.1:8000",
    plan: str | None = None,
    out: str | None = None,
) -> None:
    """Run the edge half of a bundle here and its cloud half on a server."""
    from autosplit.deploy.infer import infer_sources
    from autosplit.errors import OptionError

    if source is None:
        raise OptionError("--source: must be a picture, a .npy file or a folder, is not given")
    table = None if out is None else Path(out)
    for line in infer_sources(bundle, Path(source), server, plan, table):
        print(line)
