"""Networks of torchvision beside classifiers: segmentation, video, and quantizable ones."""

from typing import Any

import torch
from torchvision import models

from autosplit.data.preprocess import NoImages, Preprocess
from autosplit.errors import ModelError
from autosplit.models.asked_model import AskedModel, BuiltNetwork
from autosplit.models.torchvision import build_with_weights, named_weights, torchvision_preprocess

FRAMES = 16
"""Frames of a clip, on which torchvision's video networks are trained."""


def segmentation_names() -> list[str]:
    """Return the names of torchvision's segmentation networks, sorted."""
    return list(models.list_models(module=models.segmentation))


def video_names() -> list[str]:
    """Return the names of torchvision's video networks, sorted."""
    return list(models.list_models(module=models.video))


def quantizable_names() -> list[str]:
    """Return the names of torchvision's quantizable classifiers, sorted."""
    return list(models.list_models(module=models.quantization))


def build_segmentation(asked: AskedModel) -> BuiltNetwork:
    """Build a segmentation network; the whole picture is resized to a square.

    Raises:
        ModelError: There are no such weights, or they cannot be downloaded.
    """
    name = asked.spec.partition(":")[2]
    weights = named_weights(asked, name)
    # the auxiliary head serves training alone; weights of torchvision have it
    module: Any = build_with_weights(asked, name, weights, {"weights_backbone": None})
    if hasattr(module, "aux_classifier"):
        module.aux_classifier = None
    known = (weights or models.get_model_weights(name).DEFAULT).transforms()
    side = asked.input_size or known.resize_size[0]
    size = (side, side)
    preprocess = Preprocess(size, size, tuple(known.mean), tuple(known.std))
    return BuiltNetwork(
        name,
        module,
        torch.zeros(1, 3, *size),
        preprocess,
        asked.spec.encode(),
        ignored_keys=("aux_classifier.",),
    )


def build_video(asked: AskedModel) -> BuiltNetwork:
    """Build a network of clips, (batch, 3, frames, H, W); a person's function gives the clips.

    Raises:
        ModelError: There are no such weights, or they cannot be downloaded.
    """
    name = asked.spec.partition(":")[2]
    weights = named_weights(asked, name)
    module = build_with_weights(asked, name, weights, {})
    known = (weights or models.get_model_weights(name).DEFAULT).transforms()
    size = [asked.input_size] * 2 if asked.input_size else known.crop_size
    size = list(size) * (2 // len(size))
    example = torch.zeros(1, 3, FRAMES, *size)
    return BuiltNetwork(name, module, example, NoImages(tuple(example.shape)), asked.spec.encode())


def build_quantizable(asked: AskedModel) -> BuiltNetwork:
    """Build a quantizable classifier in floats: autosplit chooses the widths.

    Raises:
        ModelError: Weights are asked for; those of torchvision are integers already.
    """
    name = asked.spec.partition(":")[2]
    plain = name.removeprefix("quantized_")
    if asked.weights is not None:
        raise ModelError(
            f"{asked.spec}: its weights are 8-bit integers already, take --model "
            f"torchvision:{plain} --weights {asked.weights}"
        )
    options: dict[str, Any] = {"quantize": False}
    if plain in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": False}
    module = build_with_weights(asked, name, None, options)
    preprocess = torchvision_preprocess(models.get_model_weights(plain).DEFAULT, asked.input_size)
    return BuiltNetwork(
        name, module, torch.zeros(1, 3, *preprocess.crop), preprocess, asked.spec.encode()
    )
