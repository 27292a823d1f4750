"""A part of the zoo, end to end: what ``experiments/zoo.py`` does with all of it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))
zoo = pytest.importorskip("zoo")
SLOW = ("recurrent:lstm-bi-2", "recurrent:gru-bi-2", "transformers:Deberta", "transformers:Funnel")
"""The dearest of those with a tiny configuration."""
OWN = [
    pytest.param(exhibit, id=exhibit.name, marks=pytest.mark.slow if exhibit.name in SLOW else ())
    for exhibit in zoo.exhibits()
    if exhibit.name in zoo.OWN or exhibit.name.startswith("transformers")
]


# torch says so where a flag of another maker's processors is asked for
@pytest.mark.filterwarnings("ignore:TF32 acceleration:UserWarning")
@pytest.mark.parametrize("exhibit", OWN)
def test_a_network_of_the_zoo_is_right(exhibit):
    assert zoo.examine(exhibit).result == "right"


def test_the_zoo_has_121_networks_with_names_of_their_own():
    names = [exhibit.name for exhibit in zoo.exhibits()]

    assert len(set(names)) == len(names) == 121
