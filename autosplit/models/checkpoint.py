"""Files that PyTorch wrote -> weights; nothing but tensors, numbers and text is ever unpickled."""

import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from autosplit.errors import FileError, ModelError
from autosplit.plainfile import open_plain


def load_checkpoint(module: nn.Module, path: Path, ignored: tuple[str, ...] = ()) -> None:
    """Load a state dict into the module, or say in one line how it differs.

    Raises:
        ModelError: The file is no state dict, or not of this network.
    """
    state = {
        key.removeprefix("module."): value
        for key, value in _read_checkpoint(path).items()
        if not key.startswith(ignored)
    }
    own = module.state_dict()
    if not any(key.startswith("module_list.") for key in own):
        state = darknet_names(state)
    counters = {key for key in own if key.endswith("num_batches_tracked")}
    problems = {
        "missing": sorted(own.keys() - state.keys() - counters),
        "unexpected": sorted(state.keys() - own.keys()),
        "of another shape": sorted(
            key for key in own.keys() & state.keys() if own[key].shape != state[key].shape
        ),
    }
    if any(problems.values()):
        parts = [
            f"{len(keys)} {what} (first: {', '.join(keys[:3])})"
            for what, keys in problems.items()
            if keys
        ]
        raise ModelError(f"{path}: must hold the weights of this network, got {'; '.join(parts)}")
    complete = OrderedDict((key, state.get(key, own[key])) for key in own)
    # Some networks refuse a state dict without the version marks that only torch.save keeps.
    complete._metadata = getattr(own, "_metadata", {})  # type: ignore[attr-defined] # noqa: SLF001
    module.load_state_dict(complete)


def darknet_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the layers of ports of Darknet to PyTorch; other keys are kept.

    Args:
        state: State dict.  ``module_list.3.Conv2d.weight`` (the archive of ultralytics' yolov3) and
            ``module_list.3.conv_3.weight`` (eriklindernoren's PyTorch-YOLOv3) become ``3.weight``,
            their batch norms ``3.norm.weight``; what their heads and counters keep is dropped.
    """
    found = {}
    for key, value in state.items():
        layer = PORT.fullmatch(key)
        if layer is not None and layer["rest"] is not None:
            continue
        if layer is not None:
            norm = "norm." if layer["norm"] else ""
            key = f"{layer['number']}.{norm}{layer['name']}"  # noqa: PLW2901 - its new name
        found[key] = value
    return found


PORT = re.compile(
    r"module_list\.(?P<number>\d+)\."
    r"(?:(?:(?:Conv2d|conv_\d+)|(?P<norm>BatchNorm2d|batch_norm_\d+))\.(?P<name>\w+)"
    r"|(?P<rest>(?:yolo_\d+\.)?(?:anchors|anchor_grid|grid|stride|total_ops|total_params).*))"
)
"""A key of a port of Darknet: number of the layer, part of it, and name of the tensor."""


def port_epsilon(path: Path) -> float | None:
    """What a port of Darknet adds to variances of batch norms; None where a file is of none.

    ultralytics' archive has 1e-4, eriklindernoren's PyTorch's own 1e-5, Darknet itself 1e-6.

    Args:
        path: A state dict.
    """
    for key in _read_checkpoint(path):
        layer = PORT.fullmatch(key.removeprefix("module."))
        if layer is not None and layer["norm"]:
            return 1e-4 if layer["norm"] == "BatchNorm2d" else 1e-5
    return None


def is_port(path: Path) -> bool:
    """Whether a state dict has the names of a port of Darknet to PyTorch."""
    return any(PORT.fullmatch(key.removeprefix("module.")) for key in _read_checkpoint(path))


def _numpy_names() -> list[Any]:
    """What a pickle may name to hold arrays and numbers of NumPy, which many trainings keep.

    NumPy 2 has renamed its modules; a file has the names of the version that wrote it.
    """
    makers = np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0]
    names = [
        (maker, f"numpy.{core}.multiarray.{name}")
        for maker, name in zip(makers, ("_reconstruct", "scalar"), strict=True)
        for core in ("core", "_core")
    ]
    kinds = {type(np.dtype(kind)) for kind in np.typecodes["AllFloat"] + np.typecodes["AllInteger"]}
    return [*names, np.ndarray, np.dtype, *kinds, type(np.dtype(bool)), *_TEXTS]


_TEXTS = (type(np.dtype("S1")), type(np.dtype("U1")))
"""Types of text in arrays."""


def _read_checkpoint(path: Path) -> Mapping[str, Tensor]:
    """Read a state dict from a file, unpickling nothing but tensors, numbers and text."""
    try:
        if path.exists():
            open_plain(path).close()  # a pipe would be waited for
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(_numpy_names()):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except FileError as error:
        raise ModelError(str(error)) from error
    except FileNotFoundError as error:
        raise ModelError(f"{path}: must be a checkpoint, there is no such file") from error
    except (OSError, RuntimeError, EOFError, SafetensorError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path}: must be a checkpoint, got {' '.join(str(error).split())}"
        ) from error
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path}: must be a state dict of tensors (nothing but tensors, numbers and text is "
            "ever unpickled), "
            "save it with torch.save(network.state_dict(), FILE)"
        ) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ModelError(f"{path}: must be a state dict of tensors, got {type(found).__name__}")
    return found
