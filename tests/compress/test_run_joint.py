"""``search --prune``: a pruned variant within the memory, searched beside the whole network."""

import json

import pytest
from run_folders import table

from autosplit.cli.app import main
from autosplit.files import read_yaml


@pytest.fixture
def searched(tiny, capsys):
    def search(*more):
        status = main(["search", "--run", str(tiny.run), "--prune", *more])
        return status, capsys.readouterr()

    return search


def test_a_pruned_variant_has_a_plan_that_is_all_on_the_edge_within_the_memory(searched, tiny):
    status, said = searched("--memory", "300")

    assert status == 0, said.err
    assert "with all channels nothing fits" in said.err
    about = read_yaml(tiny.run / "pruned/network.autosplit.yaml", "network")["variant"]
    assert about["settings"] == {"memory_bytes": 300}
    assert about["weights"] < about["parent"]["weights"]
    plans = {row["name"]: row for row in table(tiny.run / "variants/pruned/plans.csv")}
    assert int(plans["all-edge"]["edge_memory_bytes"]) <= 300
    rows = table(tiny.run / "variants.csv")
    assert {row["variant"] for row in rows} == {"whole", "pruned"}
    assert ("whole", "all-edge") not in {(row["variant"], row["name"]) for row in rows}


def test_all_channels_stay_where_bits_alone_are_better(searched, tiny):
    assert searched("--memory", "300")[0] == 0
    path = tiny.run / "stages/joint.json"
    costs = json.loads(path.read_text())
    for choices in costs["choices"].values():
        for choice in choices[1:]:
            choice[1] = 10.0  # of every group, all but the choice that keeps all channels
    path.write_text(json.dumps(costs))

    status, said = searched("--memory", "1MB", "--variants", "none")

    assert status == 0, said.err
    assert "all channels stay, no variant" in said.err


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--memory", "none"], "--prune: needs a limit of the memory, give one with --memory"),
        (["--memory", "40"], "memory: must hold the whole network with its fewest channels"),
    ],
)
def test_what_cannot_be_pruned_is_one_line(searched, more, line):
    status, said = searched(*more)

    assert status in (1, 2)
    assert line in said.err.splitlines()[-1]
