"""Boxes of networks without anchors, by hand and against loops over cells."""

import math

import pytest
import torch

from autosplit.models.networks.free_boxes import integral_of, read_free, row_count, rows_in_pixels
from autosplit.models.networks.yolo_decode import decode, detect_objects
from autosplit.models.networks.yolo_heads import YoloHead

SIZE = (64, 96)


def head(coding, classes=2):
    return YoloHead(0, (), classes, coding=coding)


def test_distances_of_yolov8_are_means_of_bins():
    output = torch.full((1, 64 + 2, 8, 12), -5.0)
    for side, far in enumerate((1, 2, 3, 4)):  # all weight on one bin
        output[0, 16 * side + far, 2, 5] = 100
    output[0, 64:, 2, 5] = torch.tensor([0.0, 2.0])

    boxes, sure, kinds = read_free(output, head("yolov8"), SIZE)
    place = 2 * 12 + 5  # cells of 8 pixels; the point is at (5.5, 2.5) cells
    assert boxes[0, place].tolist() == pytest.approx([36.0, 4.0, 68.0, 52.0])
    assert sure[0, place] == 1
    assert kinds[0, place].tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-2))])


def test_one_number_a_side_is_a_distance_itself():
    output = torch.tensor([1.0, 2, 3, 4, 0]).view(1, 5, 1, 1).expand(1, 5, 2, 3)

    boxes, _, _ = read_free(output, head("yolov8", 1), (16, 24))
    assert boxes[0, 4].tolist() == [(1.5 - 1) * 8, (1.5 - 2) * 8, (1.5 + 3) * 8, (1.5 + 4) * 8]


def test_maps_of_yolox_are_read_as_loops_read_them():
    output = torch.randn(1, 7, 4, 6, generator=torch.Generator().manual_seed(0))

    boxes, sure, kinds = read_free(output, head("yolox"), SIZE)
    for row in range(4):
        for column in range(6):
            x, y, w, h, o, *c = output[0, :, row, column].tolist()
            cx, cy, w, h = 16 * (x + column), 16 * (y + row), 16 * math.exp(w), 16 * math.exp(h)
            found = row * 6 + column
            expected = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
            assert boxes[0, found].tolist() == pytest.approx(expected, abs=1e-4)
            assert sure[0, found].item() == pytest.approx(1 / (1 + math.exp(-o)))
            assert kinds[0, found].tolist() == pytest.approx([1 / (1 + math.exp(-k)) for k in c])


def test_rows_of_yolox_are_its_maps_one_after_the_other():
    maps = [torch.randn(1, 7, 64 // s, 96 // s) for s in (8, 16, 32)]
    rows = torch.cat([one.flatten(2).transpose(1, 2) for one in maps], 1)
    rows = torch.cat([rows[..., :4], rows[..., 4:].sigmoid()], -1)

    found = read_free(rows, head("yolox-rows"), SIZE)
    expected = decode(maps, [head("yolox")] * 3, SIZE)
    assert rows.shape[1] == row_count(SIZE)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0, 3.0, 100.0])
@pytest.mark.parametrize("size", [(32, 32), (64, 96), (416, 416)])
def test_rows_in_pixels_are_told_from_offsets_whatever_the_weights(size, spread):
    """Untrained networks give large numbers, and an empty picture may give none but the bias."""
    cells = [
        (x, y, s) for s in (8, 16, 32) for y in range(size[0] // s) for x in range(size[1] // s)
    ]
    place = torch.tensor(cells, dtype=torch.float)
    raw = spread * torch.randn(1, len(cells), 6, generator=torch.Generator().manual_seed(0))
    centre = (raw[..., :2] + place[:, :2]) * place[:, 2:]
    pixels = torch.cat([centre, raw[..., 2:4].exp() * place[:, 2:], raw[..., 4:]], -1)

    assert not rows_in_pixels(raw, size)
    assert spread == 100 or rows_in_pixels(pixels, size)


@pytest.mark.parametrize("coding", ["yolov8-rows", "yolov5-rows"])
def test_rows_of_boxes_are_centres_and_sizes_in_pixels(coding):
    row = [10.0, 20.0, 4.0, 8.0, *([0.5] if coding == "yolov5-rows" else []), 0.1, 0.8]
    output = torch.tensor(row).view(1, 1, -1)
    if coding == "yolov8-rows":
        output = output.transpose(1, 2)

    (found,) = detect_objects([output, torch.zeros(1)], [head(coding)], SIZE, 0.3)
    assert found.boxes.tolist() == [[8.0, 16.0, 12.0, 24.0]]
    assert found.classes.tolist() == [1]
    assert found.scores.item() == pytest.approx(0.4 if coding == "yolov5-rows" else 0.8)


def test_the_mean_of_bins_is_their_weighted_sum():
    numbers = torch.tensor([0.0, 1.0, 2.0])
    total = 1 + math.e + math.e**2
    assert integral_of(numbers).item() == pytest.approx((math.e + 2 * math.e**2) / total)
