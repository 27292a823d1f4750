"""What the README shows is what happens.

A block is tried if the comment ``<!-- test -->`` stands right before it, or ``<!-- test slow -->``
if it takes more than a few seconds.  Of a ``console`` block,
each line ``$ autosplit ...`` is run, and its stdout must be the lines that follow; of a ``python``
block the output must be the next ``text`` block.  Where the README has ``...`` in a line, anything
may stand.  The blocks share one folder and are run in their order; bundled files are found in it as
in a clone.
"""

import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from autosplit.cli.app import main

README = Path(__file__).parents[1] / "README.md"
FENCE = re.compile(
    r"(?:^<!-- test(?P<slow> slow)? -->(?P<mark>\n))?^```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Example:
    """What is run, a command line or Python, what it must print, and whether that takes long."""

    kind: str
    source: str
    expected: str
    slow: bool = False


def examples(markdown):
    blocks = list(FENCE.finditer(markdown))
    found = []
    for place, block in enumerate(blocks):
        if not block["mark"]:
            continue
        slow = block["slow"] is not None
        if block["kind"] == "console":
            for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                found.append(Example("console", command, output, slow))
        else:
            assert block["kind"] == "python"
            following = next(b for b in blocks[place + 1 :] if b["kind"] == "text")
            found.append(Example("python", block["text"], following["text"], slow))
    return found


def output_of(example):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        if example.kind == "python":
            exec(compile(example.source, "README.md", "exec"), {"__name__": "__main__"})
        else:
            program, *arguments = shlex.split(example.source, comments=True)
            assert program == "autosplit"
            assert main(arguments) == 0
    return printed.getvalue()


NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
NEAR = 0.05
"""How far numbers may be apart, relative: processors add up in their own order, and a weight that
falls to the other side of a rounding makes another plan or an image more or less."""


def alike(line, real):
    """Whether two lines say the same but for numbers that are near, and what accuracy did."""
    lines = [
        re.sub(
            r"Measured \w+ (?:stays the same|(?:falls|rises) by [\d.]+ points)",
            "Measured",
            re.sub(r"(cut\d{3})-\d\d", r"\1", text),
        )
        for text in (line, real)
    ]
    if len({NUMBER.sub("#", text) for text in lines}) > 1:
        return False
    pairs = zip(*map(NUMBER.findall, lines), strict=True)
    return all(near(*pair) for pair in pairs)


def near(shown, real):
    """Whether two numbers are; a count of plans may be one more or less."""
    one, other = float(shown.replace(",", "")), float(real.replace(",", ""))
    count = shown.isdecimal() and real.isdecimal() and one < 100
    return abs(one - other) <= max(NEAR * max(one, other), 1.0 if count else 0.0)


def differences(expected, got):
    """Lines that are not as shown, each with its number; ``...`` stands for anything."""
    shown, printed = expected.splitlines(), got.splitlines()
    wrong = [] if len(shown) == len(printed) else [f"{len(printed)} lines, {len(shown)} are shown"]
    for number, (line, real) in enumerate(zip(shown, printed, strict=False), 1):
        pattern = ".*".join(map(re.escape, line.split("...")))
        if not re.fullmatch(pattern, real) and not alike(line, real):
            wrong.append(f"line {number}: shown {line!r}, got {real!r}")
    return wrong


@pytest.mark.parametrize("slow", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_readme_shows_what_happens(tmp_path, monkeypatch, slow):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "autosplit").symlink_to(README.parent / "autosplit")  # as in a clone
    found = examples(README.read_text(encoding="utf-8"))
    assert found, "README.md must have a block with <!-- test --> before it"

    wrong = [
        (example.source, lines)
        for example in found
        if example.slow == slow and (lines := differences(example.expected, output_of(example)))
    ]

    assert wrong == []


SAMPLE = """\
<!-- test -->
```console
$ autosplit --version
autosplit ...
$ autosplit emit   # a comment
```

```console
$ rm -rf untested
```

<!-- test slow -->
```python
print(1)
```

prints

```text
1
```
"""


def test_lines_are_alike_if_only_their_numbers_are_near():
    line = (
        "Over lte, cut020-03 takes 1.00 ms. Measured accuracy falls by 0.30 points. 112,088 bytes"
    )
    assert alike(
        line, line.replace("cut020-03", "cut020-07").replace("falls by 0.30", "rises by 1.0")
    )
    assert alike(line, line.replace("112,088", "114,000"))
    assert not alike(line, line.replace("112,088", "124,000"))
    assert not alike(line, line.replace("1.00 ms", "1.20 ms"))
    assert not alike(line, line.replace("cut020", "cut019"))
    assert not alike(line, line.replace("lte", "5g"))


def test_blocks_are_found_with_what_they_must_print():
    assert examples(SAMPLE) == [
        Example("console", "autosplit --version", "autosplit ...\n"),
        Example("console", "autosplit emit   # a comment", ""),
        Example("python", "print(1)\n", "1\n", slow=True),
    ]


def test_a_block_is_run():
    version, _, python = examples(SAMPLE)

    assert differences(version.expected, output_of(version)) == []
    assert differences(python.expected, output_of(python)) == []


@pytest.mark.parametrize(
    ("expected", "got", "count"),
    [
        ("a ... c\n", "a b c\n", 0),
        ("a ... c\n", "a b d\n", 1),
        ("1.5\n", "1x5\n", 1),
        ("a\nb\n", "a\n", 1),
        ("", "a\n", 1),
    ],
)
def test_what_is_shown_is_compared_line_by_line(expected, got, count):
    assert len(differences(expected, got)) == count
