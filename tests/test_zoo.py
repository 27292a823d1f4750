"""A part of the zoo, end to end: what ``experiments/zoo.py`` does with all of it."""

import sys
from pathlib import Path

import pytest
from torchvision import models

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))
zoo = pytest.importorskip("zoo")
SLOW = (
    "recurrent:lstm-bi-2",
    "recurrent:gru-bi-2",
    "transformers:Deberta",
    "transformers:Funnel",
    "transformers:MobileBert",
    "transformers:ModernBert",
)
"""The dearest of those with a tiny configuration."""
REFUSED = "case:keeps_state"
EXHIBITS = {exhibit.name: exhibit for exhibit in zoo.exhibits()}
SMALL = [
    pytest.param(exhibit, id=name, marks=pytest.mark.slow if name in SLOW else ())
    for name, exhibit in EXHIBITS.items()
    if name in zoo.OWN or (name.startswith(("case:", "transformers:")) and name != REFUSED)
]


# torch says so where a flag of another maker's processors is asked for
@pytest.mark.filterwarnings("ignore:TF32 acceleration:UserWarning")
@pytest.mark.parametrize("exhibit", SMALL)
def test_a_network_of_the_zoo_is_right(exhibit):
    assert zoo.examine(exhibit).result == "right"


def test_a_network_of_the_zoo_that_keeps_state_is_refused_by_its_buffer():
    with pytest.raises(zoo.CaptureError, match=r": n: .* writes to a buffer at .*zoo_cases\.py:"):
        zoo.examine(EXHIBITS[REFUSED])


def test_every_classifier_and_segmenter_and_video_network_of_torchvision_is_in_the_zoo():
    there = {name.removeprefix("torchvision:") for name in EXHIBITS if "torchvision:" in name}
    parts = models, models.segmentation, models.video

    assert {name for part in parts for name in models.list_models(module=part)} == there


def test_the_zoo_has_188_networks_with_names_of_their_own():
    assert len(EXHIBITS) == len(zoo.exhibits()) == 188
