"""The command ``infer``."""

from __future__ import annotations

from pathlib import Path

from autosplit.cli.options import BundleFolder


def infer_command(
    bundle: BundleFolder,
    source: str,
    server: str = "http://127.0.0.1:8000",
    plan: str | None = None,
    out: str | None = None,
    tls_cert: str | None = None,
    token_file: str | None = None,
    deadline_s: float | None = None,
    audit: float | None = None,
    audit_floor: float | None = None,
    ahead: bool = True,
) -> None:
    """Run the edge half of a plan here on pictures, and its cloud half on a server."""
    from autosplit.deploy.audit import Audit
    from autosplit.deploy.connection import Connection
    from autosplit.deploy.credentials import read_token
    from autosplit.deploy.infer import infer_sources
    from autosplit.errors import OptionError

    if audit_floor is not None and audit is None:
        raise OptionError("--audit-floor: needs --audit, which finds the agreement")
    token = None if token_file is None else read_token(Path(token_file))
    connection = Connection(server, token, None if tls_cert is None else Path(tls_cert))
    table = None if out is None else Path(out)
    checked = None if audit is None else Audit(audit, audit_floor)
    asked = connection, plan, table, deadline_s, checked
    for line in infer_sources(bundle, Path(source), *asked, ahead=ahead):
        print(line)
