"""``timm:NAME`` -> an image classifier of the library timm."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from PIL import Image

from autosplit.data.preprocess import Preprocess
from autosplit.errors import MissingExtraError, ModelError, did_you_mean
from autosplit.models.asked_model import AskedModel, BuiltNetwork, random_weights, safe_name


def build_timm(asked: AskedModel) -> BuiltNetwork:
    """Build ``timm:NAME``, with random weights, or with ``--weights DEFAULT`` those of its hub.

    Raises:
        MissingExtraError: timm is not installed.
        ModelError: There is no such network, or its weights cannot be fetched.
    """
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise MissingExtraError(
            f"{asked.spec}: needs the package timm, install it with: pip install 'autosplit[timm]'"
        ) from error
    name = asked.spec.partition(":")[2]
    if not timm.is_model(name):
        near = did_you_mean(name.partition(".")[0], timm.list_models())
        raise ModelError(f"model: timm has no network {name!r}{near:.200}")
    if asked.weights not in (None, "DEFAULT"):
        raise ModelError(f"{asked.spec}: weights must be DEFAULT, got {asked.weights!r}")
    options = {} if asked.input_size is None else {"img_size": asked.input_size}
    module = _created(timm, asked, name, options)
    known = timm.data.resolve_model_data_config(module)
    preprocess = _preprocess(known, asked.input_size)
    example = torch.zeros(1, known["input_size"][0], *preprocess.crop)
    return BuiltNetwork(safe_name(name), module, example, preprocess, asked.spec.encode())


def _created(timm: Any, asked: AskedModel, name: str, options: dict[str, Any]) -> Any:
    pretrained = asked.weights is not None
    with random_weights(asked.seed):
        for sized in (options, {}):  # only networks with positions of their own take a size
            try:
                return timm.create_model(name, pretrained=pretrained, **sized)
            except TypeError as error:
                problem: Exception = error
            except Exception as error:  # noqa: BLE001 - whatever timm says
                problem = error
                break
    text = " ".join(str(problem).split())[:300]
    raise ModelError(
        f"{asked.spec}: must be built by timm, got {text}; fetch weights elsewhere and give them "
        "with --checkpoint"
    ) from problem


def _preprocess(known: dict[str, Any], input_size: int | None) -> Preprocess:
    """Return the preparation that belongs to the network."""
    _, height, width = known["input_size"]
    crop = (height, width) if input_size is None else (input_size, input_size)
    share = known.get("crop_pct") or 1.0
    resize = (int(crop[0] / share), int(crop[1] / share))
    method = Image.Resampling[str(known["interpolation"]).upper()]
    return Preprocess(resize, crop, tuple(known["mean"]), tuple(known["std"]), method)
