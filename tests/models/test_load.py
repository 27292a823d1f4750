"""Names become networks; a name that means none says why in one line."""

import pytest
import torch
from loaded import model_error
from safetensors.torch import save_file

from autosplit.models.load import load_model


@pytest.mark.parametrize("spec", ["torchvision:squeezenet1_1", "fashion-resnet"])
def test_the_random_generator_of_the_caller_is_left_as_it_was(spec):
    torch.manual_seed(5)
    expected = torch.rand(3)

    torch.manual_seed(5)
    load_model(spec)

    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("spec", "options", "expected"),
    [
        ("resnet50", {}, "model: unknown name 'resnet50', did you mean 'torchvision:resnet50'?"),
        (
            "fashion-resnt",
            {},
            "model: unknown name 'fashion-resnt', did you mean 'fashion-resnet'?",
        ),
        (
            "torchvision:resnet51",
            {},
            "model: torchvision has no classifier 'resnet51', did you mean 'resnet50'?",
        ),
        (
            "torchvision:resnet50",
            {"weights": "IMAGENET1K_V3"},
            "torchvision:resnet50: has no weights 'IMAGENET1K_V3', did you mean 'IMAGENET1K_V2'?",
        ),
        (
            "fashion-resnet",
            {"weights": "IMAGENET1K_V1"},
            "fashion-resnet: takes no weights but a checkpoint, got 'IMAGENET1K_V1'",
        ),
        (
            "fashion-resnet",
            {"weights": "DEFAULT", "checkpoint": "x.pt"},
            "fashion-resnet: takes weights or a checkpoint, got both",
        ),
        ("fashion-resnet", {"input_size": 32}, "fashion-resnet: input size must be 28, got 32"),
        (
            "fashion-resnet",
            {"input_size": 0},
            "fashion-resnet: input size must be at least 1 pixel, got 0",
        ),
        (
            "none.pt2",
            {},
            "none.pt2: must be a saved torch.export program, there is no such file",
        ),
        ("none.py", {}, "none.py: must name a function of the file, as in none.py:build"),
        ("none.py:build", {}, "none.py: must be a Python file, there is none"),
    ],
)
def test_a_name_that_means_nothing_is_one_line(spec, options, expected):
    assert model_error(spec, **options) == expected


def test_a_name_like_no_other_lists_what_there_is():
    text = model_error("zzz")

    assert text.endswith(
        "choose from: FILE.pt2, FILE.py:FUNCTION, efficientnet-lite0, efficientnet-lite1, "
        "efficientnet-lite2, fashion-resnet, scenes-yolo, timm:NAME, "
        "torchvision-backbone:NAME, torchvision:NAME, transformers:FOLDER, "
        "yolo:FILE.cfg, yolo:NAME"
    )


def test_the_hash_is_of_weights_and_of_what_defines_the_network(tmp_path):
    net = load_model("fashion-resnet")
    state = net.module.state_dict()
    save_file(state, tmp_path / "same.safetensors")
    changed = {**state, "classifier.bias": state["classifier.bias"] + 1e-6}
    save_file(changed, tmp_path / "changed.safetensors")

    same = load_model("fashion-resnet", checkpoint=tmp_path / "same.safetensors")
    other = load_model("fashion-resnet", checkpoint=tmp_path / "changed.safetensors")

    assert net.sha256 == same.sha256
    assert net.sha256 != other.sha256
    assert same.source == f"fashion-resnet checkpoint {tmp_path / 'same.safetensors'}"
