"""Variants beside the whole network: their plans on one front, and a variant as a network."""

import csv

import pytest
import torch
from run_folders import step, table
from tiny import GIVEN

from autosplit.cli.app import main
from autosplit.errors import OptionError, StageError
from autosplit.models.load import load_model
from autosplit.runs.options import StatsOptions
from autosplit.runs.stages import run as stages
from autosplit.runs.variants import (
    Variant,
    divergence_of,
    joint_rows,
    joint_text,
    measured_alike,
    scored_text,
    variants_of,
)


def row(name, link, latency_s, distortion, memory=10):
    return {
        "name": name,
        "link": link,
        "latency_s": str(latency_s),
        "distortion": str(distortion),
        "edge_memory_bytes": str(memory),
    }


WHOLE = [row("a", "slow", 1.0, 0.5), row("b", "slow", 2.0, 0.1), row("a", "fast", 1.0, 0.5)]
SMALL = [row("a", "slow", 0.5, 0.3), row("b", "slow", 1.5, 0.05), row("a", "fast", 0.5, 0.3)]


def best(rows):
    return [(r["link"], r["variant"], r["name"]) for r in rows if r["pareto"]]


class TestFront:
    def test_the_divergence_of_a_variant_is_added_to_the_distortion_of_its_plans(self):
        """Over slow the times are 0.5, 1, 1.5, 2 and the distortions 0.5, 0.5, 0.25, 0.1."""
        rows = joint_rows(WHOLE, {"small": (0.2, SMALL)}, None)

        assert [float(r["distortion"]) for r in rows] == pytest.approx(
            [0.5, 0.5, 0.25, 0.1, 0.5, 0.5]
        )
        assert best(rows) == [
            ("slow", "small", "a"),
            ("slow", "small", "b"),
            ("slow", "whole", "b"),
            ("fast", "small", "a"),
        ]
        said = "\nvariants: 4 plans on the common front: 3 of small, 1 of whole"
        assert joint_text(rows) == said

    def test_a_plan_that_does_not_fit_is_not_on_the_front(self):
        whole = [row("a", "slow", 1.0, 0.5, 11), row("b", "slow", 2.0, 0.6, 10)]

        assert best(joint_rows(whole, {}, 10)) == [("slow", "whole", "b")]
        assert best(joint_rows(whole, {}, 11)) == [("slow", "whole", "a")]

    def test_the_table_has_the_fastest_plan_of_each_network_within_both_limits(self):
        rows = [
            {**row("x", "slow", 0.001, 1, 90), "variant": "small", "lost": 1.5},
            {**row("y", "slow", 0.002, 1, 90), "variant": "small", "lost": 1.0},
            {**row("a", "slow", 0.003, 1, 200), "variant": "whole", "lost": 0.0},
            {**row("b", "slow", 0.004, 1, 100), "variant": "whole", "lost": 0.25},
            {**row("c", "slow", 0.005, 1, 100), "variant": "whole", "lost": None},
        ]

        lines = scored_text(rows, 100, 1.0).splitlines()

        assert [line.split()[1:3] for line in lines[1:]] == [["small", "y"], ["whole", "b"]]
        assert lines[1].split()[3:] == ["2.00", "90", "1.00", "fastest"]
        assert lines[2].split()[3:] == ["4.00", "100", "0.25"]


class TestNames:
    def test_a_folder_without_a_network_is_refused(self, tmp_path):
        with pytest.raises(OptionError, match="must be a folder that autosplit prune wrote"):
            variants_of(tmp_path, [str(tmp_path)])

    def test_names_must_differ(self, tmp_path):
        for place in ("a/half", "b/half", "whole"):
            (tmp_path / place).mkdir(parents=True)
            (tmp_path / place / "network.pt2").touch()

        assert variants_of(tmp_path, [str(tmp_path / "a/half")])[0].name == "half"
        for asked in (["a/half", "b/half"], ["whole"]):
            with pytest.raises(OptionError, match="must have a name of its own"):
                variants_of(tmp_path, [str(tmp_path / one) for one in asked])

    def test_a_variant_is_measured_as_the_whole_network_is(self, tmp_path):
        measured = StatsOptions(data="fashion-mnist", seed=3, weights="x.safetensors")
        variant = Variant("half", tmp_path / "network.pt2", tmp_path)

        found = measured_alike(measured, variant)

        assert found["model"] == str(tmp_path / "network.pt2")
        assert (found["data"], found["seed"]) == ("fashion-mnist", 3)
        assert "weights" not in found


