"""Damaged files: one clear line or the same table, never a traceback, a wait or a silent change.

Each case damages one file of a finished run folder, or a profile, a sweep file or a plan file, and
then does all that reads it and needs no network.
"""

import random
import shutil
import signal
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
from mutations import WAYS, mutate
from tiny import EDGE

from autosplit.api.run import Run
from autosplit.errors import AutoSplitError, AutoSplitWarning
from autosplit.files import write_text
from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link
from autosplit.plan.planfile import read_plan
from autosplit.runs.folder import read_graph
from autosplit.runs.plans import emit_plan
from autosplit.runs.stages import run as stages
from autosplit.sweep.file import read_sweep_file

FAST, ALL = 200, 2_000
MOST_S = 60
"""Seconds after which a case is taken for one that waits for ever."""
LINK = "schema: autosplit/link/1\nname: slow\nsource: test\nuplink_bps: 2.0e+4\nrtt_s: 0.01\n"
TABLE = """\
schema: autosplit/device/2
name: timed
source: test
model: table
float_bits: 32
table: seconds.csv
"""
SWEEP = """\
schema: autosplit/sweep/1
models:
  - {model: net.py:net, name: net, memory: [4MB, none, 512KiB]}
data: data.py:data
edges: [toy.yaml, eyeriss]
links: [1mbps, slow.yaml]
methods: [autosplit, uniform8]
widths: [2, 4, 8]
max_distortion: 0.5
figure: latency
"""


@contextmanager
def limited():
    """End a case that waits for ever."""

    def stop(*_):
        raise TimeoutError(f"a case took more than {MOST_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MOST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome_of(do):
    """What came out: an answer, or an error of ours; whether it was warned of."""
    with warnings.catch_warnings(record=True) as seen, limited():
        warnings.simplefilter("always", AutoSplitWarning)
        try:
            found = do()
        except AutoSplitError:
            return None, True
    return found, bool(seen)


def answers(run):
    """All that is printed of a run folder by what needs no network."""
    done = [stages.STAGES[name].run(run, {}) for name in ("search", "latency", "collect")]
    return done[-1].text, (run / "summary.csv").read_bytes(), emit_plan(run, "pick")


def interface(run):
    """The same from Python."""
    found = Run(run)
    return found.text, found.scores.rows, tuple(found.picks), len(found.plans)


def restore(run, whole):
    shutil.rmtree(run)
    shutil.copytree(whole, run, symlinks=True)


def damage_run_folder(tiny, rng, count):
    """Every case on a file of the run folder."""
    whole = tiny.place / "whole"
    shutil.copytree(tiny.run, whole)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    files = [path for path in files if path.suffix in {".yaml", ".csv", ".json", ".safetensors"}]
    wanted, printed = answers(tiny.run), interface(tiny.run)
    silent = []
    for case in range(count):
        file = rng.choice(files)
        way = mutate(rng, tiny.run / file)
        for do, expected in ((interface, printed), (answers, wanted)):
            found, warned = outcome_of(lambda do=do: do(tiny.run))
            if found is not None and found != expected and not warned:
                silent.append(f"case {case}: {do.__name__}, {file}, {way}")
        restore(tiny.run, whole)
    assert silent == []


def damage_inputs(tiny, rng, count):
    """Every case on a profile, a table, a sweep file or a plan file on its own."""
    texts = {"toy.yaml": EDGE, "slow.yaml": LINK, "timed.yaml": TABLE, "sweep.yaml": SWEEP}
    texts["seconds.csv"] = "layer,weight_bits,activation_bits,seconds\n0,8,8,0.5\n2,8,8,1.0\n"
    plan = tiny.run / "plans" / "uniform8.yaml"
    texts["plan.yaml"] = plan.read_text()
    graph = read_graph(tiny.run)
    reads = {
        "toy.yaml": lambda: load_device("toy.yaml"),
        "slow.yaml": lambda: load_link("slow.yaml"),
        "timed.yaml": lambda: load_device("timed.yaml"),
        "seconds.csv": lambda: load_device("timed.yaml"),
        "sweep.yaml": lambda: read_sweep_file(Path("sweep.yaml")),
        "plan.yaml": lambda: read_plan(Path("plan.yaml"), graph),
    }
    for name, text in texts.items():
        write_text(Path(name), text)
    for do in reads.values():
        assert outcome_of(do)[0] is not None
    for _ in range(count):
        name = rng.choice(list(reads))
        mutate(rng, Path(name))
        outcome_of(reads[name])
        path = Path(name)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        write_text(path, texts[name])


def test_every_way_is_used():
    rng = random.Random(1)

    assert {rng.choice(list(WAYS)) for _ in range(FAST)} == set(WAYS)


def test_a_damaged_run_folder_gives_one_line_or_the_same_table(tiny):
    damage_run_folder(tiny, random.Random(1), FAST // 2)


def test_damaged_profiles_sweeps_and_plans_give_one_line(tiny):
    damage_inputs(tiny, random.Random(2), FAST // 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_many_damaged_run_folders(tiny, seed):
    damage_run_folder(tiny, random.Random(100 + seed), ALL // 8)


@pytest.mark.slow
def test_many_damaged_profiles_sweeps_and_plans(tiny):
    damage_inputs(tiny, random.Random(200), ALL // 2)
