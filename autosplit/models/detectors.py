"""``yolo:NAME`` -> a detector of Darknet; ``torchvision-backbone:NAME`` -> that of a detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import detection, list_models
from torchvision.ops import FrozenBatchNorm2d

from autosplit.data.bundled import DARKNET
from autosplit.data.preprocess import Letterbox, photo_preprocess
from autosplit.errors import ModelError, counted, did_you_mean, warn
from autosplit.models.asked_model import AskedModel, BuiltNetwork, random_weights, safe_name
from autosplit.models.checkpoint import is_port, load_checkpoint, port_epsilon
from autosplit.models.networks.darknet import Darknet, build_darknet
from autosplit.models.networks.darknet_cfg import read_darknet_text
from autosplit.models.networks.darknet_family import family_of
from autosplit.models.networks.darknet_weights import (
    BACKBONE,
    read_weights,
    weight_places,
    weights_version,
)
from autosplit.models.torchvision import build_with_weights, named_weights

BACKBONE_SIZE = 800
"""Height and width of a backbone's input, pixels: the shorter side of torchvision's detectors."""


def build_yolo(asked: AskedModel) -> BuiltNetwork:
    """Load ``yolo:NAME`` or ``yolo:FILE.cfg``, weights from a ``.weights`` or a state dict.

    Raises:
        ModelError: There is no such network, or the file or the weights are wrong.
    """
    path = _cfg_path(asked.spec)
    text = read_darknet_text(path)
    with random_weights(asked.seed):
        network = build_darknet(text, str(path), asked.input_size, pictures=True)
    channels, height, width = network.input_shape
    network.eval()
    weights = asked.weights and Path(asked.weights)
    if weights:
        load_yolo_weights(network, weights)
    return BuiltNetwork(
        safe_name(path.stem),
        network,
        torch.zeros(1, *network.input_shape),
        Letterbox((height, width), usual_style(text, weights or None), channels),
        text.encode(),
        heads=network.heads,
        labels=_labels(path, network) if asked.names is None else (),
    )


def usual_style(text: str, weights: Path | None) -> str:
    """Return how pictures are made inputs unless the caller says otherwise.

    A state dict is ultralytics', in a ``.safetensors`` file if its names are those of a port;
    otherwise the file and the header of the weights say whose they are.

    Args:
        text: Text of the ``.cfg`` file.
        weights: File of the weights, if any.

    Raises:
        ModelError: The weights cannot be read.
    """
    if weights is None:
        return family_of(text)
    if weights.suffix in (".pt", ".pth") or (weights.suffix == ".safetensors" and is_port(weights)):
        return "ultralytics"
    return family_of(text, None if weights.suffix == ".safetensors" else weights_version(weights))


def load_yolo_weights(network: Darknet, path: Path) -> None:
    """Fill a network from a file of Darknet, or any file that a checkpoint may be.

    Raises:
        ModelError: The file is of another kind or another network.
    """
    backbone = BACKBONE.search(path.name)
    if backbone or path.suffix in (".weights", ".backup"):
        read_weights(network, path)
        if backbone:
            _warn_of_random_layers(network, path, int(backbone[1]))
    elif path.suffix in (".safetensors", ".pt", ".pth"):
        load_checkpoint(network, path)
        epsilon = port_epsilon(path)
        for part in network.modules():
            if epsilon is not None and isinstance(part, nn.BatchNorm2d):
                part.eps = epsilon
    else:
        raise ModelError(
            f"{path}: must be a .weights, .backup, .conv.NUMBER, .safetensors, .pt or .pth file, "
            f"got the suffix {path.suffix!r}"
        )


def _warn_of_random_layers(network: Darknet, path: Path, layers: int) -> None:
    """Warn where a file of a backbone leaves layers of a network without weights."""
    filled = len(list(weight_places(network, layers)))
    rest = [number for number, _ in weight_places(network)][filled:]
    if rest:
        warn(
            f"{path}: has the weights of the first {counted(layers, 'layer')} alone, the weights "
            f"of the layers from {rest[0]} on are random"
        )


def build_backbone(asked: AskedModel) -> BuiltNetwork:
    """Load ``torchvision-backbone:NAME``: a detector's backbone, its pyramid as the outputs.

    Raises:
        ModelError: There is no such detector, or it has no such weights.
    """
    name = asked.spec.partition(":")[2]
    names = list_models(module=detection)
    if name not in names:
        raise ModelError(f"model: torchvision has no detector {name!r}{did_you_mean(name, names)}")
    weights = named_weights(asked, name)
    detector = build_with_weights(asked, name, weights, {"weights_backbone": None})
    side = asked.input_size or BACKBONE_SIZE
    return BuiltNetwork(
        f"{name}_backbone",
        Backbone(detector.get_submodule("backbone")),
        torch.zeros(1, 3, side, side),
        photo_preprocess((side, side)),
        asked.spec.encode(),
        ignored_keys=("rpn.", "roi_heads.", "head."),
    )


class Backbone(nn.Module):
    """A detector's backbone and pyramid.

    Attributes:
        backbone: As in the detector, so that a checkpoint of the whole fits; frozen batch norms
            are made ordinary ones, which are the same function and can be folded.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.backbone = thaw(inner)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to the feature maps, each (N, C, H / s, W / s)."""
        features: Any = self.backbone(images)
        return (features,) if isinstance(features, Tensor) else tuple(features.values())


def thaw(module: nn.Module) -> nn.Module:
    """The module with every frozen batch norm replaced by an ordinary one, out of training."""
    if isinstance(module, FrozenBatchNorm2d):
        norm = nn.BatchNorm2d(len(module.weight), module.eps).eval()
        norm.load_state_dict(module.state_dict(), strict=False)
        return norm
    for name, child in module.named_children():
        setattr(module, name, thaw(child))
    return module


def _cfg_path(spec: str) -> Path:
    """The ``.cfg`` file of a bundled network or of the user."""
    name = spec.partition(":")[2]
    if name.endswith(".cfg"):
        return Path(name)
    names = sorted(path.stem for path in DARKNET.glob("*.cfg"))
    if name not in names:
        raise ModelError(f"model: unknown network {spec!r}{did_you_mean(name, names)}, or FILE.cfg")
    return DARKNET / f"{name}.cfg"


def _labels(path: Path, network: Darknet) -> tuple[str, ...]:
    """Names of the classes: of ``FILE.names`` beside the cfg, or COCO's if there are 80.

    Raises:
        ModelError: The file has another number of names.
    """
    count = network.heads[0].classes if network.heads else 0
    own = path.with_suffix(".names")
    coco = DARKNET / "coco.names"
    found = own if own.is_file() else coco if count == 80 else None
    if found is None:
        return tuple(map(str, range(count)))
    labels = tuple(filter(None, map(str.strip, read_darknet_text(found).splitlines())))
    if network.heads and len(labels) != count:
        raise ModelError(
            f"{found}: must name {counted(count, 'class', 'classes')}, got "
            f"{counted(len(labels), 'name')}"
        )
    return labels
