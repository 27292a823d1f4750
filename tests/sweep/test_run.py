"""A sweep: each network measured once, each search done once, one table."""

import shutil
import subprocess
import sys
from itertools import product

import pytest
from PIL import Image
from sweeps import LIMITS, read, read_header, rewrite, run

from autosplit.cli.app import main
from autosplit.errors import FileError
from autosplit.runs.stages import run as stages
from autosplit.runs.stages.frame import Stage
from autosplit.search.methods import METHODS
from autosplit.sweep import backends
from autosplit.sweep import run as sweep
from autosplit.sweep.backends import Where
from autosplit.sweep.file import SweepError, read_sweep_file
from autosplit.sweep.job import SWEEP_HEADER, do_job


def test_the_table_says_what_separate_searches_say(place):
    swept = run(place)

    got = read(swept.table)
    expected = []
    for model, limits in LIMITS.items():
        for limit in limits:
            folder = place / "separate" / f"{model}{limit}"
            shutil.copytree(place / "tiny" / "models" / model, folder)
            methods = ("autosplit", "uniform4", "uniform8", "cloud16")
            given = {"links": ("20kbps", "1mbps"), "memory_bytes": limit, "methods": methods}
            stages.STAGES["search"].run(folder, given)
            plans = read(folder / "plans.csv")
            for link, method in product(("20kbps", "1mbps"), methods):
                row = chosen(plans, link, method, limit)
                expected.append((model, str(limit), link, row))
    assert len(got) == len(expected) == 4 * 2 * 4
    for row, (model, limit, link, plan) in zip(got, expected, strict=True):
        assert (row["model"], row["memory_bytes"]) == (model, limit)
        assert row["link_mbps"] == {"20kbps": "0.02", "1mbps": "1.0"}[link]
        same = "method cut edge_s transfer_s cloud_s latency_s distortion edge_memory_bytes".split()
        assert [row[key] for key in same] == [plan[key] for key in same]
        assert row["gap"] == plan["optimality_gap"]


def chosen(plans, link, method, limit):
    """The rule of the table, once more: fastest of those allowed, else the mildest that fits."""
    most = next(float(plan["distortion"]) for plan in plans if plan["method"] == "uniform8")
    own = [plan for plan in plans if plan["method"] == method and plan["link"] == link]
    fitting = [plan for plan in own if int(plan["edge_memory_bytes"]) <= limit]
    keeping = [plan for plan in fitting if float(plan["distortion"]) <= most * (1 + 1e-9)]
    if keeping:
        return min(keeping, key=lambda plan: (float(plan["latency_s"]), float(plan["distortion"])))
    return min(fitting or own, key=lambda plan: float(plan["distortion"]))


def test_latency_is_normalised_by_all_cloud_of_the_same_network_limit_and_link(place):
    rows = read(run(place).table)

    whole = {key_of(row): float(row["latency_s"]) for row in rows if row["method"] == "cloud16"}
    for row in rows:
        expected = float(row["latency_s"]) / whole[key_of(row)]
        assert float(row["normalised_latency"]) == expected
        seconds = [float(row[key]) for key in ("edge_s", "transfer_s", "cloud_s")]
        assert sum(seconds) == pytest.approx(float(row["latency_s"]), rel=1e-12)
    assert {row["normalised_latency"] for row in rows if row["method"] == "cloud16"} == {"1.0"}


def key_of(row):
    return row["model"], row["memory_bytes"], row["link_mbps"]


def test_the_table_has_the_fixed_columns_and_only_those_axes_that_vary(place):
    assert read_header(run(place).table) == ["memory_bytes", *SWEEP_HEADER]
    rewrite(place, "[300, 400, 5KB]", "5000")
    assert read_header(run(place).table) == SWEEP_HEADER
    rewrite(place, "links: [20kbps, 1mbps]", "links: [1mbps]\nedges: [eyeriss, jetson_nano]")
    swept = run(place)
    assert read_header(swept.table) == ["edge", *SWEEP_HEADER]
    assert {row["edge"] for row in read(swept.table)} == {"eyeriss", "jetson_nano"}


