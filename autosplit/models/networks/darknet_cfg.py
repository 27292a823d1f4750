"""Darknet's ``.cfg`` files -> checked sections.

A file is a list of sections, ``[net]`` first; every later section is one layer, numbered from 0.
An option that resembles one that is read is an error, because a misspelt option would silently
have its default; another one that is not known is warned of and ignored, as Darknet does.  All
problems of a file are told in one error.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from autosplit.errors import FileError, ModelError, did_you_mean, warn
from autosplit.models.networks.darknet_options import (
    LISTS,
    NET_TRAINING,
    NEVER,
    OFF,
    OFF_IN_TRAINING,
    REFUSED,
    SECTION_OPTIONS,
    SHORT,
    TRAINING,
)
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_values import wrong_values
from autosplit.plainfile import read_latin_text

_LIST = re.compile(r"[-+.\d][-+.\d\s,;]*")
"""Numbers, and what people put between them."""
_CHOICES = re.compile(r"(?<=\]'), choose from: .*")
"""The sections that could be meant; they are told with this problem alone."""
MOST_PROBLEMS = 20
"""Problems of a file that are told; of further ones only the number."""


@dataclass(slots=True)
class Problems:
    """What is the matter with a file, collected.

    Attributes:
        name: Name of the file.
        found: Text of each problem; each begins with the name and the line.
    """

    name: str
    found: list[str] = field(default_factory=list)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Add the error that the block raises, if any, and go on."""
        try:
            yield
        except ModelError as error:
            self.add(str(error))

    def add(self, text: str) -> None:
        """Add a problem, unless it is known."""
        if text not in self.found:
            self.found.append(text)

    def check(self) -> None:
        """Tell all problems at once, in the order of their lines.

        Raises:
            ModelError: There are any.
        """
        if len(self.found) == 1:
            raise ModelError(self.found[0])
        if self.found:
            texts = [text.removeprefix(f"{self.name}:").strip() for text in self.found]
            texts = sorted(texts, key=_line)[:MOST_PROBLEMS]
            more = len(self.found) - len(texts)
            tail = f"; and {more} more" if more else ""
            listed = "; ".join(f"line {_CHOICES.sub('', text)}" for text in texts)
            raise ModelError(f"{self.name}: {len(self.found)} problems: {listed}{tail}")


def read_darknet_text(path: Path) -> str:
    """Read a text file of Darknet: a ``.cfg`` file or a list of names, in UTF-8 or Latin-1.

    Raises:
        ModelError: There is no such file, or it is no plain text file.
    """
    try:
        return read_latin_text(path)
    except FileError as error:
        raise ModelError(str(error)) from error


def parse_cfg(text: str, name: str) -> tuple[Section, ...]:
    """Split the text of a ``.cfg`` file into sections and check them.

    Args:
        text: Text of the file.
        name: Name of the file in errors.

    Returns:
        ``[net]``, then the layers in order.

    Raises:
        ModelError: A line is no section, option or comment; a section or an option is unknown or
            has a wrong value.  All such problems are in the text of the one error.
    """
    problems = Problems(name)
    sections = read_sections(text, problems)
    problems.check()
    return sections


