"""A wrong command line in one line: where, what must hold, what was found, what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from autosplit.errors import did_you_mean

_IN_QUOTES = re.compile(r"'([^']*)'")
_IN_BRACKETS = re.compile(r"\(([^)]*)\)")


def usage_text(error: Any, commands: Sequence[str], argv: Sequence[str]) -> str:
    """Say what is wrong with a command line.

    Args:
        error: What the parser raised: click's ``UsageError``, of click or of typer's copy of it.
        commands: Names of the commands that there are.
        argv: The command line, without the name of the program.
    """
    path = _path(error, commands, argv)
    return f"{_problem(error, path, commands)} See: {path} --help"


def _path(error: Any, commands: Sequence[str], argv: Sequence[str]) -> str:
    """The program and the command; the parser does not know the command in every error."""
    if error.ctx is not None:
        return str(error.ctx.command_path)
    named = [word for word in argv[:1] if word in commands]
    return " ".join(["autosplit", *named])


def _problem(error: Any, path: str, commands: Sequence[str]) -> str:
    """A sentence for each kind of error; the kinds have the same names in click and in typer."""
    kind, text = type(error).__name__, str(error.format_message())
    if kind == "MissingParameter":
        needed = _missing(error)
        return f"{path}: {' and '.join(needed)} must be given."
    if kind == "NoSuchOption":
        known = [name for one in error.ctx.command.params for name in one.opts] if error.ctx else []
        end = did_you_mean(error.option_name, known) if known else ""
        return _sentence(f"{error.option_name}: must be an option of {path}{_near(end)}")
    if kind == "BadOptionUsage" and "requires an argument" in text:
        return f"{error.option_name}: must be followed by a value, but nothing follows."
    if text.startswith("No such command"):
        name = (*_IN_QUOTES.findall(text), "")[0]
        return _sentence(f"{name}: must be a command of autosplit{did_you_mean(name, commands)}")
    if text.startswith("Got unexpected extra argument"):
        extra = ("", *_IN_BRACKETS.findall(text))[-1]
        return f"{path}: must have no more arguments, got {extra!r}; an option begins with --."
    return _sentence(text)


def _missing(error: Any) -> list[str]:
    """Everything that must be given and is not: the parser names the first alone."""
    context = error.ctx
    if context is None:
        return [error.param.name.upper()]
    given = context.params
    missing = [one for one in context.command.params if one.required and one.name not in given]
    return [_written(one) for one in missing or [error.param]]


def _written(parameter: Any) -> str:
    """A parameter as a person writes it: an argument by name, an option as ``--source PATH``."""
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return f"{parameter.opts[0]} {parameter.metavar or 'VALUE'}"


def _near(end: str) -> str:
    """A near name only: the list of all options is what ``--help`` is for."""
    return end if end.startswith(", did you mean") else ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."