def test_links_of_one_rate_are_told_apart_by_name(place):
    (place / "far.yaml").write_text(
        "schema: autosplit/link/1\nname: far\nsource: test\nuplink_bps: 1.0e+6\nrtt_s: 0.5\n"
    )
    rewrite(place, "links: [20kbps, 1mbps]", "links: [far.yaml, 1mbps]")

    rows = read(run(place).table)

    assert [row["link"] for row in rows[:8]] == ["1mbps"] * 4 + ["far"] * 4
    whole = {row["link"]: float(row["transfer_s"]) for row in rows if row["method"] == "cloud16"}
    assert whole["far"] == pytest.approx(whole["1mbps"] + 0.25)


YOLO = """\
[net]
width=32
[conv]
filters=2
size=2
stride=2
activation=leaky
"""
SIZES = """\
schema: autosplit/sweep/1
models:
  - {model: "yolo:a.cfg", name: a-16, input_size: 16}
  - {model: "yolo:a.cfg", name: a-8, input_size: 8}
data: "imagefolder:photos"
task: segmentation
links: [1mbps]
methods: [uniform8, cloud16]
"""


def test_input_sizes_of_one_network_are_told_apart(place):
    (place / "a.cfg").write_text(YOLO)
    (place / "photos").mkdir()
    Image.effect_noise((20, 10), 50).save(place / "photos" / "1.png")
    (place / "sizes.yaml").write_text(SIZES)

    swept = sweep.run_sweep(place / "sizes.yaml", place)

    assert read_header(swept.table) == ["input_size", *SWEEP_HEADER]
    found = [(row["model"], row["input_size"], row["method"]) for row in read(swept.table)]
    methods = ("uniform8", "cloud16")
    assert found == [(f"a-{size}", size, method) for size in ("16", "8") for method in methods]


def test_a_limit_that_nothing_fits_is_said_and_left_out(place):
    rewrite(place, "[300, 400, 5KB]", "[1, 5000]")

    swept = run(place)

    assert "left out: small on eyeriss and tpu_v1 with 1 bytes: memory: the smallest" in swept.text
    limits = {(row["model"], row["memory_bytes"]) for row in read(swept.table)}
    assert limits == {("small", "5000"), ("wide", "5000")}


def test_a_second_run_does_nothing_and_a_forced_one_everything(place, monkeypatch):
    done = []
    monkeypatch.setattr(backends, "do_job", lambda t: done.append(t.key) or do_job(t))
    rewrite(place, "seed: 0", "figure: latency")
    first = run(place)
    bytes_then = first.table.read_bytes(), first.figure.read_bytes()
    assert len(done) == 4
    assert "4 searches, 0 of them done before" in first.text

    second = run(place)
    assert len(done) == 4
    assert "4 searches, 4 of them done before" in second.text
    assert (second.table.read_bytes(), second.figure.read_bytes()) == bytes_then

    monkeypatch.setattr(sweep, "measure_networks", lambda *args, **options: None)
    run(place, force=True)
    assert len(done) == 8


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("memory: 5000", "memory: 5001", 1),
        ("memory: 5000", "memory_bytes: 5000", 0),
        ("links: [20kbps, 1mbps]", "links: [1mbps, 20kbps]", 0),
        ("links: [20kbps, 1mbps]", "links: [1mbps, 30kbps]", 4),
        ("methods: [autosplit, ", "methods: [", 4),
        ("max_distortion: uniform8", "max_distortion: 0.5", 4),
        ("seed: 0", "widths: [2, 4, 8]", 4),
        ("seed: 0", "edges: [eyeriss, raspberry_pi_4]", 4),
    ],
)
def test_only_what_a_change_concerns_is_searched_again(place, monkeypatch, old, new, again):
    run(place)
    done = []
    monkeypatch.setattr(backends, "do_job", lambda t: done.append(t.key) or do_job(t))
    rewrite(place, old, new)

    run(place)

    assert len(done) == again


DRIVER = """\
import sys, time
from autosplit.cli.app import main
from autosplit.search.methods import METHODS

search, calls = METHODS["uniform4"], []

def third_one_hangs(problem):
    calls.append(problem)
    if len(calls) == 3:
        print("third", flush=True)
        time.sleep(600)
    return search(problem)

METHODS["uniform4"] = third_one_hangs
main(sys.argv[1:])
"""


