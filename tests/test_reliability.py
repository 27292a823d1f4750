"""Bad input on the command line: one line, status 1 or 2, nothing lost or written elsewhere.

Each case is one that once ended in a traceback, a wait or a silent change.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from run_folders import edit_text, files_of

from autosplit import files
from autosplit.cli.app import main

STATUS = Path("/proc/self/status")
BOMB = "x: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"x{n}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(9)
)
ARGUMENTS = {
    "memory of 400 digits": (
        "search --run run --memory " + "9" * 400,
        2,
        "--memory: must be a size",
    ),
    "a width of 5,000 digits": ("search --run run --widths " + "9" * 5000, 2, "--widths: must be"),
    "a large seed": (
        "stats --model net.py:net --data data.py:data --seed 99999999999999999999999",
        2,
        "seed: must be a whole number",
    ),
    "a seed below zero": (
        "stats --model net.py:net --data data.py:data --seed -1",
        2,
        "seed: must be a whole number",
    ),
    "a large input": (
        "stats --model net.py:net --data data.py:data --input-size 100000000",
        2,
        "input-size: must be a whole number from 1 to 8192",
    ),
    "a long name": (
        "stats --model net.py:net --data data.py:data --run " + "x" * 300,
        1,
        "must be a folder that can be made|name is too long|File name too long",
    ),
    "a name that is no UTF-8": ("stats --model \udcff.py:net", 2, "model: must be UTF-8 text"),
    "a device without an end": (
        "search --run run --edge /dev/zero",
        1,
        "/dev/zero: must be a plain file",
    ),
    "a pipe": ("search --run run --edge pipe.yaml", 1, "pipe.yaml: must be a plain file"),
    "a bomb of aliases": ("search --run run --edge bomb.yaml", 1, "bomb.yaml: "),
    "a bomb in a link": ("search --run run --link bomb.yaml", 1, "bomb.yaml: "),
    "a key twice": ("search --run run --edge twice.yaml", 1, "twice.yaml: .*name"),
    "a name that leaves the folder": (
        "search --run run --edge outside.yaml",
        1,
        "outside.yaml: .*name",
    ),
    "a name with a comma": ("search --run run --edge comma.yaml", 1, "comma.yaml: .*name"),
    "a name of two lines": ("search --run run --edge lines.yaml", 1, "lines.yaml: .*name"),
    "a sweep with a strange limit": ("sweep sweep.yaml", 1, "sweep.yaml: models: 1: memory"),
}


def write_profiles(place):
    text = (place / "toy.yaml").read_text()
    os.mkfifo(place / "pipe.yaml")
    (place / "bomb.yaml").write_text(
        BOMB + text.replace("source: made up for a test", "source: *j")
    )
    (place / "twice.yaml").write_text(text + "name: other\n")
    for file, name in (("outside", "../../x"), ("comma", '"a,b"'), ("lines", '"a\\nb"')):
        (place / f"{file}.yaml").write_text(text.replace("name: toy", f"name: {name}"))
    (place / "sweep.yaml").write_text(
        "schema: autosplit/sweep/1\nmodels:\n- {model: fashion-resnet, memory: [1000, {x: 1}]}\n"
        "data: fashion-mnist\nlinks: [1mbps]\n"
    )


def refused(line, status, text, capsys):
    """Do a command that is refused in one line."""
    capsys.readouterr()
    found = main(line.split(" "))
    out, err = capsys.readouterr()
    told = [one for one in err.splitlines() if not one.startswith("autosplit: warning")]
    assert (found, len(told), out) == (status, 1, ""), err
    assert told[0].startswith("autosplit: error: ")
    assert re.search(text, told[0]), told[0]


@pytest.mark.parametrize("case", ARGUMENTS)
def test_an_argument_or_a_profile(tiny, capsys, case):
    write_profiles(tiny.place)
    before = files_of(tiny.run)

    refused(*ARGUMENTS[case], capsys)

    assert files_of(tiny.run) == before
    assert [path.name for path in tiny.place.parent.iterdir()] == ["tiny"]


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


def replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


def in_json(change):
    """Change what a JSON file holds."""

    def edit(path):
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return edit


def in_line(path, column, value):
    """Put a value into the first row of a CSV."""
    header, first, *others = path.read_text().splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = value
    path.write_text("\n".join([header, ",".join(cells), *others, ""]))


def outside(path):
    in_line(path, "name", "../../evil")


FILES = {
    "a plan that is a folder": (
        "plans/uniform8.yaml",
        replace_by_folder,
        "latency --run run --force",
    ),
    "a plan whose baseline is a number": (
        "plans/uniform8.yaml",
        lambda path: edit_text(path, "schema:", "baseline: {name: x, latency_s: 4096}\nschema:"),
        "latency --run run --force",
    ),
    "a plan in UTF-16": (
        "plans/uniform8.yaml",
        lambda path: path.write_bytes(path.read_text().encode("utf-16")),
        "quantize --run run --plans uniform8 --force",
    ),
    "a plan in UTF-16, printed": (
        "plans/uniform8.yaml",
        lambda path: path.write_bytes(path.read_text().encode("utf-16")),
        "emit --run run uniform8",
    ),
    "a pick that is a pipe": ("pick.yaml", replace_by_pipe, "emit --run run pick"),
    "a pick that is garbage": (
        "pick.yaml",
        lambda path: path.write_text("picks: ["),
        "emit --run run pick",
    ),
    "a headline that is a list": (
        "pick.yaml",
        lambda path: path.write_text(path.read_text().replace("headline: ", "headline: [1] #")),
        "emit --run run pick",
    ),
    "a headline without its link": (
        "pick.yaml",
        lambda path: path.write_text(path.read_text().replace("headline: ", "headline: lte #")),
        "emit --run run pick",
    ),
    "a stamp of 100,000 lists": (
        "stages/stats.json",
        lambda path: path.write_text("[" * 100_000),
        "search --run run --force",
    ),
    "a stamp with NaN": (
        "stages/search.json",
        in_json(lambda data: data.__setitem__("outputs", float("nan"))),
        "latency --run run --force",
    ),
    "an option that is a mapping": (
        "stages/search.json",
        in_json(lambda data: data["options"].__setitem__("widths", {})),
        "latency --run run --force",
    ),
    "a plan named to the outside": ("plans.csv", outside, "quantize --run run --force"),
    "seconds that are text": (
        "latency.csv",
        lambda path: in_line(path, "edge_s", "abc"),
        "collect --run run --force",
    ),
    "a plan that nobody knows": (
        "latency.csv",
        lambda path: in_line(path, "name", "none"),
        "collect --run run --force",
    ),
    "scores without the float network": (
        "scores.csv",
        lambda path: path.write_text(
            "".join(
                one for one in path.read_text().splitlines(True) if not one.startswith("float,")
            )
        ),
        "collect --run run --force",
    ),
    "a graph of garbage": (
        "graph.json",
        lambda path: path.write_text("garbage"),
        "search --run run",
    ),
    "a graph with a list for a number": (
        "graph.json",
        in_json(lambda data: data["layers"][0].__setitem__("macs", [1])),
        "search --run run",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_of_the_run_folder(tiny, capsys, case):
    name, damage, line = FILES[case]
    damage(tiny.run / name)

    refused(line, 1, name if "plan that nobody" not in case else r"\.csv", capsys)

    assert [path.name for path in tiny.place.parent.iterdir()] == ["tiny"]


def costs_of(line):
    """Status, seconds of processor and bytes of a command, in a process that has the libraries."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(60)  # a wait costs no seconds of processor
        before, began = memory("VmRSS"), time.process_time()
        status = main(line.split(" "))
        spent = time.process_time() - began, memory("VmHWM") - before
        os.write(write, json.dumps([status, *spent]).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, ended = os.waitpid(child, 0)
    assert text, f"ended by signal {os.WTERMSIG(ended)}"
    return json.loads(text)


def memory(kind):
    """Bytes of memory of this process, now or at most."""
    rows = STATUS.read_text().splitlines()
    return 1024 * next(int(row.split()[1]) for row in rows if row.startswith(f"{kind}:"))


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="reads what Linux tells")
@pytest.mark.parametrize("case", [*ARGUMENTS, *FILES])
def test_bad_input_costs_less_than_2_s_and_200_mb(tiny, case):
    if case in ARGUMENTS:
        write_profiles(tiny.place)
        line, wanted, _ = ARGUMENTS[case]
    else:
        name, damage, line = FILES[case]
        damage(tiny.run / name)
        wanted = 1

    status, seconds, size = costs_of(line)

    print(f"{case}: {seconds:.2f} s, {size / 1e6:.0f} MB")
    assert status == wanted
    assert seconds < 2
    assert size < 200e6


