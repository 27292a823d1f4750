"""Classifiers of torchvision: sizes, auxiliary heads, weights by name."""

import re
import urllib.error

import pytest
import torch
import torchvision
from loaded import model_error
from torch import nn

from autosplit.models.asked_model import AskedModel
from autosplit.models.load import load_model
from autosplit.models.torchvision import build_classifier, named_weights


def test_random_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = load_model("torchvision:squeezenet1_1", seed=3)
    torch.manual_seed(2)
    second = load_model("torchvision:squeezenet1_1", seed=3)
    third = load_model("torchvision:squeezenet1_1", seed=4)

    assert first.sha256 == second.sha256
    assert first.sha256 != third.sha256
    assert re.fullmatch("[0-9a-f]{64}", first.sha256)


@pytest.mark.parametrize(("name", "size"), [("googlenet", 224), ("inception_v3", 299)])
def test_networks_with_auxiliary_heads_answer_with_one_tensor(name, size):
    model = load_model(f"torchvision:{name}")

    with torch.inference_mode():
        assert model.module(model.example_input).shape == (1, 1000)
    assert model.example_input.shape == (1, 3, size, size)
    assert not [key for key in model.module.state_dict() if key.lower().startswith("aux")]


def test_the_input_size_scales_the_resize_with_the_crop():
    model = load_model("torchvision:mobilenet_v2", input_size=112)

    # The weights resize to 232 and crop 224: half of each.
    assert model.preprocess.resize == (116, 116)
    assert model.preprocess.crop == (112, 112)
    assert model.example_input.shape == (1, 3, 112, 112)
    assert model.sha256 != load_model("torchvision:mobilenet_v2").sha256


def test_weights_that_cannot_be_downloaded_are_one_line(monkeypatch, tmp_path):
    def fail(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("torch.hub.urlopen", fail)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    text = model_error("torchvision:squeezenet1_1", weights="DEFAULT")

    assert "IMAGENET1K_V1 must be downloaded from https://" in text
    assert text.endswith("fetch that elsewhere and give it as a checkpoint")


def test_a_checkpoint_may_hold_auxiliary_heads(tmp_path):
    full = torchvision.models.googlenet(aux_logits=True, init_weights=False)
    torch.save(full.state_dict(), tmp_path / "googlenet.pth")

    model = load_model("torchvision:googlenet", checkpoint=tmp_path / "googlenet.pth")

    assert torch.equal(model.module.state_dict()["fc.bias"], full.fc.bias)


@pytest.mark.parametrize("weights", ["IMAGENET1K_V1", "ResNet50_Weights.IMAGENET1K_V1"])
def test_weights_may_have_the_name_of_their_enumeration(weights):
    found = named_weights(AskedModel("torchvision:resnet50", weights), "resnet50")

    assert found is torchvision.models.ResNet50_Weights.IMAGENET1K_V1


def test_images_are_prepared_as_the_weights_asked_for_say(monkeypatch):
    monkeypatch.setattr("autosplit.models.torchvision.build_with_weights", lambda *_: nn.Identity())
    first, second = (
        build_classifier(AskedModel("torchvision:resnet50", name)).preprocess
        for name in ("IMAGENET1K_V1", "IMAGENET1K_V2")
    )

    assert (first.resize, second.resize) == ((256, 256), (232, 232))
