"""Plans finished and run on evaluation data: who is finished, who is run, what is said."""

from dataclasses import replace

import pytest
from run_folders import edit_text

from autosplit.errors import AutoSplitWarning, StageError
from autosplit.evaluate.ledger import Ledger
from autosplit.progress import silent
from autosplit.runs.finished import Quantized
from autosplit.runs.folder import read_graph, read_plans
from autosplit.runs.options import QuantizeOptions, StatsOptions
from autosplit.runs.scoring import Scoring, score_plans, trials_of


@pytest.fixture
def scoring(tiny):
    """Two plans of a finished run, of which nothing is known yet."""
    graph = read_graph(tiny.run)
    return Scoring(
        tiny.run,
        StatsOptions(model="net.py:net", data="data.py:data"),
        QuantizeOptions(effort="fast"),
        read_plans(tiny.run, graph, ["uniform4", "uniform8"]),
        Ledger(tiny.place / "ledger", {}),
        Quantized(tiny.place / "finished", graph, "fast"),
        None,
    )


def test_plans_are_run_once(scoring):
    assert score_plans(scoring, silent) == "quantize: 2 plans, 2 of them measured now"
    assert scoring.quantized.names() == {"uniform4", "uniform8"}
    assert score_plans(scoring, silent) == "quantize: 2 plans, 0 of them measured now"


def test_only_as_many_are_run_as_it_takes_to_pick(scoring):
    options = replace(scoring.options, max_drop=100.0)
    text = score_plans(replace(scoring, options=options), silent)

    # the fastest of the two may lose all there is to lose, and there are 12 images
    assert text == "quantize: 1 of 2 plans run for picks within 100 points, 12 samples of 24"


def test_plans_that_exceed_the_memory_are_no_candidates(scoring):
    sizes = [file.plan.edge_memory_bytes for file in scoring.files.values()]
    options = replace(scoring.options, max_drop=100.0)
    small = replace(scoring, options=options, limit_bytes=min(sizes))

    assert score_plans(small, silent).startswith("quantize: 1 of 1 plan run for picks")


def test_plans_with_one_half_are_finished_once(scoring, monkeypatch):
    plan = scoring.files["uniform4"]
    files = {"uniform4": plan, "twin": replace(plan, plan=replace(plan.plan, name="twin"))}
    calls = []
    real = trials_of(replace(scoring, files=files)).finish
    monkeypatch.setattr(
        "autosplit.finish.finish.finish", lambda *arguments: calls.append(1) or arguments[1]
    )
    trials = trials_of(replace(scoring, files=files))
    for file in files.values():
        trials.finish(file, lambda _: None)

    assert callable(real)
    assert len(calls) == 1
    assert scoring.quantized.names() == {"uniform4", "twin"}


def test_another_network_is_refused(scoring, tiny):
    edit_text(tiny.place / "net.py", "nn.Conv2d(4, 6, 3, stride=2", "nn.Conv2d(4, 6, 3, stride=2")
    edit_text(tiny.place / "net.py", "nn.ReLU(),\n        nn.Flatten", "nn.Flatten")

    with pytest.raises(StageError, match="the network must be the one that was measured"):
        trials_of(scoring)


def test_images_of_another_scale_are_warned_of(scoring, tiny):
    larger = "    images = images * 300\n    evaluation ="
    edit_text(tiny.place / "data.py", "    evaluation =", larger)

    with pytest.warns(AutoSplitWarning):
        trials_of(scoring)