def test_an_output_outside_of_the_folder_is_never_deleted(tiny, capsys):
    (tiny.place / "victim.txt").write_text("mine")
    path = tiny.run / "stages" / "search.json"
    in_json(lambda data: data["outputs"].update({"../victim.txt": "ab"}))(path)

    main(["search", "--run", "run", "--edge", "toy.yaml", "--link", "lte", "--force"])

    assert (tiny.place / "victim.txt").read_text() == "mine"
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("pareto.png", lambda path: path.write_bytes(b"")),
        ("summary.csv", lambda path: path.write_bytes(path.read_bytes()[:99])),
        ("pick.yaml", lambda path: path.unlink()),
    ],
)
def test_a_figure_or_a_table_that_was_cut_is_made_again(tiny, capsys, name, damage):
    before = files_of(tiny.run)
    damage(tiny.run / name)

    assert main(["collect", "--run", "run"]) == 0
    assert files_of(tiny.run) == before
    capsys.readouterr()


@pytest.mark.parametrize("value", ["NaN", "99999", "[1]", '"text"', "{}"])
def test_scores_that_were_changed_change_no_table_silently(tiny, capsys, value):
    wanted = (tiny.run / "scores.csv").read_bytes()
    for path in sorted((tiny.run / "stages" / "scores").glob("*.json")):
        data = json.loads(path.read_text())
        data["record"] = dict.fromkeys(data["record"], "HERE")
        path.write_text(json.dumps(data).replace('"HERE"', value))

    (tiny.run / "scores.csv").unlink()

    status = main(["quantize", "--run", "run"])

    told = capsys.readouterr().err.splitlines()[-1]
    if status == 0:
        assert (tiny.run / "scores.csv").read_bytes() == wanted
    else:  # NaN is no JSON
        assert re.match("autosplit: error: run/stages/scores/.*json: must be valid JSON", told)


def test_a_folder_that_cannot_be_written_is_one_line_in_every_stage(tiny, capsys, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    for name in ("replace", "remove", "unlink"):
        monkeypatch.setattr(files.os, name, refuse, raising=False)
    for stage in ("search", "latency", "collect"):
        assert main([stage, "--run", "run", "--force"]) == 1
        err = capsys.readouterr().err
        assert err.splitlines()[-1].startswith("autosplit: error: run/"), err
        assert "Traceback" not in err


def test_a_full_device_at_the_end_of_the_output_is_one_line(tiny):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "autosplit", "profiles"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    shutil.rmtree(tiny.run)
