import csv
import json
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from yaml import safe_load

from autosplit.cli.app import main
from autosplit.errors import FileError, MissingExtraError
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan
from autosplit.runs.stages import run as stages
from autosplit.runs.stages.frame import Stage
from autosplit.search.methods import METHODS
from autosplit.sweep import backends as sweepjobs
from autosplit.sweep import figure as sweepfigure
from autosplit.sweep import run as sweep
from autosplit.sweep.backends import Where
from autosplit.sweep.file import FIGURES, SweepError, read_sweep
from autosplit.sweep.task import TABLE_HEADER, do_task, pick_of

NETWORKS = """\
import torch
from torch import nn


def small():
    return nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.Flatten(), nn.Linear(36, 5)), INPUT


def wide():
    return nn.Sequential(nn.Conv2d(1, 8, 5, stride=3), nn.Flatten(), nn.Linear(32, 5)), INPUT


INPUT = torch.zeros(1, 1, 8, 8)
"""
DATA = """\
import torch


def data():
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    return {"calibration": [images], "evaluation": [images]}
"""
SWEEP = """\
schema: autosplit/sweep/1
models:
  - {model: "net.py:small", memory_bytes: [300, 400, 5000]}
  - {model: "net.py:wide", memory_bytes: 5000}
data: "data.py:data"
links: [20kbps, 1mbps]
methods: [autosplit, uniform4, uniform8, cloud16]
max_distortion: uniform8
seed: 0
"""
LIMITS = {"small": (300, 400, 5000), "wide": (5000,)}


@pytest.fixture(scope="session")
def measured(tmp_path_factory):
    """A sweep's folder whose networks are measured; ``place`` gives a copy."""
    place = tmp_path_factory.mktemp("sweep")
    (place / "net.py").write_text(NETWORKS)
    (place / "data.py").write_text(DATA)
    (place / "tiny.yaml").write_text(SWEEP)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        sweep.measure(read_sweep(place / "tiny.yaml"), place / "tiny", jobs=1)
    return place


