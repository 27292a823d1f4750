"""Kinds of values that an option may have: how each is written, read and checked.

The module is long because every kind stands in this one place.

A value is written as text on the command line, and as text or a number in a sweep file: ``read``
makes of it what the options hold.  A value from Python is in the unit of the options already:
``check`` looks at it.  Both raise ``ValueError`` with what must hold; the caller names the option.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NONE = "none"
"""How None is written on the command line and in a sweep file."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    Attributes:
        written: What stands for a value in ``--help``.
        check: A value from Python -> the value as the options hold it.
        read: A value as it is written -> the value as the options hold it.
        show: A value as the options hold it -> as it is written.
        choices: Names to choose from; empty where any text or number is allowed.
        repeated: Whether the option is given once for each of several values.
        alone: Whether the option stands alone on the command line, without a value.
    """

    written: str
    check: Callable[[Any], Any]
    read: Callable[[Any], Any]
    show: Callable[[Any], str] = str
    choices: tuple[str, ...] = ()
    repeated: bool = False
    alone: bool = False


def text(written: str = "TEXT") -> Kind:
    """Any text that is not empty."""
    return Kind(written, _text, _text)


def count(least: int = 0, most: int | None = None) -> Kind:
    """A whole number."""
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"

    def check(value: Any) -> int:
        if type(value) is not int or value < least or (most is not None and value > most):
            raise ValueError(f"must be a whole number {limits}")
        return value

    def read(value: Any) -> int:
        written = value.strip() if isinstance(value, str) else value
        is_number = isinstance(written, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", written)
        return check(int(written) if is_number else value)

    return Kind("N", check, read)


def count_or_all() -> Kind:
    """A whole number of at least 1, or ``all``, which the options hold as 0."""
    some = count(1)

    def check(value: Any) -> int:
        return 0 if type(value) is int and value == 0 else int(some.check(value))

    def read(value: Any) -> int:
        return 0 if value == "all" else int(some.read(value))

    return Kind("N|all", check, read, lambda value: str(value) if value else "all")


def number(written: str = "NUMBER", least: float = -math.inf, most: float = math.inf) -> Kind:
    """A finite number."""
    limit = "" if least == -math.inf else f" of at least {least:g}"
    limit = f" from {least:g} to {most:g}" if most < math.inf else limit

    def check(value: Any) -> float:
        if not _is_finite(value) or not least <= value <= most:
            raise ValueError(f"must be a number{limit}")
        return float(value)

    def read(value: Any) -> float:
        try:
            return check(float(value) if isinstance(value, str) else value)
        except (ValueError, OverflowError):
            raise ValueError(f"must be a number{limit}") from None

    return Kind(written, check, read, lambda value: f"{value:g}")


def choice(*names: str, registry: str = "") -> Kind:
    """One of some names.

    Args:
        names: The names.
        registry: Where else a name may be registered, as in ``package.module:DICT``.  It is looked
            at only if it is imported already: what a person registers, and never a slow import.
    """

    def check(value: Any) -> str:
        return _name(value, names, registry)

    written = f"[{'|'.join(names)}]"
    return Kind(written if len(written) < _LONG else "NAME", check, check, choices=names)


def numbers(least: float = -math.inf) -> Kind:
    """One or more finite numbers, separated by commas."""
    limit = "" if least == -math.inf else f" of at least {least:g}"
    must = f"must be numbers{limit}, separated by commas"

    def check(value: Any) -> tuple[float, ...]:
        values = list(value) if _is_list(value) else [value]
        if not values or not all(_is_finite(one) and one >= least for one in values):
            raise ValueError(must)
        return tuple(map(float, values))

    def read(value: Any) -> tuple[float, ...]:
        if not isinstance(value, str):
            return check(value)
        try:
            return check([float(word) for word in value.split(",")])
        except ValueError:
            raise ValueError(must) from None

    return Kind("N,N,N", check, read, lambda value: ",".join(f"{one:g}" for one in value))


def switch() -> Kind:
    """On or off; True and False in Python."""

    def check(value: Any) -> bool:
        if value not in (True, False) or not isinstance(value, bool):
            raise ValueError("must be True or False")
        return value

    def read(value: Any) -> bool:
        if not isinstance(value, (bool, str)) or value not in _ON_OFF:
            raise ValueError("must be on or off")
        return _ON_OFF[value]

    return Kind("[on|off]", check, read, lambda value: "on" if value else "off", ("on", "off"))


def three_way() -> Kind:
    """On, off, or auto, which leaves it to another option."""

    def read(value: Any) -> str:
        names = {True: "on", False: "off", "on": "on", "off": "off", "auto": "auto"}
        if not isinstance(value, (bool, str)) or value not in names:
            raise ValueError("must be on, off or auto")
        return names[value]

    return Kind("[on|off|auto]", read, read, choices=("on", "off", "auto"))


def flag() -> Kind:
    """An order for this one time: true where the option stands, false where it does not."""
    kind = switch()
    return Kind("", kind.check, kind.check, kind.show, alone=True)


def names(written: str, known: Sequence[str] = (), registry: str = "") -> Kind:
    """One or more names, separated by commas.

    Args:
        written: What stands for a value in ``--help``.
        known: Names to choose from; empty where any name is allowed.
        registry: Where else a name may be registered, as for ``choice``.
    """
    known = tuple(known)

    def check(value: Any) -> tuple[str, ...]:
        if not _is_list(value) or not value:
            raise ValueError("must name at least one")
        return tuple(_name(word, known, registry) if known else _text(word) for word in value)

    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, str):
            return check(value)
        return check([word for word in map(str.strip, value.split(",")) if word])

    return Kind(written, check, read, ", ".join, known)


def widths(most: int) -> Kind:
    """Bit widths from 1 to ``most``, separated by commas; kept ascending."""
    must = f"must be whole numbers from 1 to {most}, separated by commas"

    def _is_width(value: Any) -> bool:
        return type(value) is int and 1 <= value <= most

    def check(value: Any) -> tuple[int, ...]:
        if not _is_list(value) or not value or not all(map(_is_width, value)):
            raise ValueError(must)
        return tuple(sorted(set(value)))

    def read(value: Any) -> tuple[int, ...]:
        if not isinstance(value, str):
            return check(value)
        words = value.replace(" ", "").split(",")
        if not all(re.fullmatch(r"[0-9]{1,4}", word) for word in words):
            raise ValueError(must)
        return check([int(word) for word in words])

    return Kind("N,N,...", check, read, lambda value: ",".join(map(str, value)))


def qualities() -> Kind:
    """JPEG qualities from 1 to 95, separated by commas; kept ascending.  One may stand alone."""
    several = widths(95)

    def check(value: Any) -> tuple[int, ...]:
        found: tuple[int, ...] = several.check([value] if type(value) is int else value)
        return found

    def read(value: Any) -> tuple[int, ...]:
        return several.read(value) if isinstance(value, str) else check(value)

    return Kind("N,N,...", check, read, several.show)


def pins() -> Kind:
    """Pinned widths, each as ``PATTERN:weight=8``; the option may be repeated."""

    def check(value: Any) -> tuple[str, ...]:
        if not _is_list(value):
            raise ValueError("must be a list such as ['features.0.*:weight=8']")
        return tuple(map(_text, value))

    def read(value: Any) -> tuple[str, ...]:
        return check([value] if isinstance(value, str) else value)

    return Kind("PATTERN:weight=N", check, read, " ".join, repeated=True)


def size(*words: str) -> Kind:
    """A number of bytes, such as 4MB, 512KiB or 100000, or one of some words."""

    def check(value: Any) -> int | str:
        if isinstance(value, str):
            return value.strip() if value.strip() in words else read_bytes(value)
        if type(value) is not int or value < 0:
            raise ValueError(_SIZE)
        return value

    return Kind("SIZE", check, check, lambda value: f"{value}")


def milliseconds() -> Kind:
    """A time: milliseconds as it is written, seconds in the options."""
    must = "must be a time such as 20 (milliseconds), 20ms or 0.02s"

    def check(value: Any) -> float:
        if isinstance(value, str):
            return read(value)
        if not _is_finite(value) or value < 0:
            raise ValueError(must)
        return float(value)

    def read(value: Any) -> float:
        found = None if isinstance(value, bool) else _with_unit(str(value), _TIMES)
        if found is None:
            raise ValueError(must)
        return check(found)

    return Kind("MS", check, read, lambda value: f"{1e3 * value:g}ms")


def joules() -> Kind:
    """An energy: written with its unit, joules in the options."""
    must = "must be an energy such as 5mJ, 800uJ or 0.005J"

    def check(value: Any) -> float:
        if isinstance(value, str):
            value = _with_unit(value, _ENERGIES)
        if not _is_finite(value) or value < 0:
            raise ValueError(must)
        return float(value)

    def read(value: Any) -> float:
        return check(f"{value}")

    return Kind("JOULES", check, read, lambda value: f"{1e3 * value:g}mJ")


def _with_unit(text: str, units: Mapping[str, float]) -> float | None:
    """A number of at least 0 with its unit, in the unit of the options; None if it is none.

    Args:
        text: What is written.
        units: Unit, empty if it may be left out -> how many of it are one of the options' unit.
    """
    found = re.fullmatch(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([a-zA-Z]*)\s*", text)
    if found is None or found[2] not in units:
        return None
    try:
        return float(found[1]) / units[found[2]]
    except ValueError:  # two points
        return None


def read_bytes(text: str) -> int:
    """Bytes of a size such as 4MB, 512KiB or 100000; K, M, G are 1000s, Ki, Mi, Gi 1024s.

    Raises:
        ValueError: The text is no size.

    >>> read_bytes("512KiB"), read_bytes("4 MB"), read_bytes("0")
    (524288, 4000000, 0)
    """
    match = re.fullmatch(
        r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*(?:([KMG])(i?))?B?\s*", text, re.IGNORECASE
    )
    if not match or not text.isascii():
        raise ValueError(_SIZE)
    power = " KMG".index((match[2] or " ").upper())
    value = float(match[1]) * (1024 if match[3] else 1000) ** power
    if 0 < value < 1:
        raise ValueError(_SIZE)
    return int(match[1]) if power == 0 and "." not in match[1] else int(value)


_TIMES = {"": 1e3, "ms": 1e3, "s": 1.0}
_ENERGIES = {"J": 1.0, "mJ": 1e3, "uJ": 1e6, "nJ": 1e9}
_LONG = 32
"""Characters from which choices are named in the help text, and not in place of the value."""
_SIZE = "must be a size such as 4MB, 512KiB or 100000"
_ON_OFF = {True: True, False: False, "on": True, "off": False}


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -math.inf < value < math.inf


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text")
    if "\0" in value or any("\ud800" <= one <= "\udfff" for one in value):
        raise ValueError("must be UTF-8 text")
    return value


def _name(value: Any, known: tuple[str, ...], registry: str) -> str:
    """A name that is known, or that a person has registered.

    Raises:
        ValueError: It is neither.
    """
    from autosplit.errors import did_you_mean

    if isinstance(value, str) and (value in known or value in _registered(registry)):
        return value
    if isinstance(value, str) and len(known) > 5:
        raise ValueError(f"unknown name{did_you_mean(value, known)}")
    *rest, last = known
    raise ValueError(f"must be {', '.join(rest)} or {last}")


def _registered(registry: str) -> Sequence[str]:
    module, _, name = registry.partition(":")
    return tuple(getattr(sys.modules.get(module), name, ())) if name else ()
