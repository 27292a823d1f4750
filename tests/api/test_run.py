"""``autosplit.run`` and ``open_run``: a run folder as an object."""

import pytest
import yaml

import autosplit
from autosplit.errors import AutoSplitError, StageError
from autosplit.runs.folder import plan_names


def test_a_run_is_an_object_with_what_its_files_say(tiny):
    run = autosplit.open_run(tiny.run)

    assert len(run.graph.layers) == 3
    assert run.stats.samples == 8
    assert {plan.name for plan in run.plans} == set(plan_names(tiny.run))
    assert run.plans.links == ("1mbps", "20kbps")
    assert run.scores["float"]["images"] == 12
    assert set(run.picks) == {"1mbps", "20kbps"}
    assert run.figure.read_bytes().startswith(b"\x89PNG")
    assert run.text.startswith("Over 1mbps; float network: ")


def test_picks_are_those_of_the_file(tiny):
    run = autosplit.open_run(tiny.run)
    picks = yaml.safe_load((tiny.run / "pick.yaml").read_text())["picks"]

    assert {link: pick.plan.name for link, pick in run.picks.items()} == {
        link: entry["plan"] for link, entry in picks.items()
    }
    for link, pick in run.picks.items():
        assert run.plans.pick(link, run.scores).plan.name == pick.plan.name


def test_run_does_what_is_new_and_returns_the_same_object(tiny):
    before = (tiny.run / "summary.csv").read_bytes()

    run = autosplit.run(out=tiny.run, **tiny.given)

    assert repr(run) == f"Run({str(tiny.run)!r})"
    assert (tiny.run / "summary.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"modle": "x"}, "modle"),
        ({"model": 3}, "model: must be the name or file of a network"),
        ({"data": [1]}, "data: must be the name of a data set"),
    ],
)
def test_wrong_options_are_one_clear_line(tiny, options, expected):
    with pytest.raises(AutoSplitError, match=expected):
        autosplit.run(out=tiny.run, **options)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(StageError, match=r"must be a run folder, it has no stages/stats.json"):
        autosplit.open_run(tmp_path)


def test_a_stage_that_is_not_done_is_named(tiny):
    (tiny.run / "stages" / "quantize.json").unlink()

    with pytest.raises(StageError, match="the stage quantize must be done, run: autosplit quant"):
        autosplit.open_run(tiny.run).scores
