"""What options name, looked up before any work: networks, data, devices, links, pins.

Nothing here imports torch or reads a network: a name that cannot be one is refused at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from autosplit.errors import OptionError, PlanError, ProfileError, did_you_mean
from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link
from autosplit.models.forms import NETWORK_FORMS, onnx_refusal
from autosplit.plan.pins import parse_pin

# These names are those of registries whose modules need torch; a test compares them.
BUNDLED_NETWORKS = (
    *("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"),
    *("fashion-resnet", "scenes-yolo"),
)
"""Whole names of networks: ``models.load``."""
KINDS_OF_NETWORKS = ("torchvision", "timm", "transformers", "yolo", "torchvision-backbone")
"""What stands before the colon in the name of a network: ``models.load``."""
DATA_KINDS = {
    "demo": (False,),
    "demo-crops": (False,),
    "fashion-mnist": (False, True),
    "imagefolder": (True,),
    "coco": (True,),
    "scenes": (False,),
}
"""Kind of data set -> whether a folder may follow behind a colon: ``data.datasets``."""

_TORCHVISION = re.compile(
    "(alexnet|convnext|densenet|efficientnet_|googlenet|inception|maxvit|mnasnet|mobilenet|regnet|"
    "resnet|resnext|shufflenet|squeezenet|swin|vgg|vit_|wide_resnet)"
)
"""Beginnings of names of torchvision's classifiers."""


def check_names(given: Mapping[str, Any]) -> None:
    """Make sure that names in options can be found, as far as that is known without work.

    Args:
        given: Options by name, as the records hold them.

    Raises:
        OptionError: A name is unknown.
        ProfileError, FileError: The file of a profile is missing or wrong.
    """
    for name, check in _CHECKS.items():
        value = given.get(name)
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, str):
                check(name, one)


def _check_network(name: str, spec: str) -> None:
    kind, colon, _ = spec.partition(":")
    if spec in BUNDLED_NETWORKS or (colon and kind in KINDS_OF_NETWORKS):
        return
    if _is_python(spec) or spec.endswith(".pt2"):
        return
    if spec.endswith(".onnx"):
        raise OptionError(f"{name}: {onnx_refusal(spec)}")
    if _TORCHVISION.match(spec) and spec not in BUNDLED_NETWORKS:
        near = f", did you mean 'torchvision:{spec}'?"
    else:
        near = did_you_mean(spec, NETWORK_FORMS)
    raise OptionError(f"{name}: unknown name {spec!r}{near}")


def _check_data(name: str, spec: str) -> None:
    kind, _, argument = spec.partition(":")
    if _is_python(spec) or bool(argument) in DATA_KINDS.get(kind, ()):
        return
    kinds = [
        f"{kind}:DIR" if folder else kind
        for kind, allowed in DATA_KINDS.items()
        for folder in allowed
    ]
    near = did_you_mean(spec, [*kinds, "FILE.py:FUNCTION"])
    raise OptionError(f"{name}: unknown name {spec!r}{near}")


def _check_device(name: str, device: str) -> None:
    _converted(name, load_device, device)


def _check_link(name: str, link: str) -> None:  # noqa: ARG001 - one signature
    _converted("link", load_link, link)


def _converted(name: str, load: Callable[[str], object], value: str) -> None:
    try:
        load(value)
    except ProfileError as error:
        text = str(error)
        if f" {value!r}: must be" in text:
            raise OptionError(text if text.startswith(name) else f"{name}: {text}") from None
        raise


def _check_pin(name: str, pin: str) -> None:  # noqa: ARG001 - one signature
    try:
        parse_pin(pin)
    except PlanError as error:
        raise OptionError(str(error)) from None


def _is_python(spec: str) -> bool:
    return re.search(r"\.py(:\w*)?$", spec) is not None


_CHECKS: dict[str, Callable[[str, str], None]] = {
    "model": _check_network,
    "data": _check_data,
    "calibration": _check_data,
    "edge": _check_device,
    "cloud": _check_device,
    "links": _check_link,
    "pins": _check_pin,
}
"""Option -> what looks its value up."""