def read_sections(text: str, problems: Problems) -> tuple[Section, ...]:
    """Split the text of a ``.cfg`` file into sections, and go on past problems.

    Args:
        text: Text of the file.
        problems: Takes what is the matter; its name is that of the file.

    Returns:
        ``[net]``, then the layers in order, unknown ones too, without options that are wrong.

    Raises:
        ModelError: The file does not begin with ``[net]``, or has no layers.
    """
    name = problems.name
    sections: list[Section] = []
    options: dict[str, str] = {}
    lines: dict[str, int] = {}
    ignored: list[str] = []
    twice: list[str] = []
    for place, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("#")[0].partition(";")[0].strip()
        with problems.collecting():
            if line.startswith("[") and line.endswith("]"):
                options, lines = {}, {}
                sections.append(
                    _section(line, len(sections) - 1, f"{name}:{place}", options, lines)
                )
                _check_section(sections[-1], f"{name}:{place}")
            elif line:
                key, equals, value = (part.strip() for part in line.partition("="))
                if not sections or not equals or not key or not (value or key in TRAINING):
                    raise ModelError(
                        f"{name}:{place}: must be [section] or option=value, got {line[:80]!r}"
                    )
                if key in LISTS and _LIST.fullmatch(comment := raw.partition(";")[2].strip()):
                    value = f"{value}; {comment}"  # no comment, but numbers without their comma
                ignored += _check_option(sections[-1], key, value, f"{name}:{place}")
                if options.get(key, value) != value and _is_read(sections[-1], key):
                    twice.append(f"line {place}: {key} of line {lines[key]}")
                options.setdefault(key, value)  # Darknet reads the first of two
                lines.setdefault(key, place)
    if not sections and not problems.found:
        problems.found.append(f"{name}: must begin with the section [net], got no section")
    elif len(sections) == 1 and not problems.found:
        problems.found.append(f"{name}: must have layers after [net], has none")
    if len(sections) < 2 or sections[0].kind != "net":
        problems.check()
    readable = tuple(_readable(section, problems) for section in sections)
    if ignored:
        warn(f"{name}: ignores what it does not know, {'; '.join(ignored[:5])}")
    if twice and not problems.found:
        warn(f"{name}: of options with two values the first counts, {'; '.join(twice[:5])}")
    return readable


def _readable(section: Section, problems: Problems) -> Section:
    """A section without its wrong options, which are told of."""
    wrong = wrong_values(section)
    for error in wrong.values():
        problems.add(str(error))
    return section.without(*wrong) if wrong else section


def _section(
    line: str, number: int, where: str, options: dict[str, str], lines: dict[str, int]
) -> Section:
    word = line.partition("]")[0].strip("[] \t")
    kind = SHORT.get(word, word)
    layer = "" if number < 0 else f" of layer {number}"
    return Section(kind, number, f"{where}: [{kind}]{layer}", options, lines)


def _check_section(section: Section, where: str) -> None:
    kind, first = section.kind, section.number == -1
    if kind in REFUSED and not first:
        raise ModelError(f"{where}: section '[{kind}]' cannot be carried out, {REFUSED[kind]}")
    if kind not in SECTION_OPTIONS or (kind == "net") != first:
        if first and kind in SECTION_OPTIONS:
            raise ModelError(f"{where}: must begin with the section [net], begins with [{kind}]")
        known = {"net"} if first else SECTION_OPTIONS.keys() - {"net"}
        raise ModelError(f"{where}: unknown section '[{kind}]'{did_you_mean(kind.lower(), known)}")


def _check_option(section: Section, key: str, value: str, where: str) -> list[str]:
    """Make sure that an option is known, or resembles no known one; then say it is ignored."""
    known = SECTION_OPTIONS.get(section.kind)
    training = TRAINING | NET_TRAINING if section.kind == "net" else TRAINING
    if known is None or key in known | training:
        return []
    about = f"{where}: [{section.kind}]"
    if section.kind == "net" and key in NEVER.keys() | OFF.keys():
        return []
    if key in NEVER:
        raise ModelError(f"{about} {key} cannot be carried out, it asks for {NEVER[key]}")
    if key == "from" and section.kind in ("yolo", "convolutional"):
        raise ModelError(f"{about} from cannot be carried out, it asks for the fusion of ASFF")
    if key in OFF:
        if _is_zero(value) or OFF_IN_TRAINING.get(key) == section.kind:
            return []
        raise ModelError(
            f"{about} {key} cannot be carried out, must be {OFF[key]} or left out, got {value!r}"
        )
    near = difflib.get_close_matches(key, known | training, 1, 0.7)
    if known & {*near} or difflib.get_close_matches(key, known, 1, 0.8):
        raise ModelError(f"{about} unknown option {key!r}{did_you_mean(key, known)}")
    meant = f", did you mean {near[0]!r}?" if near else ""
    return [f"line {where.rpartition(':')[2]}: {key} of [{section.kind}]{meant}"]


def _is_read(section: Section, key: str) -> bool:
    """Whether an option decides what the network computes."""
    return key in SECTION_OPTIONS.get(section.kind, ())


def _is_zero(value: str) -> bool:
    try:
        return float(value) == 0
    except ValueError:
        return False


def _line(text: str) -> int:
    """Line of a problem, which its text begins with; 0 where there is none."""
    number = text.partition(":")[0]
    return int(number) if number.isdecimal() else 0
