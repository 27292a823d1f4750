"""Plans of a run folder as a bundle: the pick, some by name, and what the check says."""

import csv

import pytest

from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.run import asked_plans, export_run
from autosplit.errors import PlanError, StageError
from autosplit.report.tables import PLANS_HEADER
from autosplit.runs.network import load_images
from autosplit.runs.plans import picked


def test_the_pick_and_a_named_plan_are_exported_and_agree(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished.place)

    manifest, _ = export_run(finished.place / "run", "pick", tmp_path / "pick")
    named, found = export_run(finished.place / "run", "uniform8", tmp_path / "named", check=12)

    assert [plan.name for plan in manifest.plans] == [picked(finished.place / "run")]
    assert manifest == read_manifest(tmp_path / "pick")
    assert manifest.task == "classification"
    assert [plan.name for plan in named.plans] == ["uniform8"]
    assert found["uniform8"].samples == found["uniform8"].answers == 12


def test_a_check_of_all_images_loads_them_all(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished.place)
    asked = []

    def load(options, model, program, most):
        asked.append(most)
        return load_images(options, model, program, 4)

    monkeypatch.setattr("autosplit.deploy.run.load_images", load)
    _, found = export_run(finished.place / "run", "uniform8", tmp_path / "all", check=0)
    assert (asked, found["uniform8"].samples) == ([None], 4)  # None: as load_images says it


def test_what_is_not_there_is_told_before_any_work(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished.place)
    with pytest.raises(PlanError, match="no plan 'uniform9', did you mean 'uniform8'"):
        export_run(finished.place / "run", "uniform9", tmp_path / "out")
    with pytest.raises(StageError, match="stats"):
        export_run(tmp_path, "pick", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_front_has_the_all_edge_plan_of_least_distortion(tmp_path):
    plans = [  # name, edge layers, bytes of the cut, bits of a weight, distortion, Pareto
        ("split", 3, 40, "6.0", 0.5, "1"),
        ("coarse", 5, 0, "4.0", 2.0, "0"),
        ("fine", 5, 0, "8.0", 1.0, "0"),
        ("float", 5, 0, "32.0", 0.0, "0"),
        ("raw", 0, 90, "", 0.0, "0"),
    ]
    with (tmp_path / "plans.csv").open("w") as file:
        table = csv.DictWriter(file, PLANS_HEADER, restval="0")
        table.writeheader()
        for name, layers, cut, bits, distortion, pareto in plans:
            table.writerow(
                {"name": name, "method": "m", "edge_layers": layers, "cut_bytes": cut}
                | {"weight_bits_avg": bits, "distortion": distortion, "pareto": pareto}
            )

    assert asked_plans(tmp_path, "front") == ["split", "fine"]
    assert asked_plans(tmp_path, "coarse, front") == ["coarse", "split", "fine"]
