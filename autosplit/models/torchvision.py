"""``torchvision:NAME`` -> an image classifier of torchvision; and the weights that it names."""

from collections.abc import Mapping
from typing import Any

import torch
from PIL import Image
from torch import nn
from torchvision import models

from autosplit.data.preprocess import Preprocess
from autosplit.errors import ModelError, did_you_mean
from autosplit.models.asked_model import AskedModel, BuiltNetwork, random_weights


def classifier_names() -> list[str]:
    """Return the names of torchvision's image classifiers, sorted."""
    names: list[str] = models.list_models(module=models)
    return names


def build_classifier(asked: AskedModel) -> BuiltNetwork:
    """Build ``torchvision:NAME``.

    Raises:
        ModelError: There is no such classifier or no such weights, or the weights cannot be
            downloaded.
    """
    name = asked.spec.partition(":")[2]
    names = classifier_names()
    if name not in names:
        raise ModelError(
            f"model: torchvision has no classifier {name!r}{did_you_mean(name, names)}"
        )
    weights = named_weights(asked, name)
    options: dict[str, Any] = {}
    if name in _AUXILIARY:
        # Off, or the networks answer with a tuple in training and warn about their random weights.
        options = {"aux_logits": False, "init_weights": False}
    module = build_with_weights(asked, name, weights, options)
    preprocess = torchvision_preprocess(
        weights or models.get_model_weights(name).DEFAULT, asked.input_size
    )
    return BuiltNetwork(
        name,
        module,
        torch.zeros(1, 3, *preprocess.crop),
        preprocess,
        asked.spec.encode(),
        ignored_keys=_AUXILIARY.get(name, ()),
    )


def named_weights(asked: AskedModel, name: str) -> Any:
    """Return the member of torchvision's enumeration of weights that a person names.

    Args:
        asked: What is asked for; its ``weights`` may have the name of the enumeration before that
            of the member.
        name: Name of the network.

    Returns:
        The member; None where no weights are asked for.

    Raises:
        ModelError: The network has no such weights.
    """
    if asked.weights is None:
        return None
    known = models.get_model_weights(name)
    short = asked.weights.removeprefix(f"{known.__name__}.")
    if short not in known.__members__:
        choices = {"DEFAULT", *known.__members__}
        raise ModelError(f"{asked.spec}: has no weights {short!r}{did_you_mean(short, choices)}")
    return known[short]


def build_with_weights(
    asked: AskedModel, name: str, weights: Any, options: Mapping[str, Any]
) -> nn.Module:
    """Build a network of torchvision, with random weights where ``weights`` is None.

    Args:
        asked: Gives the seed of random weights, and its name to errors.
        name: Name of the network.
        weights: A member of torchvision's enumeration of weights, or None.
        options: Other arguments of torchvision's function.

    Raises:
        ModelError: The weights cannot be downloaded.
    """
    try:
        with random_weights(asked.seed):
            module: nn.Module = models.get_model(name, weights=weights, **options)
    except (OSError, RuntimeError) as error:
        if weights is None:
            raise
        raise ModelError(
            f"{asked.spec}: weights {weights.name} must be downloaded from {weights.url}, "
            f"got {' '.join(str(error).split())}; fetch that elsewhere and give it as a checkpoint"
        ) from error
    return module


def torchvision_preprocess(weights: Any, input_size: int | None) -> Preprocess:
    """Return the preparation that belongs to the weights, at another size if one is asked for."""
    found = weights.transforms()
    crop, resize = found.crop_size[0], found.resize_size[0]
    if input_size is not None:
        crop, resize = input_size, round(input_size * resize / crop)
    method = Image.Resampling[found.interpolation.name]
    return Preprocess((resize,) * 2, (crop,) * 2, tuple(found.mean), tuple(found.std), method)


# Heads that only training uses, by network; checkpoints of torchvision may hold them.
_AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}
