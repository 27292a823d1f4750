"""Plans as the options of the search ask, and the files of plans."""

import random
from dataclasses import replace

import pytest
from builders import random_problem

from autosplit.errors import InfeasibleError
from autosplit.runs.folder import plan_names, read_graph, read_plans
from autosplit.runs.options import SearchOptions
from autosplit.runs.planning import make_plans, plan_files
from autosplit.search.methods import METHODS, search
from autosplit.stats.statsfile import read_stats


@pytest.fixture(scope="module")
def problem():
    return random_problem(random.Random(3), 6)


def name(plan):
    return plan.name


def of_strange_kind(problem, name):
    """The problem with one layer of a kind that no rule knows."""
    layers = [
        replace(layer, kind="solve", gemms=()) if layer.name == name else layer
        for layer in problem.graph.layers
    ]
    return replace(problem, graph=replace(problem.graph, layers=tuple(layers)))


@pytest.mark.parametrize("side", ["edge", "cloud"])
def test_layers_that_no_rule_knows_are_named_with_what_a_device_does(side, recwarn):
    problem = of_strange_kind(random_problem(random.Random(3), 6), "l2")
    devices = {"edge": problem.edge, "cloud": problem.cloud}
    stated = {key: replace(one, unknown_operators="traffic") for key, one in devices.items()}

    make_plans(replace(problem, **stated), SearchOptions(front=None))
    told = {str(warning.message) for warning in recwarn.list}
    recwarn.clear()
    make_plans(replace(problem, **{**stated, side: devices[side]}), SearchOptions(front=None))
    refused = {str(warning.message) for warning in recwarn.list} - told

    assert told == {
        f"{name}: timed by their traffic alone, no cost is known: l2 (solve)" for name in devices
    }
    where = {"edge": "on the edge", "cloud": "in the cloud"}[side]
    (line,) = refused
    assert line == (
        f"{side}: no cost is known of l2 (solve): plans that run such a layer {where} are left "
        "out; measure the layers and use a device of model table, or let the profile say "
        "unknown_operators: traffic"
    )


class TestMakePlans:
    def test_without_limits_all_plans_of_all_methods_are_there(self, problem):
        methods = ("autosplit", "uniform8", "cloud16")
        planned = make_plans(problem, SearchOptions(methods=methods, front=None))

        assert sorted(planned.plans, key=name) == sorted(search(problem, methods), key=name)

    def test_all_stands_for_every_method(self, problem):
        planned = make_plans(problem, SearchOptions(methods=("all",)))

        found = {plan.method for plan in planned.plans}
        assert {"neurosurgeon", "qdmp", "random"} <= found <= set(METHODS)

    def test_a_thin_front_says_how_many_plans_there_were(self, problem):
        every = make_plans(problem, SearchOptions(front=None))
        few = make_plans(problem, SearchOptions(front=2))

        ours = sum(plan.method == "autosplit" for plan in every.plans)
        kept = sum(plan.method == "autosplit" for plan in few.plans)
        assert kept < ours
        assert few.text == (
            f"kept {kept} of the {ours} plans of method autosplit, and {len(few.plans) - kept} "
            "plans of other methods"
        )
        assert every.text.startswith(f"kept {ours} plans of method autosplit, and ")

    def test_plans_within_a_limit_come_first_and_the_others_keep_it(self, problem):
        distortions = sorted(plan.distortion for plan in search(problem, ("autosplit",)))
        most = distortions[len(distortions) // 2]
        planned = make_plans(problem, SearchOptions(max_distortion=most))

        assert planned.plans[0].name.startswith("limit-")
        assert all(plan.distortion <= most * (1 + 1e-9) for plan in planned.plans)

    def test_useful_cuts_say_what_is_proven(self, problem):
        planned = make_plans(problem, SearchOptions(max_distortion=1e9, cuts="useful"))

        assert "; within limits over " in planned.text

    def test_pins_hold_for_our_plans(self, problem):
        owner = next(layer.name for layer in problem.graph.layers if layer.owns_weight)
        planned = make_plans(problem, SearchOptions(pins=(f"{owner}:weight=8",)))

        ours = [plan for plan in planned.plans if plan.method == "autosplit"]
        assert {plan.weight_bits[owner] for plan in ours if owner in plan.weight_bits} == {8}

    def test_a_limit_that_nothing_keeps_is_told(self, problem):
        with pytest.raises(InfeasibleError, match="latency over"):
            make_plans(problem, SearchOptions(max_latency_s=1e-9))


class TestPlanFiles:
    def test_they_are_those_of_the_run_folder(self, finished):
        folder = finished.place / "run"
        graph = read_graph(folder)
        files = read_plans(folder, graph, plan_names(folder))
        plans = [file.plan for file in files.values()]
        sha256 = next(iter(files.values())).graph_sha256

        made = list(plan_files(plans, graph, read_stats(folder), sha256))
        assert [file.plan.name for file in made] == list(files)
        for file in made:
            assert file == files[file.plan.name]

    def test_the_baseline_is_cloud16_if_it_is_there(self, finished):
        folder = finished.place / "run"
        graph, stats = read_graph(folder), read_stats(folder)
        files = read_plans(folder, graph, plan_names(folder))
        some = [file.plan for name, file in files.items() if name != "cloud16"]

        assert {file.baseline for file in plan_files(some, graph, stats)} == {""}
        (cloud,) = plan_files([files["cloud16"].plan], graph, stats)
        assert cloud.baseline_latency_s == {
            link: seconds.latency_s for link, seconds in cloud.plan.predictions.items()
        }
