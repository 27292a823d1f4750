"""Values of options that cannot be, each told for itself."""

import pytest

from autosplit.errors import ModelError
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_values import anchor_sides, wrong_values


def section(kind, **options):
    lines = {key: place for place, key in enumerate(options, 2)}
    return Section(kind, 0, f"a.cfg:1: [{kind}] of layer 0", options, lines)


def test_every_wrong_value_of_a_section_is_found():
    found = wrong_values(
        section("convolutional", filters="8", size="x", stride="0", pad="-1", activation="no such")
    )

    assert {key: str(error).partition(":")[2][:1] for key, error in found.items()} == {
        "size": "3",
        "stride": "4",
        "pad": "5",
    }


@pytest.mark.parametrize(
    ("kind", "key", "value", "message"),
    [
        ("yolo", "scale_x_y", "0", "scale_x_y must be above 0, got 0"),
        ("yolo", "beta_nms", "1,2", "beta_nms must be one number, got '1,2'"),
        ("yolo", "mask", "a", "mask must be whole numbers, got 'a'"),
        ("yolo", "anchors", "1,-2", "anchors must be pairs of pixels, got -2"),
        ("route", "layers", "1.5", "layers must be whole numbers, got '1.5'"),
        ("upsample", "scale", "nan", "scale must be numbers, got 'nan'"),
        ("shortcut", "weights_type", "x", "weights_type is unknown, 'x', choose from: none, "),
        ("Gaussian_yolo", "yolo_point", "top", "yolo_point is unknown, 'top'"),
        ("region", "softmax", "yes", "softmax must be whole numbers, got 'yes'"),
    ],
)
def test_a_value_is_read_as_what_its_option_must_be(kind, key, value, message):
    (error,) = wrong_values(section(kind, **{key: value})).values()

    assert message in str(error)
    assert str(error).startswith("a.cfg:2: ")


def test_values_that_are_right_and_options_of_other_sections_are_no_problem():
    assert not wrong_values(section("yolo", anchors="1,2", mask="0", classes="1", random="x"))
    assert not wrong_values(section("maxpool", size="2", filters="x"))


def test_anchors_are_pairs_of_at_least_0():
    assert anchor_sides(section("yolo", anchors="0,1,2.5,3")) == (0, 1, 2.5, 3)
    assert anchor_sides(section("yolo")) == ()
    with pytest.raises(ModelError, match="anchors must be pairs of pixels, got 3 numbers"):
        anchor_sides(section("yolo", anchors="1,2,3"))
