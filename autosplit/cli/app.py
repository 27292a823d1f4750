"""The command ``autosplit``: parses, makes one library call, prints.

Results go to stdout, talk and progress to stderr.  Exit status: 0 done, 1 an error of ours, 2 a
wrong command line, 130 interrupted.  An error or a warning of ours is one line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from autosplit import __version__
from autosplit.cli.anchors import anchors_command
from autosplit.cli.check import check_command
from autosplit.cli.detect import detect_command
from autosplit.cli.emit import emit_command
from autosplit.cli.export import export_command
from autosplit.cli.help import PanelCommand, PanelGroup
from autosplit.cli.infer import infer_command
from autosplit.cli.options import side_options, stage_options, with_options
from autosplit.cli.profile import profile_command
from autosplit.cli.profiles import profiles_command
from autosplit.cli.prune import prune_command
from autosplit.cli.report import report_command
from autosplit.cli.serve import serve_command
from autosplit.cli.stages import stage_command
from autosplit.cli.sweep import sweep_command
from autosplit.cli.talk import say, say_error, saying_warnings
from autosplit.cli.train import train_command
from autosplit.cli.tune import tune_command
from autosplit.cli.usage import usage_text
from autosplit.errors import AutoSplitError, OptionError
from autosplit.runs.option import Option
from autosplit.runs.options import OPTIONS

# typer brings its own copy of click, or depends on it, by version; its errors are the same classes
UsageError: type[Any] = typer.BadParameter.__mro__[1]

INTERRUPTED = 130
"""Exit status after Ctrl-C, 128 + SIGINT."""

app = typer.Typer(
    cls=PanelGroup,
    name="autosplit",
    help="Find where to cut a network between an edge device and the cloud, and the bits of its "
    "edge half.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_CALLS: dict[str, Callable[..., None]] = {
    "anchors": anchors_command,
    "check": check_command,
    "detect": detect_command,
    "emit": emit_command,
    "export": export_command,
    "infer": infer_command,
    "profile": profile_command,
    "profiles": profiles_command,
    "prune": prune_command,
    "report": report_command,
    "serve": serve_command,
    "sweep": sweep_command,
    "train": train_command,
    "tune": tune_command,
}
COMMANDS: dict[str, tuple[Option, ...]] = {
    **{stage: stage_options(stage) for stage in ("run", *OPTIONS)},
    **{command: side_options(command) for command in _CALLS},
}
"""Command -> its declared options, in the order of ``--help``."""

for _name, _options in COMMANDS.items():
    _call: Callable[..., None] = _CALLS.get(_name) or stage_command(_name)
    app.command(_name, cls=PanelCommand)(with_options(_call, _options, first=_name == "run"))


def _print_version(asked: bool) -> None:
    if asked:
        print(f"autosplit {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    del version  # printed by its callback, before a command is asked for
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    command = typer.main.get_command(app)
    warned: list[str] = []
    try:
        with saying_warnings() as warned:
            result = command.main(args=argv, prog_name="autosplit", standalone_mode=False)
        sys.stdout.flush()
    except OptionError as error:
        say_error(str(error))
        return 2
    except AutoSplitError as error:
        say_error(str(error), warned)
        return 1
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except (OSError, MemoryError, UnicodeError) as error:
        return _system_error(error)
    except UsageError as error:
        say_error(usage_text(error, list(COMMANDS), sys.argv[1:] if argv is None else argv))
        return 2
    if result == INTERRUPTED:  # some versions of typer give it back instead of raising
        say("autosplit: interrupted; what is done is kept, the same command goes on from there")
    return result if isinstance(result, int) else 0


def _system_error(error: OSError | MemoryError | UnicodeError) -> int:
    """Say what the system refused: a full disk or pipe, a name, memory; the exit status."""
    if isinstance(error, BrokenPipeError):  # whoever read the output has seen enough
        _forget_output()
        return 1
    what = getattr(error, "strerror", None) or str(error) or "no memory is left"
    place = getattr(error, "filename", None)
    if place is None and isinstance(error, OSError):
        place = "stdout"
        _forget_output()
    say_error(f"{place}: {what}" if place else what)
    return 1


def _forget_output() -> None:
    """Let Python not try once more, at its end, to write what could not be written."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def entry() -> None:
    """Entry point of the console script."""
    sys.exit(main())
