"""The stage ``latency``: seconds of plans and of their layers."""

import pytest
from run_folders import files_of, rerun, step, table


class TestLatency:
    def test_the_search_and_the_latency_stage_agree(self, tiny):
        keys = ("edge_s", "transfer_s", "cloud_s", "latency_s")
        searched = {
            (row["name"], row["link"]): [row[key] for key in keys]
            for row in table(tiny.run / "plans.csv")
        }
        timed = {
            (row["name"], row["link"]): [row[key] for key in keys]
            for row in table(tiny.run / "latency.csv")
        }

        assert timed == searched

    def test_layers_add_up_to_their_side(self, tiny):
        layers = table(tiny.run / "layer_latency.csv")
        for plan in table(tiny.run / "latency.csv"):
            for side in ("edge", "cloud"):
                seconds = [
                    float(row["seconds"])
                    for row in layers
                    if (row["name"], row["side"]) == (plan["name"], side)
                ]
                assert sum(seconds) == pytest.approx(float(plan[f"{side}_s"]), abs=1e-15)

    def test_it_can_be_asked_for_other_hardware_and_run_goes_back(self, tiny):
        before = files_of(tiny.run)
        step(tiny, "latency", edge="jetson_nano", links=("lte",))
        rows = table(tiny.run / "latency.csv")
        assert {(row["edge"], row["cloud"], row["link"]) for row in rows} == {
            ("jetson_nano", "tpu_v1", "lte")
        }
        step(tiny, "collect")
        assert {row["link"] for row in table(tiny.run / "summary.csv")} == {"lte"}

        assert rerun(tiny) == ["latency", "collect"]
        assert files_of(tiny.run) == before

    def test_after_a_run_it_follows_the_search(self, tiny):
        """The hardware that ``run`` was given is the search's, and is not remembered twice."""
        step(tiny, "search", edge="jetson_nano", links=("lte",))
        step(tiny, "latency")

        rows = table(tiny.run / "latency.csv")
        assert {(row["edge"], row["link"]) for row in rows} == {("jetson_nano", "lte")}
