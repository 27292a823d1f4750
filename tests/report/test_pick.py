"""The pick, its paragraph and its figure, from rows made by hand."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan
from autosplit.report.figure import draw
from autosplit.report.pick import describe, pick
from autosplit.report.tables import PLANS_HEADER, Row, plan_row


def layer(name, reads, shape, weight_elements=0):
    return Layer(name, "conv", reads, ((1,),) * len(reads), shape, weight_elements, weight_elements)


GRAPH = Graph(
    "toy",
    {"x": (100,)},
    (
        layer("a", ("x",), (10,), 30),
        layer("b", ("a",), (20,), 10),
        layer("c", ("a", "b"), (5,)),
    ),
    ("c",),
)
NAMES = ("a", "b", "c")


def plan(name="p", layers=2, memory=500, method="autosplit"):
    edge = NAMES[:layers]
    widths = {"x": 8, "a": 3, "b": 6, "c": 8}
    return Plan(
        name=name,
        method=method,
        edge=edge,
        weight_bits={key: bits for key, bits in (("a", 2), ("b", 8)) if key in edge},
        activation_bits={key: widths[key] for key in ("x", *edge)},
        distortion=0.5,
        lower_bound=0.4,
        edge_memory_bytes=memory,
        crossing_bytes={0: 100, 1: 4, 2: 19, 3: 0}[layers],
        predictions={"3mbps": Prediction(0.001, 0.002, 0.003)},
    )


def row(name="p", latency=0.006, drop=0.0, fits=True, link="3mbps", accuracy=0.9, **about):
    seconds = Prediction(latency / 4, latency / 2, latency / 4)
    return Row(plan(name, **about), link, seconds, fits, drop, accuracy)


class TestPick:
    def test_the_fastest_plan_that_keeps_the_accuracy_wins(self):
        rows = [row("slow", 3.0), row("fast", 1.0, 5.1), row("good", 2.0, 5.0)]

        assert pick(rows, 5.0).plan.name == "good"
        assert pick(rows, 5.1).plan.name == "fast"
        assert pick(rows, 0.0).plan.name == "slow"

    def test_what_does_not_fit_or_was_not_measured_is_left_out(self):
        rows = [row("large", 1.0, fits=False), row("unknown", 2.0, drop=None), row("ok", 3.0)]

        assert pick(rows, 1.0).plan.name == "ok"

    def test_a_plan_that_gains_accuracy_is_allowed(self):
        assert pick([row(drop=-5.0)], 0.0) is not None

    def test_nothing_is_picked_where_nothing_is_allowed(self):
        assert pick([], 1.0) is None
        assert pick([row(drop=1.1)], 1.0) is None

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (row("z", drop=0.1, memory=9), row("a", drop=0.2, memory=1)),
            (row("z", drop=-0.1), row("a", drop=0.0)),
            (row("z", memory=1), row("a", memory=9)),
            (row("a"), row("z")),
        ],
        ids=["less drop", "a gain", "less memory", "name"],
    )
    def test_ties_go_to_less_drop_then_less_memory_then_the_name(self, first, second):
        assert pick([first, second], 1.0) is first
        assert pick([second, first], 1.0) is first


class TestPlanRow:
    def test_it_has_the_columns_of_the_table(self):
        assert list(plan_row(GRAPH, plan(), "3mbps", pareto=True)) == PLANS_HEADER

    def test_averages_are_over_elements(self):
        found = plan_row(GRAPH, plan(), "3mbps", pareto=True)

        assert found["weight_bits_avg"] == (30 * 2 + 10 * 8) / 40
        assert found["activation_bits_avg"] == (10 * 3 + 20 * 6) / 30

    def test_every_crossing_tensor_is_listed_with_its_width(self):
        """c reads a and b, so both cross: 30 and 120 bits."""
        found = plan_row(GRAPH, plan(), "3mbps", pareto=False)

        assert (found["cut"], found["cut_bits"], found["cut_bytes"]) == ("a+b", "3+6", 19)
        assert (found["edge_layers"], found["pareto"]) == (2, 0)
        assert (found["edge_s"], found["transfer_s"], found["cloud_s"]) == (0.001, 0.002, 0.003)
        assert found["latency_s"] == pytest.approx(0.006)
        assert found["optimality_gap"] == pytest.approx(0.2)

    def test_all_cloud_has_no_averages(self):
        found = plan_row(GRAPH, plan(layers=0), "3mbps", pareto=False)

        assert (found["weight_bits_avg"], found["activation_bits_avg"]) == (None, None)
        assert (found["cut"], found["cut_bits"]) == ("x", "8")


class TestDescribe:
    def test_the_paragraph_says_where_it_cuts_and_what_that_gains(self):
        chosen = row("mine", 0.004, drop=0.5)
        rows = [
            row("cloud16", 0.010, layers=0, method="cloud16"),
            chosen,
            row("uniform8", 0.006, layers=3, method="uniform8"),
            row("uniform2", 0.001, drop=50.0, layers=3, method="uniform2"),
        ]

        assert describe(GRAPH, rows, chosen, 1.0, 1_000) == (
            "Over 3mbps, mine runs the first 2 of 3 layers on the edge, up to b, and the rest in "
            "the cloud. An answer takes 4.00 ms: 1.00 ms on the edge, 2.00 ms on the link, "
            "1.00 ms in the cloud. What crosses is a at 3 bits+b at 6 bits: 19 bytes. The edge "
            "half takes 500 bytes of 1,000 allowed. Measured accuracy falls by 0.50 points, a "
            "fall of 1 is allowed; no plan that was measured within that limit and the memory is "
            "faster. That is 2.50 times as fast as all-cloud (cloud16, 10.00 ms). That is 1.50 "
            "times as fast as all-edge (uniform8, 6.00 ms)."
        )

    @pytest.mark.parametrize(
        ("drop", "words"),
        [(0.0, "stays the same"), (0.25, "falls by 0.25 points"), (-2.0, "rises by 2.00 points")],
    )
    def test_a_change_of_accuracy_has_its_direction(self, drop, words):
        chosen = row(drop=drop)

        assert f"Measured accuracy {words}, " in describe(GRAPH, [chosen], chosen, 1.0, None)

    def test_no_limit_is_not_mentioned(self):
        chosen = row()

        assert "takes 500 bytes. Measured" in describe(GRAPH, [chosen], chosen, 1.0, None)

    @pytest.mark.parametrize(
        ("layers", "words"),
        [
            (0, "p sends the input and runs the whole network in the cloud."),
            (3, "p runs all 3 layers on the edge."),
        ],
    )
    def test_the_extremes_are_named_and_not_compared_with_themselves(self, layers, words):
        chosen = row(layers=layers)
        text = describe(GRAPH, [chosen], chosen, 1.0, None)

        assert words in text
        assert ("What crosses" in text) == (layers == 0)
        assert ("all-cloud" in text, "all-edge" in text) == (False, False)

    def test_all_edge_plans_that_lose_too_much_are_said_to(self):
        chosen = row()
        rows = [chosen, row("u2", drop=9.0, layers=3), row("u4", drop=3.0, layers=3)]
        text = describe(GRAPH, rows, chosen, 1.0, None)

        assert "No all-edge plan keeps the accuracy, the best of them loses 3.0 points." in text

    def test_plans_that_were_not_measured_are_not_said_to_lose(self):
        chosen = row()
        text = describe(GRAPH, [chosen, row("u4", drop=None, layers=3)], chosen, 1.0, None)

        assert "No all-edge plan was measured." in text
        assert "keeps" not in text

    def test_all_edge_plans_that_do_not_fit_are_said_not_to(self):
        chosen = row()
        rows = [chosen, *(row(f"u{m}", layers=3, memory=m, fits=False) for m in (8_000, 2_000))]
        text = describe(GRAPH, rows, chosen, 1.0, 1_000)

        assert "No all-edge plan fits the memory, the smallest takes 2,000 bytes." in text

    def test_a_partial_plan_is_never_taken_for_all_edge(self):
        """Even when no plan of the table has all layers on the edge."""
        chosen = row("mine", 0.004, layers=1)
        text = describe(GRAPH, [chosen, row("more", 0.005, layers=2)], chosen, 1.0, None)

        assert "all-edge" not in text

    def test_only_plans_over_the_same_link_are_compared(self):
        chosen = row("mine", 0.004)
        other = row("cloud16", 0.001, layers=0, link="wifi")

        assert "all-cloud" not in describe(GRAPH, [chosen, other], chosen, 1.0, None)


def rows_for(links):
    return [
        row(name, seconds, link=link, accuracy=accuracy, layers=layers, method=method, fits=fits)
        for link in links
        for name, seconds, accuracy, layers, method, fits in [
            ("cut1", 0.004, 0.8, 1, "autosplit", True),
            ("cut2", 0.006, 0.9, 2, "autosplit", True),
            ("cloud16", 0.2, 0.95, 0, "cloud16", True),
            ("uniform2", 0.003, 0.1, 3, "uniform2", True),
            ("uniform8", 0.009, 0.9, 3, "uniform8", False),
        ]
    ]


class TestDraw:
    @pytest.mark.parametrize(
        "links", [["3mbps"], ["1mbps", "3mbps", "10mbps", "20mbps"], list("abc")]
    )
    def test_it_writes_a_figure_that_is_not_blank(self, tmp_path, links):
        rows = rows_for(links)
        picks = {links[0]: rows[1]}
        draw(tmp_path / "f.png", rows, picks, "toy: here + there", "top-1 on 9 images (%)")

        with Image.open(tmp_path / "f.png") as image:
            pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
            assert image.format == "PNG"
            assert image.width >= 600
            assert image.height >= 400 * -(-len(links) // 2)
        colours = {tuple(pixel) for pixel in pixels.tolist()}
        # pick, baselines, plans and front are all there
        assert {(194, 24, 91), (209, 112, 42), (157, 183, 213), (31, 95, 168)} <= colours

    def test_the_same_rows_give_the_same_bytes(self, tmp_path):
        rows = rows_for(["3mbps"])
        for name in ("a.png", "b.png"):
            draw(tmp_path / name, rows, {"3mbps": rows[0]}, "t", "top-1 (%)")

        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

    def test_the_pick_changes_the_figure(self, tmp_path):
        rows = rows_for(["3mbps"])
        for name, chosen in (("a.png", 0), ("b.png", 1)):
            draw(tmp_path / name, rows, {"3mbps": rows[chosen]}, "t", "top-1 (%)")

        assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()

    def test_plans_that_were_not_measured_are_left_out(self, tmp_path):
        rows = rows_for(["3mbps"])
        unknown = replace(row("unknown", 0.5), accuracy=None, drop=None)
        draw(tmp_path / "a.png", rows, {}, "t", "top-1 (%)")
        draw(tmp_path / "b.png", [*rows, unknown], {}, "t", "top-1 (%)")

        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

    @pytest.fixture
    def kept(self, monkeypatch):
        """Figures that were drawn."""
        figures = []

        def savefig(figure, buffer, **_):
            figure.draw_without_rendering()
            figures.append(figure)
            buffer.write(b"png")

        monkeypatch.setattr("matplotlib.figure.Figure.savefig", savefig)
        return figures

    @pytest.mark.parametrize(
        ("seconds", "ticks"),
        [
            ((0.0062, 0.0088), {"7", "8"}),
            ((0.0035, 0.0085), {"4", "5", "6", "7", "8"}),
            ((0.008, 0.06), {"10", "20", "50"}),
        ],
    )
    def test_every_panel_of_wide_ones_has_numbers(self, tmp_path, kept, seconds, ticks):
        here = [row(name, s, link="a", accuracy=0.5) for name, s in zip("xy", seconds, strict=True)]
        wide = [row("z", s, link="b", accuracy=0.5) for s in (0.001, 1.0)]
        draw(tmp_path / "f.png", [*here, *wide], {}, "t", "AP (%)")

        axis = kept[0].axes[0].xaxis
        low, high = kept[0].axes[0].get_xlim()
        marks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        shown = {m.label1.get_text() for m in marks if low <= m.get_loc() <= high}
        assert shown - {""} == ticks

    def test_no_label_leaves_its_panel(self, tmp_path, kept):
        draw(tmp_path / "f.png", rows_for(["1mbps", "3mbps"]), {}, "t", "top-1 (%)")

        for axis in kept[0].axes:
            panel = axis.get_window_extent()
            labels = {text.get_text(): text.get_window_extent() for text in axis.texts}
            assert set(labels) == {"cloud16", "uniform2", "uniform8 (too large)"}
            for box in labels.values():
                assert panel.x0 <= box.x0 <= box.x1 <= panel.x1
                assert panel.y0 <= box.y0 <= box.y1 <= panel.y1
