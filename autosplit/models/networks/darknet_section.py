"""One section of a Darknet file, and how its options are read: numbers, lists, words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from autosplit.errors import ModelError, did_you_mean

Number = TypeVar("Number", int, float)
_LINE = re.compile(r":\d+(?=: \[)")
"""The number of the line in the place of a section."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a file.

    Attributes:
        kind: Name of the section, abbreviations spelled out.
        number: Number of the layer; -1 for ``[net]``.
        where: File, line and name of the section, for errors.
        options: Key -> text.
        lines: Key -> line of the option in the file, for errors.
        wrong: Options of the file whose values could not be read; they are not in ``options``.
    """

    kind: str
    number: int
    where: str
    options: Mapping[str, str]
    lines: Mapping[str, int] = field(default_factory=dict)
    wrong: frozenset[str] = frozenset()

    def integer(self, key: str, default: int | None = None, least: int = 0) -> int:
        """Read a whole number of at least ``least``; ``3.0`` is one too.

        Raises:
            ModelError: The option is missing and has no default, or is no such number.
        """
        return self._one(self.integers(key, None if default is None else (default,)), key, least)

    def integers(self, key: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Read whole numbers separated by commas.

        Raises:
            ModelError: The option is missing and has no default, or holds other text.
        """
        return self._list(key, default, _whole, "whole numbers")

    def number_of(self, key: str, default: float) -> float:
        """Read one number.

        Raises:
            ModelError: The option holds other text.
        """
        values = self.numbers(key, (default,))
        if len(values) != 1:
            raise self.error(f"{key} must be one number, got {self.options[key]!r}", key)
        return values[0]

    def positive(self, key: str, default: float) -> float:
        """Read one number above 0.

        Raises:
            ModelError: The option is no such number.
        """
        value = self.number_of(key, default)
        if not value > 0:
            raise self.error(f"{key} must be above 0, got {value:g}", key)
        return value

    def numbers(self, key: str, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """Read numbers separated by commas.

        Raises:
            ModelError: The option is missing and has no default, or holds other text.
        """
        return self._list(key, default, _finite, "numbers")

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """Read one of several words.

        Raises:
            ModelError: The option is another word.
        """
        word = self.options.get(key, default)
        if word not in choices:
            raise self.error(f"{key} is unknown, {word!r}{did_you_mean(word, choices)}", key)
        return word

    def without(self, *keys: str) -> Section:
        """The section without options that are wrong, so that the others can be checked."""
        rest = {key: text for key, text in self.options.items() if key not in keys}
        return replace(self, options=rest, wrong=self.wrong | set(keys))

    def error(self, text: str, key: str = "") -> ModelError:
        """Make an error that names this section, and the line of an option of it."""
        where = self.where
        if key in self.lines:
            where = _LINE.sub(f":{self.lines[key]}", where, count=1)
        return ModelError(f"{where}: {text}")

    def _one(self, values: tuple[int, ...], key: str, least: int) -> int:
        if len(values) != 1 or values[0] < least:
            found = self.options.get(key, values)
            raise self.error(
                f"{key} must be a whole number of at least {least}, got {found!r}", key
            )
        return values[0]

    def _words(self, key: str) -> list[str]:
        if key not in self.options:
            raise self.error(f"must have the option {key!r}")
        text = self.options[key].rstrip(", \t")  # Darknet takes "1,2," too
        return [word.strip() for word in text.split(",")] if text else []

    def _list(
        self,
        key: str,
        default: tuple[Number, ...] | None,
        read: Callable[[str], Number],
        what: str,
    ) -> tuple[Number, ...]:
        """Read numbers separated by commas, ``what`` they are for the error."""
        if key not in self.options and default is not None:
            return default
        words = self._words(key)
        try:
            return tuple(map(read, words))
        except (ValueError, OverflowError) as error:
            commas = " with a comma between any two" if any(map(_APART.search, words)) else ""
            text = f"{key} must be {what}{commas}, got {self.options[key]!r}"
            raise self.error(text, key) from error


_APART = re.compile(r"\d[\s;]+[-+.]?\d")
"""Two numbers of a list without a comma between them."""


def _whole(word: str) -> int:
    number = float(word)
    if number != int(number):
        raise ValueError(word)
    return int(number)


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number
