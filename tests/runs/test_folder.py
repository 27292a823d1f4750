"""Run folders: where they are, and the plans in them."""

from pathlib import Path

import pytest

from autosplit.errors import PlanError, StageError
from autosplit.runs.folder import default_folder, find_folder, plan_names, read_graph, read_plans
from autosplit.runs.stamps import Stamp, write_stamp


class TestFolders:
    @pytest.mark.parametrize(
        ("model", "name"),
        [
            ("efficientnet-lite0", "efficientnet_lite0"),
            ("fashion-resnet", "fashion_resnet"),
            ("torchvision:resnet50", "resnet50"),
            ("yolo:yolov3-tiny", "yolov3_tiny"),
            ("yolo:some/my.net.cfg", "my_net"),
            ("torchvision-backbone:fasterrcnn_x", "fasterrcnn_x_backbone"),
            ("path/to/file.py:function", "function"),
            ("file.py:net", "net"),
            ("x/y.pt2", "y"),
            ("my.net-2.pt2", "my_net_2"),
        ],
    )
    def test_a_run_folder_is_named_after_the_model(self, model, name):
        assert default_folder(model) == Path("results") / name

    @pytest.fixture
    def results(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

        def make(*names):
            for name in names:
                write_stamp(Path("results") / name, "stats", Stamp({}, {}, {}))

        return make

    def test_the_default_models_folder_comes_first(self, results):
        results("abc", "efficientnet_lite0", "xyz")

        assert find_folder() == Path("results/efficientnet_lite0")

    def test_the_only_run_folder_is_found(self, results):
        results("resnet50")
        Path("results/notes").mkdir()

        assert find_folder() == Path("results/resnet50")

    def test_none_at_all_leaves_the_default_models_folder(self, results):
        assert find_folder() == Path("results/efficientnet_lite0")

    def test_several_have_to_be_chosen_from(self, results):
        results("resnet50", "net")

        with pytest.raises(StageError) as caught:
            find_folder()

        assert str(caught.value) == (
            "results: there are several run folders, choose with --run: "
            "results/net, results/resnet50"
        )


class TestPlans:
    def test_names_come_in_the_order_of_the_table(self, tiny):
        names = plan_names(tiny.run)

        assert {"uniform2", "uniform8", "cloud16"} < set(names)
        assert set(plan_names(tiny.run, "pareto")) <= set(names)
        assert {"uniform2", "uniform8", "cloud16"} < set(plan_names(tiny.run, "pareto"))
        assert plan_names(tiny.run, " uniform8 , cloud16,uniform8") == ["uniform8", "cloud16"]

    def test_pareto_leaves_out_what_is_beaten_over_every_link(self, tiny):
        text = (tiny.run / "plans.csv").read_text().splitlines()
        header, *rows = (line.split(",") for line in text)
        name, place = "cut000-00", header.index("pareto")
        rows = [[*r[:place], "0", *r[place + 1 :]] if r[0] == name else r for r in rows]
        (tiny.run / "plans.csv").write_text("\n".join(map(",".join, [header, *rows])))

        assert name in plan_names(tiny.run)
        assert name not in plan_names(tiny.run, "pareto")

    @pytest.mark.parametrize("asked", ["", " , "])
    def test_no_name_at_all_is_refused(self, tiny, asked):
        with pytest.raises(PlanError, match="must be pareto, all, or names"):
            plan_names(tiny.run, asked)

    def test_an_unknown_name_is_refused(self, tiny):
        with pytest.raises(PlanError, match="run: no plan 'unifrom8', did you mean 'uniform8'"):
            plan_names(tiny.run, "cloud16,unifrom8")

    def test_a_plan_of_another_network_is_refused(self, tiny):
        path = tiny.run / "plans" / "uniform8.yaml"
        text = path.read_text().replace("graph_sha256: ", "graph_sha256: 0")
        path.write_text(text)

        with pytest.raises(PlanError, match=r"uniform8\.yaml: must be a plan of net as in graph"):
            read_plans(tiny.run, read_graph(tiny.run), ["uniform8"])

    def test_a_plan_under_another_name_is_refused(self, tiny):
        plans = tiny.run / "plans"
        (plans / "uniform8.yaml").write_text((plans / "uniform6.yaml").read_text())

        with pytest.raises(PlanError, match="name must be 'uniform8', got 'uniform6'"):
            read_plans(tiny.run, read_graph(tiny.run), ["uniform8"])