@pytest.fixture
def place(measured, tmp_path, monkeypatch):
    """A folder of its own, made the current one, with ``tiny.yaml`` and measured networks."""
    shutil.copytree(measured, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def run(place, where=None, **options):
    return sweep.run_sweep(place / "tiny.yaml", place / "tiny", where, **options)


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def rewrite(place, old, new):
    text = (place / "tiny.yaml").read_text()
    assert old in text
    (place / "tiny.yaml").write_text(text.replace(old, new))


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
    assert read_header(run(place).table) == ["memory_bytes", *TABLE_HEADER]
    rewrite(place, "[300, 400, 5000]", "5000")
    assert read_header(run(place).table) == TABLE_HEADER
    rewrite(place, "links: [20kbps, 1mbps]", "links: [1mbps]\nedges: [eyeriss, jetson_nano]")
    swept = run(place)
    assert read_header(swept.table) == ["edge", *TABLE_HEADER]
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
links: [1mbps]
methods: [uniform8, cloud16]
"""


def test_input_sizes_of_one_network_are_told_apart(place):
    (place / "a.cfg").write_text(YOLO)
    (place / "photos").mkdir()
    Image.effect_noise((20, 10), 50).save(place / "photos" / "1.png")
    (place / "sizes.yaml").write_text(SIZES)

    swept = sweep.run_sweep(place / "sizes.yaml", place / "sizes")

    assert read_header(swept.table) == ["input_size", *TABLE_HEADER]
    found = [(row["model"], row["input_size"], row["method"]) for row in read(swept.table)]
    methods = ("uniform8", "cloud16")
    assert found == [(f"a-{size}", size, method) for size in ("16", "8") for method in methods]


def test_the_sweeps_of_detectors_are_those_of_the_original():
    root = Path(__file__).parents[2] / "experiments"
    whole = safe_load((root / "yolo.yaml").read_text())
    parts = [safe_load((root / "yolo" / f"{name}.yaml").read_text()) for name in KILOBYTES]

    for part in parts:
        assert {**part, "models": None} == {**whole, "models": None}
    assert whole["models"] == [entry for part in parts for entry in part["models"]]
    found = [(e["model"], e["input_size"], e["memory_bytes"]) for e in whole["models"]]
    assert found == [
        (f"yolo:{name}", size, 1024 * kilobytes)
        for name, limits in KILOBYTES.items()
        for size, kilobytes in zip((416, 512, 608), limits, strict=True)
    ]


KILOBYTES = {
    "yolov3-tiny": (32768,) * 3,
    "yolov3": (131072, 262144, 524288),
    "yolov3-spp": (131072, 262144, 524288),
}


def read_header(path):
    return path.read_text().splitlines()[0].split(",")


def plan(name, latency_s, distortion, memory=0, method="m"):
    seconds = {"a": Prediction(latency_s, 0.0, 0.0), "b": Prediction(2 * latency_s, 0.0, 0.0)}
    return Plan(name, method, (), {}, {}, distortion, 0.0, memory, 0, seconds)


@pytest.mark.parametrize(
    ("plans", "most", "expected"),
    [
        ([plan("slow", 2, 0.1), plan("fast", 1, 0.2), plan("other", 0, 0, method="n")], 1, "fast"),
        ([plan("slow", 2, 0.1), plan("harmful", 1, 0.2)], 0.1, "slow"),
        ([plan("slow", 2, 0.1), plan("harmful", 1, 0.2)], None, "harmful"),
        ([plan("slow", 2, 0.1), plan("large", 1, 0.1, 101)], 1, "slow"),
        ([plan("more", 2, 0.2), plan("mild", 3, 0.1), plan("large", 1, 0.05, 101)], 0.01, "mild"),
        ([plan("large", 1, 0.2, 101), plan("larger", 2, 0.1, 102)], 1, "larger"),
        ([plan("z", 1, 0.1), plan("y", 1, 0.1)], 1, "y"),
        ([plan("z", 1, 0.1), plan("y", 1, 0.1, 1)], 1, "z"),
        ([plan("m-a", 2, 0.1), plan("m-b", 1, 0.1)], 1, "m-a"),
        ([plan("other", 1, 0.1, method="n")], 1, None),
    ],
)
def test_the_plan_that_stands_for_a_method(plans, most, expected):
    problem = SimpleNamespace(fits=lambda memory: memory <= 100)

    got = pick_of("m", plans, "a", problem, most)

    assert (got and got.name) == expected


def test_a_limit_that_nothing_fits_is_said_and_left_out(place):
    rewrite(place, "[300, 400, 5000]", "[1, 5000]")

    swept = run(place)

    assert "left out: small on eyeriss and tpu_v1 with 1 bytes: memory: the smallest" in swept.text
    limits = {(row["model"], row["memory_bytes"]) for row in read(swept.table)}
    assert limits == {("small", "5000"), ("wide", "5000")}


def test_a_second_run_does_nothing_and_a_forced_one_everything(place, monkeypatch):
    done = []
    monkeypatch.setattr(sweepjobs, "do_task", lambda t: done.append(t.key) or do_task(t))
    rewrite(place, "seed: 0", "figure: latency")
    first = run(place)
    bytes_then = first.table.read_bytes(), first.figure.read_bytes()
    assert len(done) == 4
    assert "4 searches, 0 of them done before" in first.text

    second = run(place)
    assert len(done) == 4
    assert "4 searches, 4 of them done before" in second.text
    assert (second.table.read_bytes(), second.figure.read_bytes()) == bytes_then

    monkeypatch.setattr(sweep, "measure", lambda *args, **options: None)
    run(place, force=True)
    assert len(done) == 8


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("memory_bytes: 5000", "memory_bytes: 5001", 1),
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
    monkeypatch.setattr(sweepjobs, "do_task", lambda t: done.append(t.key) or do_task(t))
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
    kept = {path.name: path.read_bytes() for path in (place / "tiny" / "tasks").iterdir()}
    assert len(kept) == 2
    assert not (place / "tiny.csv").exists()
    done = []
    monkeypatch.setattr(sweepjobs, "do_task", lambda t: done.append(t) or do_task(t))

    swept = run(place)

    assert [(task.model, task.memory_bytes) for task in done] == [("small", 5000), ("wide", 5000)]
    tasks = place / "tiny" / "tasks"
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

    assert len(list((place / "tiny" / "tasks").iterdir())) == 3


# joblib replaces a process whose memory grew, and says so; as an error, that would end its thread
GROWN = pytest.mark.filterwarnings("ignore:A worker stopped while some jobs")


@GROWN
def test_two_jobs_give_the_same_bytes_as_one(place):
    one = run(place).table.read_bytes()
    shutil.rmtree(place / "tiny" / "tasks")

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


def test_a_search_imports_no_torch(place):
    code = """
import sys
from pathlib import Path
from autosplit.sweep.run import list_tasks
from autosplit.sweep.file import read_sweep
from autosplit.sweep.task import do_task
done = [do_task(task) for task in list_tasks(read_sweep(Path("tiny.yaml")), Path("tiny"))]
print([len(one.rows) for one in done], "torch" in sys.modules)
"""
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout == "[8, 8, 8, 8] False\n"


def test_a_worker_of_another_version_refuses(place):
    (task, *_) = sweep.list_tasks(read_sweep(place / "tiny.yaml"), place / "tiny")
    got = do_task(replace(task, version="0.0.0"))
    assert not got.rows
    assert "must have autosplit 0.0.0, has " in got.error


def test_a_changed_network_is_measured_again(place, monkeypatch):
    asked = []
    monkeypatch.setattr(Stage, "run", lambda _, folder, given, **o: asked.append((given, o)))
    rewrite(place, '"net.py:small"', '"net.py:wide", name: small')

    sweep.measure(read_sweep(place / "tiny.yaml"), place / "tiny", jobs=1)

    assert [(given["model"], options["force"]) for given, options in asked] == [
        ("net.py:wide", True),
        ("net.py:wide", False),
    ]


WRONG = [
    ("data:", "dta:", ["unknown key 'dta', did you mean 'data'?"]),
    ("models:\n", "models: []\nold:\n", ["models: must be a list", "unknown key 'old'"]),
    ("uniform4", "unifrm4", ["methods: unknown method 'unifrm4', did you mean 'uniform4'?"]),
    ("autosplit, uniform4", "uniform4, uniform4", ["methods: each must be listed once"]),
    ("[autosplit, uniform4, uniform8, cloud16]", "some", ["methods: must be all or a list"]),
    ("max_distortion: uniform8", "max_distortion: uniform2", ["max_distortion: must be a number"]),
    ("max_distortion: uniform8", "max_distortion: -1", ["max_distortion: must be a number >= 0"]),
    ("[300, 400, 5000]", "[300, 4 KB]", ["models: 1: memory_bytes: must be whole numbers >= 1"]),
    ("[300, 400, 5000]", "0", ["models: 1: memory_bytes: must be whole numbers >= 1"]),
    ("net.py:wide", "net.py:small", ["models: 2: name: must be unique, got 'small' again"]),
    ('{model: "net.py:wide", ', "{mdel: x, ", ["models: 2: unknown key 'mdel', did you mean"]),
    ("[20kbps, 1mbps]", "[20kbps, 1mbsp]", ["links: link '1mbsp': must be a shipped name"]),
    ("[20kbps, 1mbps]", "[1mbps, 1mbps]", ["links: each must be listed once"]),
    ("[20kbps, 1mbps]", "7", ["links: must be a list of names, got 7"]),
    ("seed: 0", "figure: latncy", ["unknown figure 'latncy', did you mean 'latency'?"]),
    ("seed: 0", "widths: [2, 9]", ["widths: must be a list of widths from 1, 2,"]),
    ("seed: 0", "widths: [2, 2]", ["widths: each must be listed once"]),
    ("seed: 0", "edges: [eyeris]", ["edges: device 'eyeris': must be", "'eyeriss'"]),
    ("seed: 0", "seed: x", ["seed: must be a whole number >= 0, got 'x'"]),
    ("seed: 0", "calibration_images: -1", ["calibration_images: must be a whole number"]),
    ("schema: autosplit/sweep/1", "schema: autosplit/plan/1", ["must begin with 'schema: auto"]),
]


@pytest.mark.parametrize(("old", "new", "texts"), WRONG)
def test_a_wrong_sweep_file_says_what_is_wrong(tmp_path, old, new, texts):
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    rewrite(tmp_path, old, new)

    with pytest.raises(FileError) as error:
        read_sweep(tmp_path / "tiny.yaml")

    for text in texts:
        assert text in str(error.value)
    assert "\n" not in str(error.value)


def test_everything_wrong_with_a_sweep_file_is_said_at_once(tmp_path):
    text = SWEEP
    for old, new in (("data:", "dta:"), ("uniform4", "unifrm4"), ("1mbps", "1mbsp")):
        text = text.replace(old, new)
    (tmp_path / "tiny.yaml").write_text(text)

    with pytest.raises(FileError, match=r"dta.*1mbsp.*unifrm4"):
        read_sweep(tmp_path / "tiny.yaml")


def test_a_sweep_file_may_leave_out_what_has_a_default(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text("schema: autosplit/sweep/1\nmodels: [fashion-resnet]\nlinks: [lte]\n")

    got = read_sweep(path)

    assert [network.name for network in got.networks] == ["fashion_resnet"]
    assert got.networks[0].memory_bytes == (None,)
    assert [device.name for device in (*got.edges, *got.clouds)] == ["eyeriss", "tpu_v1"]
    assert got.methods == tuple(METHODS)
    assert (got.max_distortion, got.figure) == (None, "")


@pytest.mark.parametrize("name", ["paper", "crossover"])
def test_the_shipped_sweep_files_are_right(name, request):
    got = read_sweep(request.config.rootpath / "experiments" / f"{name}.yaml")
    assert got.methods == tuple(METHODS)
    assert len(got.networks) == {"paper": 6, "crossover": 2}[name]
    assert len(got.links) == {"paper": 4, "crossover": 25}[name]


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_drawn(place, figure):
    rewrite(place, "seed: 0", f"figure: {figure}")

    swept = run(place)

    assert swept.figure.read_bytes().startswith(b"\x89PNG")


def test_the_winner_keeps_the_limits_and_is_the_fastest(place):
    swept, plan = run(place), read_sweep(place / "tiny.yaml")
    rows = [row for row in read(swept.table) if row["model"] == "wide"]
    most = max(float(row["distortion"]) for row in rows if row["method"] == "uniform8")
    allowed = [
        row
        for row in rows
        if float(row["distortion"]) <= most * (1 + 1e-9) and int(row["edge_memory_bytes"]) <= 5000
    ]

    got = sweepfigure.winners(plan, rows)

    assert [row["link_mbps"] for row in got] == ["0.02", "1.0"]
    for winner in got:
        same = [row for row in allowed if row["link_mbps"] == winner["link_mbps"]]
        assert float(winner["latency_s"]) == min(float(row["latency_s"]) for row in same)
        assert winner["method"] == "autosplit"
    broken = [row for row in rows if row["method"] == "uniform4"]
    assert broken
    assert not any(sweepfigure.keeps_limits(plan, row, rows) for row in broken)


def test_the_command_prints_where_the_table_is_and_how_long_it_took(place, capsys):
    rewrite(place, "seed: 0", "figure: latency")
    assert main(["sweep", "tiny.yaml", "--out", "."]) == 0
    got = capsys.readouterr()
    assert got.out == "table:  tiny.csv\nfigure: tiny.png\n"
    assert got.err.startswith("sweep: 2 networks, 4 searches, 0 of them done before, 32 rows; ")
    assert got.err.endswith(" s\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--backend", "dask"], "scheduler: must be given with backend dask"),
        (["--scheduler", "tcp://x:1"], "scheduler: must be given with backend dask"),
    ],
)
def test_a_wrong_command_is_one_line(place, capsys, arguments, text):
    assert main(["sweep", "tiny.yaml", "--out", ".", *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert text in line


def test_without_dask_the_command_that_brings_it_is_named(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'autosplit\[dask\]'"):
        run(place, Where("dask", scheduler="tcp://127.0.0.1:1"))


SLOW = """\
import time
from autosplit.search.methods import METHODS

def all_but_the_first_hang(search):
    calls = []

    def method(problem):
        calls.append(problem)
        if len(calls) > 1:
            time.sleep(600)
        return search(problem)

    return method

METHODS["uniform4"] = all_but_the_first_hang(METHODS["uniform4"])
"""


@contextmanager
def cluster(folder, workers, *options):
    """A dask scheduler and its workers, as processes; gives the address and the scheduler."""
    file = folder / "scheduler.json"
    program = [sys.executable, "-m"]
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    command = [*program, "distributed.cli.dask_scheduler", *common, "--host", "127.0.0.1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    processes = [subprocess.Popen([*command, "--port", "0"], **quiet)]
    one = [*program, "distributed.cli.dask_worker", *common, "--nthreads", "1", "--no-nanny"]
    one += ["--death-timeout", "60"]
    try:
        processes += [subprocess.Popen([*one, *options], **quiet) for _ in range(workers)]
        deadline = time.monotonic() + 90
        address = None
        while address is None and time.monotonic() < deadline:
            with suppress(OSError, ValueError):
                address = json.loads(file.read_text())["address"]
            time.sleep(0.1)
        yield address, processes[0]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_cluster_of_two_workers_gives_the_same_bytes(place):
    one = run(place).table.read_bytes()
    shutil.rmtree(place / "tiny" / "tasks")

    with cluster(place, 2) as (address, _):
        assert run(place, Where("dask", scheduler=address)).table.read_bytes() == one


def test_what_finished_before_the_scheduler_died_is_kept(place):
    (place / "slow.py").write_text(SLOW)
    with cluster(place, 1, "--preload", "slow.py") as (address, scheduler):

        @contextmanager
        def kill_after_the_first(what, total):
            yield lambda count: scheduler.kill()

        with pytest.raises(SweepError) as error:
            run(place, Where("dask", scheduler=address), progress=kill_after_the_first)

    assert str(error.value) == (
        f"{address}: the scheduler went away; what finished is kept, run the same command again"
    )
    assert len(list((place / "tiny" / "tasks").iterdir())) == 1
    assert "4 searches, 1 of them done before" in run(place).text


def test_a_scheduler_that_is_not_there_is_one_line(place, monkeypatch, capsys):
    monkeypatch.setattr(sweepjobs, "CONNECT_S", 0.5)
    arguments = ["--backend", "dask", "--scheduler", "tcp://127.0.0.1:9"]
    assert main(["sweep", "tiny.yaml", "--out", ".", *arguments]) == 1
    assert capsys.readouterr().err == (
        "autosplit: error: tcp://127.0.0.1:9: must be a dask scheduler, none answers\n"
    )


def test_a_scheduler_without_workers_is_one_line(place, monkeypatch):
    monkeypatch.setattr(sweepjobs, "WORKERS_S", 0.5)
    with (
        cluster(place, 0) as (address, _),
        pytest.raises(SweepError, match=r"must have a worker within 0.5 seconds, has none"),
    ):
        run(place, Where("dask", scheduler=address))
