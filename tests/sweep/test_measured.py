"""With an accuracy rule a row is its method's fastest plan that was measured to keep the rule."""

import csv

import pytest
from sweeps import MEASURED, read, read_header, run

from autosplit.errors import FileError
from autosplit.sweep.file import read_sweep_file
from autosplit.sweep.job import MEASURED_HEADER
from autosplit.sweep.measured import kept_limits, representative, weights_of


@pytest.fixture
def ruled(place):
    """A folder whose sweep has an accuracy rule."""
    (place / "tiny.yaml").write_text(MEASURED)
    return place


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_the_fastest_plans_that_keep_the_rule(ruled):
    swept = run(ruled)
    got = read(swept.table)

    assert read_header(swept.table) == [name for name in MEASURED_HEADER if name != "link"]
    methods = ["autosplit", "neurosurgeon", "uniform2", "uniform8", "cloud8", "cloud16"]
    assert [row["method"] for row in got] == methods * 4
    links = {"0.02": "20kbps", "1.0": "1mbps"}
    for row in got:
        folder = ruled / "tiny" / "models" / row["model"]
        limit = {"small": 300, "wide": 5000}[row["model"]]
        scores = {one["name"]: one for one in rows_of(folder / "scores.csv")}
        timed = [
            one for one in rows_of(folder / "plans.csv") if one["link"] == links[row["link_mbps"]]
        ]
        own = [one for one in timed if one["method"] == row["method"]]
        if row["method"] == "neurosurgeon":
            own = [one for one in own if one["name"].endswith(one["link"])]
        good = [
            one
            for one in own
            if int(one["edge_memory_bytes"]) <= limit
            and one["name"] in scores
            and scores[one["name"]]["images"] == "4"
            and float(scores[one["name"]]["drop"]) <= 25
        ]
        assert (row["keeps"] == "yes") == bool(good)
        if good:
            fastest = min(float(one["latency_s"]) for one in good)
            assert float(row["latency_s"]) == pytest.approx(fastest, rel=1e-12)
        base = next(float(one["latency_s"]) for one in timed if one["method"] == "cloud16")
        assert float(row["normalised_latency"]) == float(row["latency_s"]) / base
    assert {row["keeps"] for row in got if row["method"] == "cloud16"} == {"yes"}
    assert {row["keeps"] for row in got if row["method"] == "cloud8"} == {"not measured"}
    assert {row["metric"] for row in got} == {"agreement with the float network"}
    assert {row["seconds"] for row in got} == {"edge simulated (eyeriss), cloud simulated (tpu_v1)"}


def test_a_sweep_that_is_done_measures_nothing_again(ruled, monkeypatch):
    first = run(ruled).table.read_bytes()
    monkeypatch.setattr("autosplit.evaluate.trials.Trials.run", lambda *_: pytest.fail("ran"))

    assert run(ruled).table.read_bytes() == first


class TestRepresentative:
    def one(self, name, latency_s, drop, *, fits=True, measured=True):
        """A stand-in with what is read of a candidate."""
        plan = type("Plan", (), {"name": name})
        known = {"plan": plan, "latency_s": latency_s, "drop": drop, "fits": fits}
        keeps = fits and measured and drop is not None and drop <= 1
        return type("One", (), {**known, "measured": measured, "keeps": lambda _, most: keeps})()

    @pytest.mark.parametrize(
        ("plans", "name", "kept"),
        [
            # fastest of those that keep both limits
            ([("a", 1, 2.0), ("b", 2, 1.0), ("c", 3, 0.0)], "b", "yes"),
            # nothing fits: fastest of those that keep the accuracy
            ([("a", 1, 2.0, False), ("b", 2, 0.5, False), ("c", 3, 0.0, False)], "b", "memory"),
            # nothing keeps the accuracy: least drop
            ([("a", 1, 9.0), ("b", 3, 2.0), ("c", 2, 5.0)], "b", "accuracy"),
            ([("a", 1, 9.0, False), ("b", 3, 2.0, False)], "b", "accuracy and memory"),
            # nothing is measured: fastest
            ([("a", 2, None), ("b", 1, None)], "b", "not measured"),
        ],
    )
    def test_limits_are_given_up_in_their_order(self, plans, name, kept):
        own = [self.one(*plan[:3], fits=len(plan) < 4) for plan in plans]

        found = representative(own, 1.0)

        assert found.plan.name == name
        assert kept_limits(found, 1.0) == kept

    def test_a_plan_that_was_stopped_early_keeps_nothing(self):
        stopped = self.one("a", 1, 0.5, measured=False)

        assert representative([stopped, self.one("b", 2, 3.0)], 1.0).plan.name == "b"
        assert kept_limits(stopped, 1.0) == "accuracy"


def test_the_headline_sweep_has_trained_weights_and_allows_one_point(request):
    got = read_sweep_file(request.config.rootpath / "experiments" / "headline.yaml")

    assert (got.rule.max_drop, got.rule.images, got.coding) == (1, None, "entropy")
    assert {weights_of(network.options) for network in got.networks} == {"trained"}
    assert [network.name for network in got.networks][:2] == [
        "fashion_resnet",
        "scenes_yolo",
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model": "torchvision:resnet18"}, "random"),
        ({"model": "torchvision:resnet18", "weights": "DEFAULT"}, "trained"),
        ({"model": "torchvision:resnet18", "checkpoint": "a.pt"}, "trained"),
        ({"model": "yolo:yolov3"}, "random"),
        ({"model": "efficientnet-lite0"}, "trained"),
        ({"model": "transformers:folder"}, "trained"),
    ],
)
def test_weights_are_random_where_a_library_has_none(options, expected):
    assert weights_of(options) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("max_drop: 25", "max_distortion: 3", "images: needs max_drop, the accuracy rule"),
        ("seed: 0", "max_distortion: 3", "max_drop: cannot stand beside max_distortion"),
        ("seed: 0", "edges: [eyeriss, pi4]", "edges: must be one with max_drop, got 2"),
        ("memory: 300", "memory: [300, 400]", "memory: must be one with max_drop, got 2"),
        ("max_drop: 25", "max_drop: much", "max_drop"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_one_line(tmp_path, old, new, expected):
    (tmp_path / "a.yaml").write_text(MEASURED.replace(old, new))

    with pytest.raises(FileError, match=expected) as caught:
        read_sweep_file(tmp_path / "a.yaml")
    assert "\n" not in str(caught.value)
