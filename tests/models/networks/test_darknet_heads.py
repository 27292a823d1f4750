"""What sections of heads say, and what is refused or warned of."""

import pytest

from autosplit.errors import AutoSplitWarning, ModelError
from autosplit.models.networks.darknet import build_darknet

NET = "[net]\nwidth=64\nheight=32\n[conv]\nsize=1\nstride=8\nactivation=linear\nfilters="


def head(filters, text):
    return build_darknet(f"{NET}{filters}\n{text}", "a.cfg").heads[0]


def test_a_yolo_section_says_how_boxes_are_coded_and_suppressed():
    found = head(
        12,
        "[yolo]\nmask=1,2\nanchors=1,2, 3,4, 5,6\nclasses=1\nnew_coords=1\nscale_x_y=2.0\n"
        "nms_kind=diounms\nbeta_nms=0.7\niou_thresh=0.2\n",
    )

    assert (found.coding, found.scale_x_y) == ("new_coords", 2.0)
    assert (found.nms_kind, found.beta_nms) == ("diounms", 0.7)
    assert found.anchors == ((3, 4), (5, 6))


def test_anchors_of_a_region_count_in_cells():
    found = head(12, "[region]\nanchors=1,2, 3,.5\nclasses=1\nnum=2\ncoords=4\nsoftmax=1\n")

    assert found.anchors == ((8, 16), (24, 4))  # cells of 8 x 8 pixels
    assert (found.coding, found.softmax) == ("region", True)


def test_gaussian_yolo_reads_nine_numbers_a_box():
    assert head(22, "[Gaussian_yolo]\nanchors=1,2, 3,4\nclasses=2\nnum=2\n").coding == "gaussian"


def test_missing_anchors_are_half_a_pixel_as_in_darknet():
    with pytest.warns(AutoSplitWarning, match="has 0 of num=2 anchors, takes 0.5 for each"):
        assert head(12, "[yolo]\nclasses=1\nnum=2\n").anchors == ((0.5, 0.5), (0.5, 0.5))


def test_anchors_of_zero_are_read():
    assert head(12, "[yolo]\nclasses=1\nanchors=0,0, 4,5\n").anchors[0] == (0, 0)


def test_an_unknown_kind_of_suppression_is_the_default_as_in_darknet():
    text = "[yolo]\nclasses=1\nanchors=1,2, 4,5\nnms_kind=gredynms\n"
    with pytest.warns(AutoSplitWarning, match="nms_kind 'gredynms' is unknown, takes default"):
        assert head(12, text).nms_kind == "default"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[yolo]\nanchors=1,2\nclasses=1\n", "must read 6 channels, 1 anchor of 5 [+] 1, got 12"),
        ("[yolo]\nanchors=1,-2\nclasses=1\n", "anchors must be pairs of pixels, got -2"),
        ("[yolo]\nclasses=1\n", "anchors must be pairs of pixels, got 0 numbers"),
        ("[yolo]\nanchors=1,2\nmask=1\n", "mask must be anchors 0 to 0"),
        ("[yolo]\nanchors=1,2\nbeta_nms=0\n", "beta_nms must be above 0"),
        ("[yolo]\nanchors=1,2\nscale_x_y=0\n", "scale_x_y must be above 0"),
        ("[Gaussian_yolo]\nanchors=1,2\nyolo_point=left_top\n", "yolo_point must be center"),
        ("[region]\nanchors=1,2\ncoords=5\n", "coords must be 4 and background 0"),
        ("[detection]\ncoords=4\n", "must read a connected layer, reads a map"),
    ],
)
def test_wrong_heads_are_refused(text, message):
    with pytest.raises(ModelError, match=message):
        head(12, text)
