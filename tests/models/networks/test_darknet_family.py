"""Whose program a ``.cfg`` file is for."""

import pytest

from autosplit.data.preprocess import STYLES
from autosplit.models.networks.darknet_family import family_of

NET = "[net]\nwidth=64\nheight=64\n"
OF_PJREDDIE = """[conv]
batch_normalize=1
filters=8
groups=2
size=3
stride=1
pad=1
activation=leaky
[route]
layers=-1,-2
[shortcut]
from=-3
activation=linear
[yolo]
mask = 0,1
anchors = 10,14, 23,27
classes=2
num=2
jitter=.3
ignore_thresh = .5
truth_thresh = 1
random=1
"""


def test_what_both_programs_read_is_pjreddies():
    assert family_of(NET + OF_PJREDDIE) == "darknet"


@pytest.mark.parametrize(
    "line",
    [
        *("[conv]\nstride_x=2", "[conv]\nantialiasing=0", "[yolo]\nfocal_loss=1"),
        *("[yolo]\nlabel_smooth_eps=0.1", "[conv]\nactivation = mish", "[route]\ngroups=2"),
        *("[shortcut]\nfrom=-2,-3", "[Gaussian_yolo]", "[sam]\nfrom=-2", "[net]\nmosaic=1"),
    ],
)
def test_what_alexeyabs_alone_reads_is_its(line):
    assert family_of(NET + OF_PJREDDIE + line) == "alexeyab"
    commented = "\n".join(f"#{one}" for one in line.split("\n"))
    assert family_of(NET + OF_PJREDDIE + commented) == "darknet"


@pytest.mark.parametrize("line", ["[depthwise]", "[se]\nreduction=4", "[conv]\nactivation=h_swish"])
def test_sections_of_spurslipu_are_of_ultralytics_kind(line):
    assert family_of(NET + "mosaic=1\n" + line) == "ultralytics"


def test_a_file_that_asks_for_the_shape_gets_it():
    assert family_of(NET + "letter_box=1\nmosaic=1\n") == "darknet"
    assert family_of(NET + "letter_box=0\n") == "alexeyab"
    assert family_of(NET + "letter_box=1\n", (0, 2, 5)) == "darknet"


def test_every_answer_is_a_style():
    texts = (NET, NET + "mosaic=1\n", NET + "[se]\n")
    assert {family_of(text) for text in texts} == {"darknet", "alexeyab", "ultralytics"}
    assert {family_of(text) for text in texts} < set(STYLES)
