"""Seconds of coding by a device's prices, counted by hand."""

from autosplit.hardware.coding_seconds import picture_s, tensor_s


def test_a_tensor_takes_a_time_of_its_own_and_one_for_each_element():
    assert tensor_s({"tensor": 0.5, "element": 0.25, "pixel": 9.0}, 6) == 0.5 + 6 * 0.25
    assert tensor_s({"element": 0.25}, 0) == tensor_s({}, 6) == 0.0


def test_a_picture_takes_a_time_for_each_pixel_whatever_its_channels():
    for channels in (1, 3):
        assert picture_s({"tensor": 9.0, "pixel": 0.5}, (channels, 3, 4)) == 6.0
    assert picture_s({"element": 1.0}, (3, 3, 4)) == 0.0
