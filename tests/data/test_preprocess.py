"""Images are prepared as torchvision and Darknet do; boxes find their way back."""

import numpy as np
import pytest
import torch
import torchvision
from loaded import noise
from PIL import Image
from torchvision.transforms import v2

from autosplit.data.preprocess import (
    STYLES,
    Letterbox,
    Preprocess,
    photo_preprocess,
    preprocess_for,
    value_range,
)

RED = (255, 0, 0)


@pytest.mark.parametrize(
    ("image", "size", "place"),
    [
        ((100, 50), (64, 64), (0, 16, 64, 32)),
        ((50, 100), (64, 64), (16, 0, 32, 64)),
        ((64, 64), (64, 64), (0, 0, 64, 64)),
        ((1, 1), (64, 64), (0, 0, 64, 64)),
        ((1000, 1), (64, 64), (0, 31, 64, 1)),
        ((30, 10), (32, 64), (0, 5, 64, 21)),  # 64 / 30 of 10 is 21.3, Darknet cuts off
    ],
)
def test_an_image_fills_one_side_and_lies_in_the_middle_of_the_other(image, size, place):
    box = Letterbox(size)
    left, top, width, height = place
    inside = np.zeros(size, bool)
    inside[top : top + height, left : left + width] = True

    found = box(Image.new("RGB", image, RED)).numpy()

    assert box.place(*image) == place
    assert found.shape == (3, *size)
    assert np.unique(found[:, ~inside]).tolist() in ([], [0.5])
    assert (found[0, inside] == 1).all()
    assert (found[1:, inside] == 0).all()


@pytest.mark.parametrize(
    ("style", "align", "place"),
    [
        ("darknet", True, (0, 6, 32, 20)),
        ("alexeyab", True, (0, 0, 32, 32)),
        ("ultralytics", False, (0, 6, 32, 20)),
    ],
)
def test_a_picture_is_resized_as_its_family_does(style, align, place):
    """torch interpolates by corners or by centres too, without antialiasing."""
    photo, (left, top, width, height) = noise(80, 50), place
    box = Letterbox((32, 32), style)
    pixels = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(
        pixels, (height, width), mode="bilinear", align_corners=align
    )[0]

    found = box(photo)

    assert box.place(80, 50) == place
    inside = found[:, top : top + height, left : left + width] * 255
    # ultralytics' pictures are of whole numbers
    assert float((inside - expected).abs().max()) <= (0.51 if style == "ultralytics" else 5e-3)
    border = {"darknet": 0.5, "alexeyab": 0.5, "ultralytics": 114 / 255}[style]
    assert found[:, :top].unique().tolist() in ([], [pytest.approx(border)])


@pytest.mark.parametrize("size", [(100, 50), (50, 100), (31, 47), (64, 64)])
def test_a_picture_of_yolox_is_what_opencv_makes_of_it(size):
    """Megvii's steps: blue first, top left on 114, whole numbers of 0..255."""
    cv2 = pytest.importorskip("cv2")
    photo = noise(*size)
    ratio = min(64 / size[1], 96 / size[0])
    width, height = int(size[0] * ratio), int(size[1] * ratio)
    expected = np.full((64, 96, 3), 114, np.uint8)
    blue_first = np.array(photo)[:, :, ::-1]
    expected[:height, :width] = cv2.resize(blue_first, (width, height))
    box = Letterbox((64, 96), "yolox")

    found = box(photo).numpy()

    assert box.place(*size) == (0, 0, width, height)
    assert np.abs(found - expected.transpose(2, 0, 1)).max() <= 1.001  # OpenCV rounds shares
    np.testing.assert_allclose(found[:, height:], 114, rtol=1e-6)
    np.testing.assert_allclose(found[:, :, width:], 114, rtol=1e-6)


@pytest.mark.parametrize("style", STYLES)
def test_boxes_find_their_way_back_in_every_style(style):
    box = Letterbox((64, 96), style)
    left, top, width, height = box.place(50, 100)
    inner = torch.tensor([[0.2, 0.1, 0.7, 0.6]])
    moved = inner * torch.tensor([width, height] * 2) + torch.tensor([left, top] * 2)

    torch.testing.assert_close(
        box.back(moved, 50, 100), inner * torch.tensor([50.0, 100.0, 50.0, 100.0])
    )


