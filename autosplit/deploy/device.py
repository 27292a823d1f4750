"""The command ``infer`` without its parser: what ``autosplit infer`` and a bundle's own client do.

A bundle's ``edge/client.pyz`` is these modules in one file.  It runs as

    python edge/client.pyz --source PICTURES --server http://CLOUD:8000

with the options of ``autosplit infer``, on a device that has neither autosplit nor torch.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from autosplit.deploy import infer
from autosplit.deploy.audit import Audit
from autosplit.deploy.connection import Connection
from autosplit.deploy.credentials import read_token
from autosplit.errors import AutoSplitError, AutoSplitWarning, OptionError
from autosplit.runs.declared.bundle import InferOptions
from autosplit.runs.option import options_of


def answers_of(bundle: Path, asked: InferOptions) -> Iterator[str]:
    """The lines of ``autosplit infer``.

    Args:
        bundle: The bundle.
        asked: Its options, of which ``source`` is given.

    Raises:
        OptionError: Options contradict each other.
        AutoSplitError: What ``infer_sources`` raises.
    """
    if asked.source is None:
        raise OptionError("--source PATH: must be given")
    if asked.audit_floor is not None and asked.audit is None:
        raise OptionError("--audit-floor: needs --audit, which finds the agreement")
    token = None if asked.token_file is None else read_token(Path(asked.token_file))
    certificate = None if asked.tls_cert is None else Path(asked.tls_cert)
    yield from infer.infer_sources(
        bundle,
        Path(asked.source),
        Connection(asked.server, token, certificate),
        asked.plan,
        None if asked.out is None else Path(asked.out),
        asked.deadline_s,
        None if asked.audit is None else Audit(asked.audit, asked.audit_floor),
        ahead=asked.ahead,
    )


def main(argv: Sequence[str] | None = None, bundle: Path | None = None) -> int:
    """Run the command line of a bundle's own client and return the exit status.

    Args:
        argv: Its options; None: those of this process.
        bundle: The bundle that the client is part of; None: the folder above its own.
    """
    program = Path(sys.argv[0])
    parser = argparse.ArgumentParser(
        program.name,
        description="Run the edge half of a plan here, and its cloud half on a server.",
    )
    known = options_of(InferOptions)
    for one in known:
        parser.add_argument(
            one.flag, dest=one.name, metavar=one.kind.written, help=one.described.replace("%", "%%")
        )
    written = vars(parser.parse_args(argv))
    with warnings.catch_warnings():
        warnings.simplefilter("always", AutoSplitWarning)
        try:
            given = {
                one.name: one.read(written[one.name])
                for one in known
                if written[one.name] is not None
            }
            for line in answers_of(bundle or program.resolve().parents[1], InferOptions(**given)):
                print(line)
        except AutoSplitError as error:
            print(f"{program.name}: error: {'; '.join(str(error).splitlines())}", file=sys.stderr)
            return 2 if isinstance(error, OptionError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
