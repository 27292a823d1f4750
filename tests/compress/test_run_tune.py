import re

import pytest

from autosplit.compress.run_tune import run_tune, run_tune_picks
from autosplit.errors import DataError, OptionError, PlanError, StageError
from autosplit.progress import silent
from autosplit.runs.finished import Quantized
from autosplit.runs.folder import read_graph
from autosplit.runs.options import TuneOptions
from autosplit.runs.stages.run import STAGES

MORE = """\
import torch


def data():
    images = torch.randn(48, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    labels = torch.arange(48) % 5
    return {"calibration": [images[:36]], "evaluation": [(images[36:], labels[36:])]}
"""


@pytest.mark.filterwarnings("ignore:.*which is few")
def test_a_plan_is_trained_and_written_back(tiny):
    (tiny.place / "more.py").write_text(MORE)
    options = TuneOptions(plan="uniform2", data="more.py:data", epochs=3, batch_size=8, lr=0.02)
    quantized = Quantized(tiny.run / "quantized", read_graph(tiny.run))
    before = quantized.path("uniform2").read_text()

    report = run_tune(tiny.run, options, silent)

    assert report.tuned.best > 0
    with pytest.raises(StageError, match=r"uniform2.yaml: was trained by autosplit tune"):
        STAGES["quantize"].run(tiny.run, {})
    STAGES["quantize"].run(tiny.run, {"finished": True, "plans": "uniform2"})
    assert quantized.path("uniform2").read_text() != before
    assert re.search(r"held out: divergence from the teacher [\d.]+ at the start", report.text())


def test_too_few_samples_are_one_line(tiny):
    wrong = pytest.raises(DataError, match="training data: must hold at least 12 samples, got 8")
    with pytest.warns(UserWarning, match="which is few"), wrong:
        run_tune(tiny.run, TuneOptions(plan="uniform2"), silent)


def test_a_plan_that_is_unknown_or_has_no_edge_is_refused(tiny):
    with pytest.raises(PlanError):
        run_tune(tiny.run, TuneOptions(plan="uniform3"), silent)
    with pytest.raises(OptionError, match="must have layers on the edge"):
        run_tune(tiny.run, TuneOptions(plan="cloud16"), silent)


@pytest.mark.filterwarnings("ignore:.*which is few")
def test_a_teacher_of_another_task_is_refused(tiny):
    (tiny.place / "more.py").write_text(MORE)
    (tiny.place / "other.py").write_text(
        (tiny.place / "net.py").read_text().replace("nn.Linear(96, 5)", "nn.Linear(96, 7)")
    )
    options = TuneOptions(plan="uniform2", data="more.py:data", teacher="other.py:net")

    with pytest.raises(OptionError, match="--teacher: must have the outputs of net"):
        run_tune(tiny.run, options, silent)


@pytest.mark.filterwarnings("ignore:.*which is few")
def test_picked_plans_with_layers_on_the_edge_are_trained(tiny, monkeypatch):
    (tiny.place / "more.py").write_text(MORE)
    options = TuneOptions(plan="picks", data="more.py:data", epochs=1, batch_size=8)
    picks = ["uniform2", "cloud16"]
    monkeypatch.setattr("autosplit.compress.run_tune.all_picked", lambda _: tuple(picks))

    (report,) = run_tune_picks(tiny.run, options, silent)

    assert report.path.stem == "uniform2"  # cloud16 has no layers on the edge
    del picks[0]
    with pytest.raises(OptionError, match="--plan picks: must have layers on the edge"):
        run_tune_picks(tiny.run, options, silent)
