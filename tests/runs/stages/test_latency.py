"""The stage ``latency``: seconds of plans and of their layers."""

from dataclasses import replace

import pytest
from builders import CLOUD, EDGE, LINKS, chain, distortions, falling
from run_folders import files_of, rerun, step, table

from autosplit.graph.graph import Tail
from autosplit.runs.stages.latency import _layer_latencies
from autosplit.search.methods import search
from autosplit.search.problem import Problem


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
        assert {row["link"] for row in table(tiny.run / "summary_full.csv")} == {"lte"}

        assert rerun(tiny) == ["latency", "collect"]
        assert files_of(tiny.run) == before

    def test_after_a_run_it_follows_the_search(self, tiny):
        """The hardware that ``run`` was given is the search's, and is not remembered twice."""
        step(tiny, "search", edge="jetson_nano", links=("lte",))
        step(tiny, "latency")

        rows = table(tiny.run / "latency.csv")
        assert {(row["edge"], row["link"]) for row in rows} == {("jetson_nano", "lte")}


def test_layers_of_a_tail_have_lines_of_their_own_behind_the_layer_that_they_come_after():
    tail = Tail("c2", replace(chain([6, 9, 4], weight=5), name="behind"))
    inside = [replace(one, name=f"behind.{one.name}") for one in tail.graph.layers]
    inside[1] = replace(inside[1], inputs=("behind.c0",))
    tail = replace(tail, graph=replace(tail.graph, layers=tuple(inside), outputs=()))
    graph = replace(chain([8, 8, 8, 8], weight=16), tail=tail)
    problem = Problem(graph, distortions(graph, falling), EDGE, CLOUD, LINKS)

    for plan in search(problem, ("uniform8", "cloud16")):
        rows = _layer_latencies(graph, plan, EDGE, CLOUD)
        assert [row["layer"] for row in rows] == ["c0", "c1", "c2", "behind.c0", "behind.c1"]
        side = "edge" if plan.method == "uniform8" else "cloud"
        assert {row["side"] for row in rows[2:]} == {side}
        seconds = plan.predictions["slow"]
        for part in ("edge", "cloud"):
            total = sum(row["seconds"] for row in rows if row["side"] == part)
            assert total == pytest.approx(getattr(seconds, f"{part}_s"), rel=1e-12)
        # 27 products at the floats of the device; 4 bytes an element or 2
        device, size = (EDGE, 4) if side == "edge" else (CLOUD, 2)
        first = 27 / device.peak_macs_per_s[device.float_bits]
        moved = size * (6 + 9 + 5) / device.bandwidth_bytes_per_s
        assert rows[3]["seconds"] == pytest.approx(device.dispatch_s + max(first, moved))
