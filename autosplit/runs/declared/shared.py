"""Options that several commands have: one declaration for all of them."""

from __future__ import annotations

from autosplit.runs import kinds
from autosplit.runs.option import option


def jobs_option() -> int:
    """``--jobs``: how much is done at the same time."""
    return option(
        1,
        kinds.count(1, 1024),
        "evaluation",
        "Number of workers on this machine: the number of plans that are evaluated at the same "
        "time; in a sweep, the number of networks measured, and then of searches run, at the same "
        "time.",
    )


def images_option() -> int | None:
    """``--images``: on how many evaluation images accuracy is measured."""
    return option(
        None,
        kinds.count(1),
        "evaluation",
        "Largest number of evaluation images.",
        none="all images",
    )


def run_folder_option(none: str) -> str | None:
    """``--run`` of a command that reads a run folder; ``none`` says what holds without it."""
    return option(
        None,
        kinds.text("RUN"),
        "network",
        "Run folder with the network and its plans.",
        none=none,
    )


def source_option(help_: str) -> str | None:
    """``--source``: the pictures on which a command runs the network."""
    return option(None, kinds.text("PATH"), "data", help_, required=True)


def token_file_option(help_: str, none: str) -> str | None:
    """``--token-file``: the bearer token of a server."""
    return option(None, kinds.text("FILE"), "network", help_, none=none)


def variant_folder_option() -> str:
    """Where a variant is written."""
    return option(
        "variant",
        kinds.text("VARIANT"),
        "output",
        "Folder of the variant: network.pt2, which --model takes, and what is known of it.",
    )