def test_one_channel_is_grey():
    found = Letterbox((8, 8), channels=1)(Image.new("RGB", (8, 8), (0, 255, 0)))

    assert found.shape == (1, 8, 8)
    assert found.unique().tolist() == [pytest.approx(150 / 255)]  # BT.601: 0.587 of green


def test_an_image_of_the_size_of_the_input_is_unchanged():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)

    found = Letterbox((32, 64))(Image.fromarray(pixels))

    assert torch.equal(found, torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "LA", "CMYK", "RGBA", "P", "1", "YCbCr"])
def test_every_kind_of_image_is_made_rgb(mode):
    image = Image.new("RGB", (40, 40), (255, 255, 255)).convert(mode)

    assert torch.equal(Letterbox((32, 32))(image), torch.ones(3, 32, 32))


def test_boxes_go_back_to_the_image():
    box = Letterbox((64, 64))  # 100 x 50 lies at 0, 16 and is 64 x 32
    boxes = torch.tensor([[0.0, 16, 64, 48], [32, 32, 48, 40], [-9, 0, 99, 99]])

    found = box.back(boxes, 100, 50)

    expected = torch.tensor([[0.0, 0, 100, 50], [50, 25, 75, 37.5], [0, 0, 100, 50]])
    torch.testing.assert_close(found, expected)
    assert box.back(torch.zeros(0, 4), 100, 50).shape == (0, 4)


@pytest.mark.parametrize(
    "prepare",
    [
        photo_preprocess((8, 8)),
        preprocess_for((1, 1, 8, 8)),
        Letterbox((8, 8)),
        Letterbox((8, 8), "yolox"),
    ],
)
def test_the_range_is_that_of_black_and_of_primary_colours(prepare):
    colours = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
    images = [prepare(Image.new("RGB", (8, 8), colour)) for colour in colours]

    low, high = value_range(prepare)
    assert low == pytest.approx(min(float(image.min()) for image in images), rel=1e-6)
    assert high == pytest.approx(max(float(image.max()) for image in images), rel=1e-6)


@pytest.mark.parametrize(
    "size", [(500, 375), (375, 500), (300, 300), (231, 997), (499, 333), (333, 499)]
)
@pytest.mark.parametrize("name", ["resnet50", "swin_t", "inception_v3"])
def test_photos_are_prepared_as_torchvision_does(name, size):
    photo = noise(*size)
    weights = torchvision.models.get_model_weights(name).DEFAULT
    preset = weights.transforms()
    expected = v2.Compose(
        [
            v2.Resize(preset.resize_size, preset.interpolation),
            v2.CenterCrop(preset.crop_size),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(preset.mean, preset.std),
        ]
    )(photo)

    resize, crop = preset.resize_size * 2, preset.crop_size * 2
    method = Image.Resampling[preset.interpolation.name]
    found = Preprocess(tuple(resize), tuple(crop), tuple(preset.mean), tuple(preset.std), method)

    torch.testing.assert_close(found(photo), expected)
    torch.testing.assert_close(found(photo), preset(photo))


def test_gray_photos_become_rgb_for_a_network_that_takes_rgb():
    gray = noise(40, 30, "L")
    preprocess = Preprocess((20, 20), (20, 20), (0.5,) * 3, (0.5,) * 3)

    tensor = preprocess(gray)

    assert tensor.shape == (3, 20, 20)
    assert torch.equal(tensor[0], tensor[2])


def test_a_crop_that_is_not_square_is_covered_by_the_photo():
    preprocess = Preprocess((10, 40), (10, 40), (0.0,) * 3, (1.0,) * 3)

    # 80 wide is made 40 wide, so 60 high becomes 30 high, of which the rows 10 to 20 remain.
    photo = noise(80, 60)
    expected = np.asarray(photo.resize((40, 30), Image.Resampling.BILINEAR))[10:20] / 255

    assert np.allclose(preprocess(photo).permute(1, 2, 0).numpy(), expected, atol=1e-6)


def test_an_odd_border_of_ultralytics_is_larger_below_and_at_the_right():
    """round(62 * 32 / 80) = 25 rows leave 7: round(3.5 - 0.1) = 3 above, 4 below."""
    assert Letterbox((32, 32), "ultralytics").place(80, 62) == (0, 3, 32, 25)
    assert Letterbox((32, 32), "ultralytics").place(62, 80) == (3, 0, 25, 32)