@pytest.fixture
def pruned(tiny):
    """The tiny run folder, and a variant of its network without a quarter of the channels."""
    asked = ["prune", "--model", GIVEN["model"], "--data", GIVEN["data"], "--ratio", "0.25"]
    assert main([*asked, "--score", "l1", "--out", "small"]) == 0
    return tiny


def test_a_variant_goes_through_every_stage_and_is_exported(pruned, capsys):
    """Of ten channels that may go two are pruned: 10 of 12 are left of the first two layers."""
    given = {**pruned.given, "model": "small/network.pt2"}

    done = list(stages.run(pruned.place / "small_run", given))

    assert [outcome.stage for outcome in done] == list(stages.STAGES)
    layers = table(pruned.place / "small_run" / "layers.csv")
    assert sum(int(line["macs"]) for line in layers) < 2304 + 3456 + 480
    assert len(table(pruned.place / "small_run" / "summary_full.csv")) > 4
    assert main(["export", "small_run", "--plan", "uniform8", "--out", "bundle"]) == 0
    assert list((pruned.place / "bundle").rglob("*.onnx"))
    assert "uniform8" in capsys.readouterr().out


def test_plans_of_variants_go_through_the_stages_with_those_of_the_whole(pruned):
    """The column of what is lost counts from the whole network on the same images."""
    outcomes = {one.stage: one for one in stages.run(pruned.run, {"variants": ("small",)})}

    assert "plans on the common front" in outcomes["search"].text
    rows = table(pruned.run / "variant_scores.csv")
    assert {line["variant"] for line in rows} == {"whole", "small"}
    exact = {line["name"]: line for line in table(pruned.run / "scores.csv")}["float"]
    for line in rows:
        folder = pruned.run / ("" if line["variant"] == "whole" else "variants/small")
        scores = {one["name"]: one for one in table(folder / "scores.csv")}
        if line["name"] in scores:
            own = float(scores[line["name"]]["top1"])
            assert float(line["lost"]) == pytest.approx(100 * (float(exact["top1"]) - own))
    again = stages.run(pruned.run, {"variants": ("small",)})
    assert all(outcome.done_before for outcome in again)


def test_the_divergence_is_that_of_the_answers(pruned):
    """The mean over calibration samples of sum p (log p - log q)."""
    measured = StatsOptions(model=GIVEN["model"], data=GIVEN["data"])
    (variant,) = variants_of(pruned.run, ["small"])

    found = divergence_of(measured, variant)

    whole, small = load_model(GIVEN["model"]), load_model("small/network.pt2")
    images = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(3))[:8]
    with torch.no_grad():
        old = whole.module(images).double().log_softmax(1)
        new = small.module(images).double().log_softmax(1)
    assert found == pytest.approx(float((old.exp() * (old - new)).sum() / 8), rel=1e-4)
    assert divergence_of(measured, variant) == found


def test_noise_over_signal_is_no_unit_for_variants(pruned):
    step(pruned, "stats", metric="mse")

    with pytest.raises(StageError, match="the metric must be output"):
        step(pruned, "search", variants=("small",))


def test_a_search_without_variants_leaves_no_table_of_them(pruned):
    step(pruned, "search", variants=("small",))
    assert (pruned.run / "variants.csv").exists()

    step(pruned, "search", variants=None)

    assert not (pruned.run / "variants.csv").exists()
    with (pruned.run / "plans.csv").open() as file:
        assert next(csv.reader(file))[0] == "name"
