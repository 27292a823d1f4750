"""Examples in Markdown pages: found, run, and compared with the output that the page shows.

| block | what becomes of it |
| --- | --- |
| any kind with ``title="NAME"`` | is written to the file NAME |
| ``console`` | each line ``$ autosplit ...`` is run; the lines after it are its stdout |
| ``python`` | is run; blocks of a page share their names; a ``text`` block after it is its stdout |

A ``text`` block behind the comment ``<!-- not compared -->`` may differ: what it shows depends on
training, which every processor rounds in its own way.

In shown output, ``...`` within a line stands for anything, and a line ``...`` for any lines.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autosplit.cli.app import main

FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[\w ]+) -->\n)?^```(?P<kind>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
NEAR = 0.05
"""Relative distance of two numbers that are near: processors round sums differently, and a weight
that falls to the other side of a rounding makes another plan, or an image more or less."""


@dataclass(frozen=True)
class Example:
    """One thing to run.

    Attributes:
        kind: ``file``, ``console`` or ``python``.
        source: The text of the file, the command, or the code.
        expected: Output that the page shows; None if it shows none.
        name: Name of the file.
        mark: What the comment before the block says, such as ``test slow``.
    """

    kind: str
    source: str
    expected: str | None = None
    name: str = ""
    mark: str = ""


def examples(markdown: str) -> list[Example]:
    """Everything in a page that can be run, in its order."""
    blocks = list(FENCE.finditer(markdown))
    found = []
    for place, block in enumerate(blocks):
        mark, following = block["mark"] or "", blocks[place + 1 : place + 2]
        if block["title"]:
            found.append(Example("file", block["text"], None, block["title"], mark))
        elif block["kind"] == "console":
            for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                found.append(Example("console", command, output or None, mark=mark))
        elif block["kind"] == "python":
            texts = [b for b in following if b["kind"] == "text" and b["mark"] != "not compared"]
            shown = next((b["text"] for b in texts), None)
            found.append(Example("python", block["text"], shown, mark=mark))
    return found


@dataclass
class Runner:
    """Runs the examples of one page in the current folder.

    Attributes:
        names: What the Python blocks so far have defined.
    """

    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})

    def output_of(self, example: Example) -> str:
        """Run an example and return what it prints on stdout."""
        printed, talk = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(talk):
            if example.kind == "file":
                path = Path(example.name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(example.source)
            elif example.kind == "python":
                exec(compile(example.source, "example", "exec"), self.names)
            else:
                program, *arguments = shlex.split(example.source, comments=True)
                assert program == "autosplit", f"only autosplit is run, not {program}"
                status = main(arguments)
                assert status == 0, f"{example.source}: exit status {status}: {talk.getvalue()}"
        return printed.getvalue()

    def differences(self, example: Example) -> list[str]:
        """Run an example; give the lines that differ from the ones shown, each with its number."""
        got = self.output_of(example)
        return [] if example.expected is None else differences(example.expected, got)


def differences(expected: str, got: str) -> list[str]:
    """Lines that are not as shown, each with its number."""
    shown, printed = ([line.rstrip() for line in text.splitlines()] for text in (expected, got))
    if "..." in shown:
        place = shown.index("...")
        rest = len(shown) - place - 1
        if len(printed) < place + rest:
            return [f"{len(printed)} lines, at least {place + rest} are shown"]
        shown = [*shown[:place], *shown[place + 1 :]]
        printed = [*printed[:place], *printed[len(printed) - rest :]]
    wrong = [] if len(shown) == len(printed) else [f"{len(printed)} lines, {len(shown)} are shown"]
    for number, (line, real) in enumerate(zip(shown, printed, strict=False), 1):
        pattern = ".*".join(map(re.escape, line.split("...")))
        if not re.fullmatch(pattern, real) and not alike(line, real):
            wrong.append(f"line {number}: shown {line!r}, got {real!r}")
    return wrong


def alike(line: str, real: str) -> bool:
    """Whether two lines say the same but for numbers that are near, and what accuracy did."""
    lines = [_without_luck(text) for text in (line, real)]
    if len({NUMBER.sub("#", text) for text in lines}) > 1:
        return False
    pairs = zip(*map(NUMBER.findall, lines), strict=True)
    return all(near(*pair) for pair in pairs)


def _without_luck(text: str) -> str:
    """A line without the number of a plan, its points lost, and the width of its columns.

    The interval of the points lost, too: an image or two that fall to the other side of a
    rounding move both of its ends.
    """
    for pattern, kept in _LUCK:
        text = re.sub(pattern, kept, text)
    return text


_LUCK = (
    (r"(cut\d{3})-\d\d", r"\1"),
    (r"(points lost) .*", r"\1"),
    (r"-?\d+\.\d+ to -?\d+\.\d+", "LOSS"),
    (r"between -?\d+\.\d+ and -?\d+\.\d+", "LOSS"),
    (r"a drop of up to \d+\.\d+", "LOSS"),
    (r" +", " "),
)
"""What differs from processor to processor -> what is compared."""


def near(shown: str, real: str) -> bool:
    """Whether two numbers are near; a count of plans may be one more or less."""
    one, other = float(shown.replace(",", "")), float(real.replace(",", ""))
    count = shown.isdecimal() and real.isdecimal() and one < 100
    return abs(one - other) <= max(NEAR * max(one, other), 1.0 if count else 0.0)
