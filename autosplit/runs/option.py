"""One declaration of an option: its help, group, kind and default, beside its field in a record.

Of it are made the command line, the keywords in Python, the keys of a sweep file, and the table in
the docs.  The options themselves are in ``declared/``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from autosplit.errors import OptionError, did_you_mean
from autosplit.runs.kinds import NONE, Kind

GROUPS = (
    "network",
    "data",
    "quantizer",
    "search",
    "limits",
    "evaluation",
    "output",
)
"""Panels of ``--help``, in their order."""
_UNITS = ("_bytes", "_s", "_j")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Option:
    """An option.

    Attributes:
        name: Name of its field, with the unit: the keyword in Python.
        help: What it is, a sentence.
        group: Panel of ``--help``, of ``GROUPS``.
        kind: How its value is written, read and checked.
        default: Value where none was ever given.
        none: What the option is where it is None; empty where it cannot be None.
        flag: Spelling of the option on the command line.
        first: Whether it is among those that a person needs first.
        required: Whether a command line must give it.
    """

    name: str
    help: str
    group: str
    kind: Kind
    default: Any
    none: str = ""
    flag: str = ""
    first: bool = False
    required: bool = False

    @property
    def key(self) -> str:
        """The option in a sweep file: its name without the unit, for a value says its own."""
        for unit in _UNITS:
            if self.name.endswith(unit):
                return self.name.removesuffix(unit)
        return self.name

    @property
    def default_text(self) -> str:
        """The default in words."""
        if self.required:
            return "required"
        return self.none if self.default is None else self.kind.show(self.default)

    @property
    def described(self) -> str:
        """What it is and what holds where it is not given."""
        choices = self.kind.choices
        known = f" One of {', '.join(choices)}." if choices and self.kind.written == "NAME" else ""
        if self.kind.alone or self.required or self.default == ():
            return self.help
        more = f"; {NONE}: {self.none}" if self.none and self.default is not None else ""
        return f"{self.help}{known} (default: {self.default_text}{more})"

    def check(self, value: Any, where: str = "") -> Any:
        """A value from Python, in the unit of the name, as the record holds it.

        Raises:
            OptionError: The option cannot have this value.
        """
        return self._convert(self.kind.check, value, where or self.name)

    def read(self, value: Any, where: str = "") -> Any:
        """A value as it is written on the command line or in a sweep file, as the record holds it.

        Raises:
            OptionError: The option cannot have this value.
        """
        is_none = isinstance(value, str) and value.strip().lower() == NONE
        if is_none and NONE not in self.kind.choices:
            value = None
        return self._convert(self.kind.read, value, where or self.flag)

    def _convert(self, convert: Any, value: Any, where: str) -> Any:
        if value is None:
            if self.none:
                return None
            if self.kind.repeated:
                return ()
            raise OptionError(f"{where}: must have a value, got {NONE}")
        try:
            return convert(value)
        except ValueError as error:
            problem = str(error)
            if problem.startswith("unknown name"):
                problem = problem.replace("unknown name", f"unknown name {value!r:.60}", 1)
                raise OptionError(f"{where}: {problem}") from None
            raise OptionError(f"{where}: {problem}, got {value!r:.60}") from None


def option(
    default: Value,
    kind: Kind,
    group: str,
    help: str,  # noqa: A002 - the word that everyone knows
    *,
    none: str = "",
    flag: str = "",
    first: bool = False,
    required: bool = False,
) -> Value:
    """A field of a record of options, declared with all that is said of it anywhere."""
    about = {"kind": kind, "group": group, "help": help, "none": none, "flag": flag}
    marks = {"first": first, "required": required}
    made: Value = field(default=default, metadata=about | marks)
    return made


def options_of(record: type) -> tuple[Option, ...]:
    """The options of a record, in the order of its fields."""
    found = []
    for each in fields(record):
        about = dict(each.metadata)
        one = Option(name=each.name, default=each.default, **about)
        flag = about["flag"] or f"--{one.key.replace('_', '-')}"
        found.append(Option(name=each.name, default=each.default, **{**about, "flag": flag}))
    return tuple(found)


def check_values(record: Any) -> None:
    """Check every value of a record of options, and keep it in the one form that it has.

    Raises:
        OptionError: An option cannot have its value.
    """
    for one in options_of(type(record)):
        object.__setattr__(record, one.name, one.check(getattr(record, one.name)))


def read_given(
    given: Mapping[str, Any], known: Iterable[Option], where: str = ""
) -> dict[str, Any]:
    """Options as a person wrote them -> options by name, as the records hold them.

    Args:
        given: Key of each option (``memory``, ``max_latency``), or its name with the unit
            (``memory_bytes``, ``max_latency_s``) -> value.  Under the key, a value is as on the
            command line: ``"4MiB"``, 20 for milliseconds; under the name it is in the name's unit.
        known: Options that there are.
        where: What stands before the option in an error.

    Raises:
        OptionError: An option is unknown, is given twice, or cannot have its value.
    """
    known = tuple(known)
    by_key = {one.key: one for one in known}
    by_name = {one.name: one for one in known}
    found: dict[str, Any] = {}
    for word, value in given.items():
        one = by_key.get(word) or by_name.get(word)
        if one is None:
            raise OptionError(f"{where}unknown option {word!r}{did_you_mean(word, by_key)}")
        if one.name in found:
            raise OptionError(f"{where}{one.key} and {one.name}: must be given once, got both")
        written = word in by_key and word != one.name
        convert = one.read if written or isinstance(value, str) else one.check
        found[one.name] = convert(value, f"{where}{word}")
    return found
