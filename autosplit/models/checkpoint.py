"""Files that PyTorch wrote -> weights and programs; nothing but tensors is ever unpickled."""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

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


def _read_checkpoint(path: Path) -> Mapping[str, Tensor]:
    """Read a state dict from a file, unpickling nothing but tensors."""
    try:
        if path.exists():
            open_plain(path).close()  # a pipe would be waited for
        if path.suffix == ".safetensors":
            return load_file(path)
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
            f"{path}: must be a state dict of tensors alone (nothing else is ever unpickled), "
            "save it with torch.save(network.state_dict(), FILE)"
        ) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ModelError(f"{path}: must be a state dict of tensors, got {type(found).__name__}")
    return found
