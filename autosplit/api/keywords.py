"""Keywords of the interface's functions: the options that ``runs/declared/`` declares."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from autosplit.errors import OptionError, did_you_mean
from autosplit.runs.option import options_of, read_given

Function = TypeVar("Function", bound=Callable[..., Any])
RecordType = TypeVar("RecordType")


def takes_options(record: type, *names: str) -> Callable[[Function], Function]:
    """Give a function whose last parameter is ``**options`` a signature that names the options.

    Args:
        record: Record of declared options, which has their defaults.
        names: Names of the options that the function takes.
    """
    known = {one.name: one for one in options_of(record)}

    def described(function: Function) -> Function:
        own = list(inspect.signature(function).parameters.values())[:-1]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=known[name].default)
            for name in names
        ]
        signature = inspect.Signature([*own, *added])
        function.__signature__ = signature  # type: ignore[attr-defined]
        return function

    return described


def read_keywords(
    record: type[RecordType], function: Callable[..., Any], options: Mapping[str, Any]
) -> RecordType:
    """The options that a function was called with, as their record.

    Args:
        record: Record of declared options.
        function: A function with a signature from ``takes_options``.
        options: The keywords that it was called with.

    Raises:
        OptionError: An option is unknown, is not one of the function, or cannot have its value.
    """
    taken = inspect.signature(function).parameters.keys()
    known = [one for one in options_of(record) if one.name in taken]
    names = [one.name for one in known]
    for name in options:
        if name not in names and name not in {one.key for one in known}:
            near = did_you_mean(name, names)
            raise OptionError(f"{function.__name__}: unknown option {name!r}{near}")
    return record(**read_given(options, known))
