import pytest

from autosplit.compress.run_prune import run_prune
from autosplit.errors import OptionError
from autosplit.files import read_yaml
from autosplit.models.load import load_model
from autosplit.progress import silent
from autosplit.runs.options import PruneOptions, StatsOptions

FASHION = StatsOptions(model="fashion-resnet", data="fashion-mnist", calibration_images=64)


@pytest.mark.slow
def test_a_variant_is_a_network_that_can_be_loaded(tmp_path):
    options = PruneOptions(ratio=0.2, score="l1", images=64, out=str(tmp_path / "small"))

    report = run_prune(FASHION, options, silent)

    model = load_model(str(tmp_path / "small" / "network.pt2"))
    parent = load_model("fashion-resnet")
    assert model.preprocess == parent.preprocess
    assert not model.assumed
    assert model.task == "classification"
    said = read_yaml(tmp_path / "small" / "network.autosplit.yaml", "network")["variant"]
    assert said["parent"]["sha256"] == parent.sha256
    assert said["parent"]["macs"] == 19870496
    assert said["macs"] == report.record.macs < 19870496
    assert "macs:     19,870,496 before" in report.text()
    assert report.after.accuracy > 0.5


def test_nothing_is_written_where_the_goal_cannot_be_reached(tmp_path):
    options = PruneOptions(target_macs=10, score="l1", images=16, out=str(tmp_path / "small"))

    with pytest.raises(OptionError, match="cannot be reached by pruning channels"):
        run_prune(FASHION, options, silent)
    assert not (tmp_path / "small").exists()


@pytest.mark.slow
def test_seconds_of_a_device_are_a_goal(tmp_path):
    options = PruneOptions(
        target_latency_s=0.001, edge="eyeriss", score="l1", images=16, out=str(tmp_path / "small")
    )

    assert run_prune(FASHION, options, silent).record.macs < 19870496


@pytest.mark.slow
def test_a_detector_is_pruned_by_name_and_written_for_darknet(tmp_path):
    asked = {"method": "layer-channel", "percent": 0.2, "blocks": 1, "score": "bn-gamma"}
    options = PruneOptions(**asked, images=8, out=str(tmp_path / "small"))
    scenes = StatsOptions(model="scenes-yolo", data="scenes", calibration_images=8)

    report = run_prune(scenes, options, silent)

    cfg, weights = report.darknet
    again = load_model(f"yolo:{cfg}", weights=str(weights))
    assert "blocks:   dropped, that end in add" in report.text()
    assert len(again.labels) == 10
    assert sum(p.numel() for p in again.module.parameters()) < 666_842
