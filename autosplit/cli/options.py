"""From declared options to the command line: parameters of a command, and back to their values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from autosplit.runs import kinds
from autosplit.runs.option import GROUPS, Option, options_of
from autosplit.runs.options import OPTIONS, SIDE_OPTIONS, FolderOptions, options_of_run

_OLDER = {"--run": ("--out",), "--show": ("--link",), "--score": ("--confidence",)}
"""Spelling of an option -> older ones, which are still read; ``--help`` does not show these."""
BundleFolder = Annotated[
    Path,
    typer.Argument(help="Bundle: the folder that autosplit export wrote.", show_default=False),
]
"""The argument of the commands that work on a bundle."""
NETWORK = (
    "model",
    "weights",
    "checkpoint",
    "input_size",
    "seed",
    "decode",
    "names",
    "preprocess",
)
"""Options of ``stats`` that say which network."""
DATA = (
    "data",
    "calibration",
    "calibration_images",
    "batch_size",
    "task",
    "output",
    "mean",
    "std",
    "resize",
    "crop",
    "interpolation",
    "channels",
)
"""Options of ``stats`` that say which data, and how the network is scored on them."""
_OF_TRAIN = tuple(
    name
    for name in (*NETWORK, *DATA)
    if name not in ("seed", "batch_size", "calibration", "calibration_images")
)
_OF_DETECT = (*NETWORK, "mean", "std", "channels")
_WITH_NETWORK = {"detect": _OF_DETECT, "prune": (*NETWORK, *DATA), "train": _OF_TRAIN}
"""Command -> options of ``stats`` that it has too."""
_FOLDER_OPTIONS = {
    **dict.fromkeys(("check", "detect", "export", "profile", "tune"), ("trust",)),
    "sweep": ("force", "trust"),
}
"""Command -> the options of run folders that it has too."""
_OF_FOLDER = {one.name: one for one in options_of(FolderOptions)}


def stage_options(stage: str) -> tuple[Option, ...]:
    """Options of the command of a stage, or of ``run``."""
    own = options_of_run() if stage == "run" else options_of(OPTIONS[stage])
    file = ("pins_file",) if stage in {"run", "search"} else ()
    prune = ("prune",) if stage == "search" else ()
    trust = ("trust",) if stage in {"run", "stats", "quantize"} else ()
    return (*own, *(_OF_FOLDER[name] for name in (*file, *prune, *trust, "out", "force")))


def side_options(command: str) -> tuple[Option, ...]:
    """Options of the command of any other kind."""
    network = network_options(command)
    own = options_of(SIDE_OPTIONS[command]) if command in SIDE_OPTIONS else ()
    more = _FOLDER_OPTIONS.get(command, ())
    return (*network, *own, *(_OF_FOLDER[name] for name in more))


def network_options(command: str = "detect") -> tuple[Option, ...]:
    """Options of ``stats`` that a command has too: which network, and perhaps which data."""
    names = _WITH_NETWORK.get(command, ())
    return tuple(one for one in options_of(OPTIONS["stats"]) if one.name in names)


def with_options(
    call: Callable[..., None], known: Sequence[Option], *, first: bool = False
) -> Callable[..., None]:
    """A function that typer makes a command of, with declared options as its parameters.

    Args:
        call: Takes the options that are given, by name or as ``**given``, beside its own ones.
        known: The options.
        first: Whether ``--help`` shows only those that a person needs first; ``--help-all`` then
            shows all of them.
    """
    declared = {"given", *(one.name for one in known)}
    every = inspect.signature(call, eval_str=True).parameters.values()
    own = [one for one in every if one.name not in declared]
    ordered = sorted(known, key=lambda one: GROUPS.index(one.group))
    parameters = [*own, *(_parameter(one, hidden=first and not one.first) for one in ordered)]
    if first:
        parameters.append(_HELP_ALL)

    def command(**values: Any) -> None:
        values.pop(_HELP_ALL.name, None)
        mine = {one.name: values.pop(one.name) for one in own}
        call(**mine, **read_values(values, known))

    command.__doc__ = call.__doc__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def read_values(values: Mapping[str, Any], known: Sequence[Option]) -> dict[str, Any]:
    """The options that are given on the command line, by name.

    Raises:
        OptionError: An option cannot have its value.
    """
    by_name = {one.name: one for one in known}
    found = {}
    for name, value in values.items():
        one = by_name[name]
        if one.kind.alone:
            found[name] = bool(value)
        elif one.kind.repeated and value:
            words = [word for word in value if word.strip().lower() != kinds.NONE]
            found[name] = one.read(words)
        elif not one.kind.repeated and value is not None:
            found[name] = one.read(value)
    return found


def _parameter(one: Option, *, hidden: bool) -> inspect.Parameter:
    """An option as a parameter of a function that typer reads."""
    about: dict[str, Any] = {
        "help": one.described,
        "hidden": hidden,
        "rich_help_panel": one.group.capitalize(),
        "show_default": False,
    }
    default: Any = None
    kind: Any = str | None
    if one.kind.alone:
        kind, default = bool, False
    else:
        about["metavar"] = one.kind.written
        kind = list[str] | None if one.kind.repeated else str | None
        if one.required:
            kind, default = str, inspect.Parameter.empty
    return inspect.Parameter(
        one.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, typer.Option(one.flag, *_OLDER.get(one.flag, ()), **about)],
    )


def _show_all(context: typer.Context, asked: bool) -> None:
    if asked:
        for parameter in context.command.params:
            parameter.hidden = False  # type: ignore[attr-defined]
        text = context.get_help()
        if text:
            print(text)
        raise typer.Exit


_HELP_ALL = inspect.Parameter(
    "help_all",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool,
        typer.Option(
            "--help-all",
            help="Show every option, by group, and exit.",
            callback=_show_all,
            is_eager=True,
            show_default=False,
        ),
    ],
)
