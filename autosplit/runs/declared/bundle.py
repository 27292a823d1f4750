"""Options of the commands for bundles: ``autosplit export``, ``infer`` and ``serve``."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.declared.shared import source_option, token_file_option
from autosplit.runs.option import option


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What ``autosplit export`` writes."""

    plan: str = option(
        "pick",
        kinds.text("pick|front|NAMES"),
        "network",
        "Plans to export: pick, front (every plan of the Pareto front) and names, separated by "
        "commas.",
    )
    check: int | None = option(
        None,
        kinds.count_or_all(),
        "evaluation",
        "Run this many evaluation images, or all of them, through the exported files and "
        "through the integer reference, and print how they differ.",
        none="no check",
    )
    format: tuple[str, ...] = option(
        ("onnx",),
        kinds.names("FORMATS", ("onnx", "pt2", "c", "pte", "tflite")),
        "output",
        "Formats of the halves, separated by commas. onnx: what autosplit serve and infer, Triton, "
        "MLServer and OpenVINO take; pt2: programs of torch.export; c: the integers of the edge "
        "half as a C header; pte and tflite: the edge half for ExecuTorch and LiteRT.",
    )
    profile_kit: bool = option(
        False,
        kinds.flag(),
        "network",
        "Write the kit that measures a device in place of a bundle; it needs no run.",
    )
    out: str | None = option(
        None,
        kinds.text("FOLDER"),
        "output",
        "Bundle, or kit: the folder to write.",
        none="bundle, or kit with --profile-kit",
    )


@dataclass(frozen=True, slots=True)
class InferOptions:
    """What ``autosplit infer`` runs."""

    source: str | None = source_option(
        "Picture, .npy file of inputs, .npz file with an array for each of several inputs, or "
        "folder of such files."
    )
    plan: str | None = option(
        None,
        kinds.text("NAME|auto"),
        "network",
        "Plan to run. auto: autosplit changes to the fastest plan of the bundle as the link "
        "changes, and runs the all-edge plan while the server gives no answer.",
        none="the first plan of the bundle",
    )
    deadline_s: float | None = option(
        None,
        kinds.milliseconds(),
        "limits",
        "With --plan auto or an escalation: milliseconds after which the edge device answers in "
        "place of the server.",
        none="no deadline",
    )
    ahead: bool = option(
        True,
        kinds.switch(),
        "network",
        "Whether the edge half of the next input runs while the last one is on the wire. off: each "
        "answer is there before the next input is read, as times are measured best.",
    )
    audit: float | None = option(
        None,
        kinds.number("SHARE", 0, 1),
        "evaluation",
        "Of an escalation: share of the answers of which the edge device is sure that are checked "
        "in the cloud, in the background, such as 0.05. autosplit prints how many agree.",
        none="no audit",
    )
    audit_floor: float | None = option(
        None,
        kinds.number("SHARE", 0, 1),
        "limits",
        "With --audit: least share of the last 100 checked answers that must agree, such as 0.95. "
        "Below it every sample is sent, until the agreement is back.",
        none="no floor",
    )
    server: str = option(
        "http://127.0.0.1:8000", kinds.text("URL"), "network", "Address of a server of the bundle."
    )
    tls_cert: str | None = option(
        None,
        kinds.text("FILE"),
        "network",
        "PEM file with the certificate of an https server, or of the authority that signed it.",
        none="the authorities that the system trusts",
    )
    token_file: str | None = token_file_option(
        "File with the bearer token that the server asks for.", "no token"
    )
    out: str | None = option(
        None,
        kinds.text("FILE"),
        "output",
        "CSV file for the table of answers and times.",
        none="no table",
    )


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where ``autosplit serve`` listens."""

    host: str = option(
        "127.0.0.1",
        kinds.text("ADDRESS"),
        "output",
        "Address that the server listens on. An address that other machines reach needs TLS and a "
        "token.",
    )
    port: int = option(8000, kinds.count(1, 65535), "output", "Port of HTTP.")
    grpc_port: int | None = option(
        None, kinds.count(1, 65535), "output", "Port of gRPC.", none="no gRPC"
    )
    tls_cert: str | None = option(
        None, kinds.text("FILE"), "network", "Certificate for TLS, as PEM.", none="no TLS"
    )
    tls_key: str | None = option(
        None, kinds.text("FILE"), "network", "Private key of --tls-cert, as PEM.", none="no TLS"
    )
    token_file: str | None = token_file_option(
        "File with the bearer token that clients must send.", "no token"
    )
    credentials: str | None = option(
        None,
        kinds.text("FOLDER"),
        "network",
        "Folder with cert.pem, key.pem and token.txt, in place of --tls-cert, --tls-key and "
        "--token-file. autosplit makes the files that are missing, with a self-signed certificate.",
        none="no such folder",
    )
    tls_names: tuple[str, ...] | None = option(
        None,
        kinds.names("NAME,..."),
        "network",
        "With --credentials: further names and addresses at which clients reach the server, "
        "separated by commas. The certificate that autosplit makes is for them and for --host; "
        "with --host 0.0.0.0, for them and for the name and the addresses of this machine.",
        none="no further names",
    )
    batch: int = option(
        16,
        kinds.count(1),
        "limits",
        "Samples of a plan that run together at most, and samples of a request.",
    )
    batch_wait_s: float = option(
        0.0,
        kinds.milliseconds(),
        "limits",
        "Milliseconds that a request waits for others to run with. 0: none waits; the requests "
        "that are there run together.",
    )
    queue: int = option(
        256,
        kinds.count(1),
        "limits",
        "Requests of a plan that wait at most; a further one is refused.",
    )
    log_requests: bool = option(
        False,
        kinds.switch(),
        "output",
        "Whether each request is a line of JSON on stderr: plan, bytes, seconds, error.",
    )
