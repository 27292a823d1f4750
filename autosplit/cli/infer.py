"""The command ``infer``."""

from __future__ import annotations

from pathlib import Path

from autosplit.cli.options import BundleFolder
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
        "Picture, .npy file of inputs, or folder of pictures and such files.",
        "data",
        kinds.text("PATH"),
        None,
        none="none, which is refused",
        flag="--source",
    ),
    Option(
        "out",
        "CSV file for the table of answers and times.",
        "output",
        kinds.text("FILE"),
        None,
        none="no table",
        flag="--out",
    ),
)


def infer_command(
    bundle: BundleFolder,
    source: str | None = None,
    server: str = "http://127.0.0.1:8000",
    plan: str | None = None,
    out: str | None = None,
) -> None:
    """Run the edge half of a plan here on pictures, and its cloud half on a server."""
    from autosplit.deploy.infer import infer_sources
    from autosplit.errors import OptionError

    if source is None:
        raise OptionError("--source: must be a picture, a .npy file or a folder, is not given")
    table = None if out is None else Path(out)
    for line in infer_sources(bundle, Path(source), server, plan, table):
        print(line)
