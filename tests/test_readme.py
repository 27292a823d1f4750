"""What the README shows is what happens.

A block is tried if the comment ``<!-- test -->`` stands right before it, or ``<!-- test slow -->``
if it takes more than a few seconds.  The blocks share one folder and are run in their order;
bundled files are found in it as in a clone.  ``examples.py`` says how blocks are compared.
"""

import re
from pathlib import Path

import pytest
from examples import Example, Runner, alike, differences, examples

from autosplit.cli.app import COMMANDS

README = Path(__file__).parents[1] / "README.md"
MARKS = {False: "test", True: "test slow"}


@pytest.mark.parametrize("slow", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_readme_shows_what_happens(tmp_path, monkeypatch, slow):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "autosplit").symlink_to(README.parent / "autosplit")  # as in a clone
    found = [e for e in examples(README.read_text(encoding="utf-8")) if e.mark == MARKS[slow]]
    assert found, f"README.md must have a block with <!-- {MARKS[slow]} --> before it"

    runner = Runner()
    wrong = [(e.source, lines) for e in found if (lines := runner.differences(e))]

    assert wrong == []


def test_the_table_of_commands_names_each_command_once():
    text = README.read_text(encoding="utf-8").partition("## Commands")[2].partition("\n- ")[0]

    assert sorted(re.findall(r"^\| `autosplit (\w+)`", text, re.MULTILINE)) == sorted(COMMANDS)


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

```yaml title="mine.yaml"
schema: mine
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
    line = "plan  cut020-03  uniform8  1.00 ms  112,088 bytes over lte"
    assert alike(line, line.replace("cut020-03", "cut020-07"))
    assert alike(line, line.replace("1.00 ms", " 1.01 ms"))
    assert alike("  points lost  0.50  1.00", "  points lost  -0.10  1.40")
    assert alike(line, line.replace("112,088", "114,000"))
    assert alike(
        "its loss is between -0.35 and 1.75 points", "its loss is between 0.10 and 3.00 points"
    )
    assert alike("a drop of up to 1.75 points is", "a drop of up to 3.00 points is")
    assert alike("  95 % interval  -0.35 to 1.75  0", "  95 % interval    0.10 to 3.00  0")
    assert not alike("  95 % interval  92.58-95.49", "  95 % interval  82.58-95.49")
    assert not alike(line, line.replace("112,088", "124,000"))
    assert not alike(line, line.replace("1.00 ms", "1.20 ms"))
    assert not alike(line, line.replace("cut020", "cut019"))
    assert not alike(line, line.replace("lte", "5g"))


def test_blocks_are_found_with_what_they_must_print():
    assert examples(SAMPLE) == [
        Example("console", "autosplit --version", "autosplit ...\n", mark="test"),
        Example("console", "autosplit emit   # a comment", mark="test"),
        Example("console", "rm -rf untested"),
        Example("file", "schema: mine\n", name="mine.yaml"),
        Example("python", "print(1)\n", "1\n", mark="test slow"),
    ]


def test_output_that_is_not_compared_is_no_expectation():
    page = "```python\nprint(1)\n```\n\n<!-- not compared -->\n```text\n2\n```\n"

    assert examples(page) == [Example("python", "print(1)\n")]


def test_a_block_is_run():
    version, *_, python = examples(SAMPLE)

    assert Runner().differences(version) == []
    assert Runner().differences(python) == []


def test_blocks_of_a_page_share_names_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = Runner()

    runner.output_of(Example("file", "here\n", name="folder/note.txt"))
    runner.output_of(
        Example("python", "import pathlib\ntext = pathlib.Path('folder/note.txt').read_text()")
    )

    assert runner.output_of(Example("python", "print(text, end='')")) == "here\n"


@pytest.mark.parametrize(
    ("expected", "got", "count"),
    [
        ("a ... c\n", "a b c\n", 0),
        ("a ... c\n", "a b d\n", 1),
        ("1.5\n", "1x5\n", 1),
        ("a\nb\n", "a\n", 1),
        ("", "a\n", 1),
        ("a\n...\nb\n", "a\nx\ny\nb\n", 0),
        ("a\n...\n", "a\n", 0),
        ("a\n...\nb\n", "b\n", 1),
        ("a\n...\nb\n", "a\nx\ny\n", 1),
    ],
)
def test_what_is_shown_is_compared_line_by_line(expected, got, count):
    assert len(differences(expected, got)) == count
