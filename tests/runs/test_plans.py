"""Single plans of a run folder: printed, or found as they were finished."""

import shutil

import pytest
import yaml
from run_folders import edit_plan

from autosplit.errors import (
    PlanError,
    StageError,
)
from autosplit.plan.planfile import read_plan
from autosplit.runs import plans
from autosplit.runs.folder import read_graph


class TestEmit:
    def test_native_is_the_file_itself(self, tiny):
        path = tiny.run / "plans" / "uniform8.yaml"

        assert plans.emit_plan(tiny.run, "uniform8") == path.read_text()

    def test_distiller_has_every_layer(self, tiny):
        found = yaml.safe_load(plans.emit_plan(tiny.run, "uniform4", "distiller"))
        overrides = found["quantizers"]["post_train_quantizer"]["overrides"]

        assert overrides == {
            name: {"bits_activations": 4, "bits_weights": 4} for name in ("0", "2", "5")
        }

    def test_the_picked_plan_is_that_of_the_headline(self, tiny):
        data = yaml.safe_load((tiny.run / "pick.yaml").read_text())

        assert plans.picked(tiny.run) == data["picks"]["1mbps"]["plan"]
        every = {pick["plan"] for pick in data["picks"].values()}
        assert sorted(plans.all_picked(tiny.run)) == sorted(every)

    @pytest.mark.parametrize("name", ["all", "pareto", "uniform8,cloud16", "unifrom8", ""])
    def test_what_is_no_plan_is_refused(self, tiny, name):
        for form in ("native", "distiller"):
            with pytest.raises(PlanError, match="no plan"):
                plans.emit_plan(tiny.run, name, form)


class TestNetworkAndPlan:
    def test_the_plan_is_the_finished_one(self, tiny):
        """With the integers and biases that were measured."""
        _, named = plans.network_and_plan(tiny.run, {}, "uniform4")
        _, pick = plans.network_and_plan(tiny.run, {}, None)

        assert named == tiny.run / "quantized" / "uniform4.yaml"
        assert set(read_plan(named, read_graph(tiny.run)).codes) == {"0", "2", "5"}
        assert pick == tiny.run / "quantized" / f"{plans.picked(tiny.run)}.yaml"

    def test_it_is_the_request_where_nothing_was_finished(self, tiny):
        shutil.rmtree(tiny.run / "quantized")

        _, path = plans.network_and_plan(tiny.run, {}, "uniform4")

        assert path == tiny.run / "plans" / "uniform4.yaml"

    def test_one_that_was_finished_from_another_request_is_refused(self, tiny):
        edit_plan(tiny, "uniform4", lambda data: data["activations"]["0"].update(scale=[100.0]))

        with pytest.raises(StageError) as caught:
            plans.network_and_plan(tiny.run, {}, "uniform4")

        path = tiny.run / "quantized" / "uniform4.yaml"
        assert str(caught.value) == (
            f"{path}: must be what plans/uniform4.yaml was finished to, is missing or one of "
            f"them has changed since, run: autosplit quantize --run {tiny.run}"
        )

    def test_a_plan_that_there_is_none_of_is_refused(self, tiny):
        with pytest.raises(PlanError, match="no plan 'unifrom4', did you mean 'uniform4'"):
            plans.network_and_plan(tiny.run, {}, "unifrom4")