def test_a_sweep_that_is_killed_goes_on_with_what_is_missing(place, monkeypatch):
    (place / "driver.py").write_text(DRIVER)
    arguments = [sys.executable, "driver.py", "sweep", "tiny.yaml", "--out", "."]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "third\n"
        process.kill()
    kept = {path.name: path.read_bytes() for path in (place / "tiny" / "jobs").iterdir()}
    assert len(kept) == 2
    assert not (place / "tiny.csv").exists()
    done = []
    monkeypatch.setattr(backends, "do_job", lambda t: done.append(t) or do_job(t))

    swept = run(place)

    assert [(task.model, task.memory_bytes) for task in done] == [("small", 5000), ("wide", 5000)]
    tasks = place / "tiny" / "jobs"
    assert {name: (tasks / name).read_bytes() for name in kept} == kept
    table = swept.table.read_bytes()
    shutil.rmtree(tasks)
    assert run(place).table.read_bytes() == table


def test_a_failed_search_is_an_error_and_the_others_are_kept(place, monkeypatch):
    def fail(problem):
        if problem.memory_bytes == 400:
            raise FileError("made up")
        return METHODS["uniform4"](problem)

    monkeypatch.setitem(METHODS, "uniform8", fail)
    rewrite(place, "max_distortion: uniform8\n", "")

    with pytest.raises(SweepError, match=r"^small on eyeriss and tpu_v1 with 400 bytes: made up$"):
        run(place)

    assert len(list((place / "tiny" / "jobs").iterdir())) == 3


# joblib replaces a process whose memory grew, and says so; as an error, that would end its thread
GROWN = pytest.mark.filterwarnings("ignore:A worker stopped while some jobs")


@GROWN
def test_two_jobs_give_the_same_bytes_as_one(place):
    one = run(place).table.read_bytes()
    shutil.rmtree(place / "tiny" / "jobs")

    assert run(place, Where(jobs=2)).table.read_bytes() == one


@GROWN
@pytest.mark.slow
def test_networks_measured_by_two_jobs_give_the_same_bytes(place):
    one = run(place).table.read_bytes()
    shutil.rmtree(place / "tiny")

    assert run(place, Where(jobs=2)).table.read_bytes() == one


def test_a_network_that_cannot_be_measured_by_two_jobs_is_one_line(place, capsys):
    rewrite(place, "net.py:small", "net.py:smal")
    assert main(["sweep", "tiny.yaml", "--out", ".", "--jobs", "2"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no function 'smal', did you mean 'small'?" in line


def test_a_process_that_is_ended_is_one_line(place):
    (place / "net.py").write_text("import os\n\n\ndef small():\n    os.abort()\n\n\nwide = small\n")
    with pytest.raises(SweepError, match=r"^jobs: a process was ended from outside"):
        run(place, Where(jobs=2))


def test_a_changed_network_is_measured_again(place, monkeypatch):
    asked = []
    monkeypatch.setattr(Stage, "run", lambda _, folder, given, **o: asked.append((given, o)))
    rewrite(place, '"net.py:small"', '"net.py:wide", name: small')

    sweep.measure_networks(read_sweep_file(place / "tiny.yaml"), place / "tiny", jobs=1)

    assert [(given["model"], options["force"]) for given, options in asked] == [
        ("net.py:wide", True),
        ("net.py:wide", False),
    ]


def test_the_command_prints_where_the_table_is_and_how_long_it_took(place, capsys):
    rewrite(place, "seed: 0", "figure: latency")
    assert main(["sweep", "tiny.yaml", "--out", "."]) == 0
    got = capsys.readouterr()
    assert got.out == "table:  tiny.csv\nfigure: tiny.png\n"
    assert got.err.startswith("sweep: 2 networks, 4 searches, 0 of them done before, 32 rows; ")
    assert got.err.endswith(" s\n")


def test_a_sweep_file_from_elsewhere_runs_no_code_untrusted(place, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))

    assert main(["sweep", "tiny.yaml", "--out", "."]) == 1
    err = capsys.readouterr().err
    assert "tiny.yaml: names the Python code 'data.py' as its data, which was never given" in err
    assert err.count("\n") == 1
    assert not (place / "tiny.csv").exists()
    assert main(["sweep", "tiny.yaml", "--out", ".", "--trust"]) == 0
    assert "sweep: runs the Python code of data.py and net.py" in capsys.readouterr().err
