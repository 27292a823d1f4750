"""Networks of torchvision beside classifiers."""

import pytest
import torch
from loaded import model_error

from autosplit.data.preprocess import NoImages
from autosplit.models.asked_model import AskedModel
from autosplit.models.load import load_model
from autosplit.models.torchvision_dense import (
    build_quantizable,
    build_video,
    quantizable_names,
    segmentation_names,
    video_names,
)


def test_segmentation_answers_with_a_class_for_each_pixel():
    model = load_model("torchvision:lraspp_mobilenet_v3_large", input_size=64)

    with torch.no_grad():
        assert model.module(model.example_input)["out"].shape == (1, 21, 64, 64)
    assert model.preprocess.resize == model.preprocess.crop == (64, 64)


def test_a_quantizable_network_is_built_in_floats():
    built = build_quantizable(AskedModel("torchvision:quantized_shufflenet_v2_x0_5"))

    assert {p.dtype for p in built.module.parameters()} == {torch.float32}
    assert built.preprocess.crop == (224, 224)


def test_weights_that_are_integers_are_refused():
    assert "take --model torchvision:resnet18 --weights DEFAULT" in model_error(
        "torchvision:quantized_resnet18", weights="DEFAULT"
    )


@pytest.mark.slow
def test_a_clip_is_no_picture():
    built = build_video(AskedModel("torchvision:mc3_18", input_size=32))

    assert built.example_input.shape == (1, 3, 16, 32, 32)
    assert isinstance(built.preprocess, NoImages)


def test_no_name_is_in_two_lists():
    lists = [segmentation_names(), video_names(), quantizable_names()]

    assert len(set().union(*lists)) == sum(map(len, lists))
