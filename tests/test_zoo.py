"""A part of the zoo, end to end: what ``experiments/zoo.py`` does with all of it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))
zoo = pytest.importorskip("zoo")
OWN = [exhibit for exhibit in zoo.exhibits() if exhibit.name in zoo.OWN]


@pytest.mark.parametrize("exhibit", OWN, ids=lambda exhibit: exhibit.name)
def test_a_network_of_the_zoo_is_right(exhibit):
    assert zoo.examine(exhibit).result == "right"


def test_the_zoo_has_120_networks_with_names_of_their_own():
    names = [exhibit.name for exhibit in zoo.exhibits()]

    assert len(set(names)) == len(names) >= 120
