"""Options of ``autosplit profile``, which measures this machine, or a link."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.declared.shared import run_folder_option, token_file_option
from autosplit.runs.option import option

RUNTIME_NAMES = ("onnxruntime",)
"""Runtimes whose seconds can be measured."""


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What ``autosplit profile`` measures."""

    run: str | None = run_folder_option("the only run folder in results/")
    runtime: str = option(
        "onnxruntime", kinds.choice(*RUNTIME_NAMES), "network", "What runs the network."
    )
    threads: int = option(1, kinds.count(1, 1024), "network", "Threads that it computes with.")
    kit: str | None = option(
        None,
        kinds.text("FOLDER"),
        "network",
        "Fit a profile for any network to the kit in this folder, in place of one network: the kit "
        "is made and measured here where that is not done. autosplit export --profile-kit makes "
        "one to carry to a device.",
        none="no kit",
    )
    link: str | None = option(
        None,
        kinds.text("URL"),
        "network",
        "Address of a running autosplit serve: measure the link to it in place of this machine.",
        none="no link",
    )
    tls_cert: str | None = option(
        None,
        kinds.text("FILE"),
        "network",
        "With --link: PEM file with the certificate of an https server, or of its authority.",
        none="the authorities that the system trusts",
    )
    token_file: str | None = token_file_option(
        "With --link: file with the bearer token that the server asks for.", "no token"
    )
    out: str | None = option(
        None,
        kinds.text("FILE"),
        "output",
        "Profile to write: of a device, which --edge and --cloud take and beside which its table "
        "stands, or of a link, which --link of autosplit search takes.",
        none="device.yaml, or link.yaml with --link",
    )
