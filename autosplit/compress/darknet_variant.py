"""A pruned Darknet as a ``.cfg`` file with its ``.weights``, which Darknet and its kin read.

The numbers of filters are those that are left; sections of residual blocks that went are left out,
and the layers that others name are counted anew.  What was written is read back and must give what
the pruned network gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from autosplit.compress.live import LiveNetwork
from autosplit.compress.slicing import SLICING_ERROR, inputs_like, largest_difference
from autosplit.compress.variant import NETWORK_FILE
from autosplit.errors import AutoSplitError, CaptureError, warn
from autosplit.files import write_bytes
from autosplit.models.load import Model
from autosplit.models.networks.darknet import Darknet, build_darknet
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_weights import read_weights, write_weights

CFG_FILE = "network.cfg"
_NAMED_LAYERS = {"route": "layers", "shortcut": "from", "scale_channels": "from", "sam": "from"}
_WIDTH = {"convolutional": "filters", "depthwise": "filters", "connected": "output"}


@dataclass(frozen=True)
class _Left:
    """Layers of a Darknet that are left.

    Attributes:
        network: The whole network.
        numbers: Old number of a layer that is left -> its new number.
        stands_for: Old number of a shortcut that went -> that of the layer whose output it now is.
    """

    network: Darknet
    numbers: Mapping[int, int]
    stands_for: Mapping[int, int]

    def place(self, layer: int) -> int:
        """New number of what a layer's output is now."""
        while layer in self.stands_for:
            layer = self.stands_for[layer]
        return self.numbers[layer]


def write_darknet(
    folder: Path, network: Darknet, small: LiveNetwork, labels: Sequence[str] = ()
) -> tuple[Path, Path]:
    """Write a pruned Darknet.

    Args:
        folder: Folder of the variant.
        network: The network before.
        small: The pruned network.
        labels: Names of its classes.

    Returns:
        The ``.cfg`` and the ``.weights`` file.

    Raises:
        CaptureError: A ``.cfg`` file cannot say what the pruned network is.
    """
    left = _left(network, small.tensors)
    text = _text(left, small.tensors)
    cfg, weights = folder / CFG_FILE, (folder / CFG_FILE).with_suffix(".weights")
    try:
        again = build_darknet(text, CFG_FILE)
        _fill(again, left, small.tensors)
    except (AutoSplitError, RuntimeError) as error:
        raise CaptureError(f"{CFG_FILE}: cannot say what the pruned network is: {error}") from error
    write_bytes(cfg, text.encode())
    if labels:
        write_bytes(cfg.with_suffix(".names"), ("\n".join(labels) + "\n").encode())
    write_weights(again, weights)
    back = build_darknet(text, CFG_FILE)
    read_weights(back, weights)
    _check(small, back)
    return cfg, weights


def darknet_files(folder: Path, model: Model, small: LiveNetwork) -> tuple[Path, ...]:
    """Write the files of a variant of a Darknet, or warn of what only they could keep.

    Args:
        folder: Folder of the variant.
        model: The network before.
        small: The network of the variant.

    Returns:
        The ``.cfg`` and the ``.weights`` file; nothing for other networks.
    """
    path, why = folder / NETWORK_FILE, ""
    if isinstance(model.module, Darknet):
        try:
            return write_darknet(folder, model.module, small, model.labels)
        except CaptureError as error:
            why = f"{error}; "
    if model.heads:
        warn(
            f"{path}: {why}the heads of a detector are not kept in it; give --decode and --names "
            "when you load it"
        )
    elif why:
        warn(f"{path}: {why}it is the variant without a .cfg file")
    return ()


def _left(network: Darknet, tensors: Mapping[str, Tensor]) -> _Left:
    """Which layers are left: those with parameters that are there, and what reads none that went.

    A shortcut that reads a layer that went stands for the other layer that it reads.
    """
    gone: set[int] = set()
    stands_for: dict[int, int] = {}
    for section in network.sections[1:]:
        number, reads = section.number, network.reads[section.number]
        own = [name for name, _ in getattr(network, str(number)).named_parameters()]
        lost = [one for one in reads if one in gone]
        if own and not any(f"{number}.{name}" in tensors for name in own):
            gone.add(number)
        elif lost and section.kind == "shortcut":
            stands_for[number] = next(one for one in reads if one not in gone)
        elif lost:
            gone.add(number)
    kept = [s.number for s in network.sections[1:] if s.number not in gone | stands_for.keys()]
    return _Left(network, {old: new for new, old in enumerate(kept)} | {-1: -1}, stands_for)


def _text(left: _Left, tensors: Mapping[str, Tensor]) -> str:
    """The file."""
    net, *layers = left.network.sections
    _, height, width = left.network.input_shape
    parts = [_section("net", {**net.options, "width": f"{width}", "height": f"{height}"})]
    kept = [section for section in layers if section.number in left.numbers]
    parts += [_section(section.kind, _options(section, left, tensors)) for section in kept]
    return "\n".join(parts)


def _section(kind: str, options: Mapping[str, str]) -> str:
    return "\n".join([f"[{kind}]", *(f"{key}={value}" for key, value in options.items()), ""])


def _options(section: Section, left: _Left, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Options of a layer with its new numbers."""
    options = dict(section.options)
    key = _NAMED_LAYERS.get(section.kind)
    if key is not None:
        reads = left.network.reads[section.number]
        named = reads if section.kind == "route" else reads[1:]
        options[key] = ",".join(str(left.place(one)) for one in named)
    weight = tensors.get(f"{section.number}.weight")
    if section.kind in _WIDTH and weight is not None:
        options[_WIDTH[section.kind]] = str(len(weight))
        before = getattr(left.network, str(section.number))
        if section.kind == "convolutional" and before.groups == before.in_channels > 1:
            options["groups"] = str(len(weight) * before.groups // before.out_channels)
    return options


def _fill(network: Darknet, left: _Left, tensors: Mapping[str, Tensor]) -> None:
    """Give a network the tensors of the pruned one."""
    found = {}
    for target, value in tensors.items():
        number, _, name = target.partition(".")
        found[f"{left.numbers[int(number)]}.{name}"] = value.detach()
    own = network.state_dict()
    network.load_state_dict({**own, **found})


def _check(small: LiveNetwork, back: Darknet) -> None:
    """Make sure that the network that was read back is the pruned one.

    Raises:
        CaptureError: It is another one.
    """
    inputs = inputs_like(small)
    with torch.no_grad():
        found = back.eval()(*inputs)
        wanted = small.module(*inputs)
    error = largest_difference(wanted, (found,) if isinstance(found, Tensor) else found)
    if not error <= SLICING_ERROR:
        raise CaptureError(
            f"{CFG_FILE}: must give what the pruned network gives when it is read back, differs "
            f"by {error:.2g}"
        )
