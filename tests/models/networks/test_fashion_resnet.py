"""The bundled network is as small, as cheap and as accurate as its page says."""

import json

import pytest
import torch
from safetensors import safe_open
from torch.utils.flop_counter import FlopCounterMode

from autosplit.data.bundled import BUNDLED
from autosplit.data.datasets import load_data
from autosplit.models.load import load_model
from autosplit.models.networks.fashion_resnet import GARMENTS, ResidualBlock, fashion_resnet


def test_it_has_237946_weights():
    # Stem, stages (convolutions and shortcuts), two numbers per normalized channel, classifier.
    stem = 1 * 16 * 9
    stage1 = 2 * 16 * 16 * 9
    stage2 = 16 * 32 * 9 + 3 * 32 * 32 * 9 + 16 * 32
    stage3 = 32 * 80 * 9 + 3 * 80 * 80 * 9 + 32 * 80
    normalization = 2 * (3 * 16 + 5 * 32 + 5 * 80)
    expected = stem + stage1 + stage2 + stage3 + normalization + 80 * 10 + 10

    found = sum(parameter.numel() for parameter in fashion_resnet().parameters())

    assert found == expected == 237_946
    assert found <= 300_000


def test_it_costs_19870496_multiply_accumulates():
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        fashion_resnet().eval()(torch.zeros(1, 1, 28, 28))

    assert counter.get_total_flops() == 2 * 19_870_496


def test_it_answers_one_logit_per_class():
    with torch.no_grad():
        assert fashion_resnet().eval()(torch.zeros(3, 1, 28, 28)).shape == (3, len(GARMENTS))


def test_a_block_that_keeps_the_shape_adds_its_input():
    block = ResidualBlock(4, 4, 1).eval()
    torch.nn.init.zeros_(block.second[0].weight)
    features = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(0))

    with torch.no_grad():
        torch.testing.assert_close(block(features), features.relu())


def test_a_block_that_strides_halves_the_size_on_both_ways():
    with torch.no_grad():
        assert ResidualBlock(4, 8, 2).eval()(torch.zeros(1, 4, 7, 7)).shape == (1, 8, 4, 4)


def test_the_bundled_weights_are_right_about_the_bundled_sample():
    model = load_model("fashion-resnet")
    data = load_data("fashion-mnist", model.preprocess)

    right = 0
    with torch.inference_mode():
        for images, labels in data.evaluation.batches(250):
            right += int((model.module(images).argmax(1) == labels).sum())

    assert len(data.evaluation) == 1000
    assert right >= 920


def test_the_bundled_weights_tell_how_they_were_made():
    with safe_open(BUNDLED / "fashion_resnet.safetensors", "pt") as file:
        training = json.loads(file.metadata()["training"])

    assert training["command"].startswith("python experiments/train_fashion.py --epochs ")
    assert training["top1"] == pytest.approx(0.94, abs=0.01)
