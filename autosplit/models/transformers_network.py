"""``transformers:FOLDER`` -> a network of the library transformers, from a folder of files.

The folder has ``config.json`` and weights as safetensors; nothing is unpickled, no code of the
folder is run, and nothing is fetched.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from autosplit.data.preprocess import ImageToInput, NoImages, Preprocess
from autosplit.errors import MissingExtraError, ModelError, did_you_mean
from autosplit.files import sha256_of_file
from autosplit.models.asked_model import AskedModel, BuiltNetwork, random_weights, safe_name

TOKENS = 32
"""Tokens of the example input."""
_TASKS = {
    # end of an architecture's name -> its task and the output that is scored
    "ForSequenceClassification": ("classification", "logits"),
    "ForImageClassification": ("classification", "logits"),
    "ForTokenClassification": ("sequence-labelling", "logits"),
    "ForMaskedLM": ("sequence-labelling", "logits"),
    "ForCausalLM": ("language-modelling", "logits"),
    "LMHeadModel": ("language-modelling", "logits"),
    "ForSemanticSegmentation": ("segmentation", "logits"),
    "Model": ("embedding", "last_hidden_state"),
}


def build_transformers(asked: AskedModel) -> BuiltNetwork:
    """Build the network of a folder.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelError: The folder has no such network, or its weights are no safetensors.
    """
    folder = Path(asked.spec.partition(":")[2])
    config = _config(folder)
    try:
        library: Any = importlib.import_module("transformers")
    except ImportError as error:
        raise MissingExtraError(
            f"{asked.spec}: needs the package transformers, install it with: "
            "pip install 'autosplit[transformers]'"
        ) from error
    name = _architecture(folder, config, library)
    module = _loaded(asked, folder, getattr(library, name))
    module.config.use_cache = False
    example, preprocess = _example(folder, module, asked)
    labels = config.get("id2label") or {}
    ending = next((end for end in _TASKS if name.endswith(end)), None)
    task, output = _TASKS[ending] if ending else (None, None)
    files = [folder / "config.json", *sorted(folder.glob("*.safetensors"))]
    return BuiltNetwork(
        safe_name(folder.resolve().name),
        module,
        example,
        preprocess,
        "\n".join(map(sha256_of_file, files)).encode(),
        labels=tuple(str(value) for value in labels.values()),
        task=task,
        output=output,
    )


def _config(folder: Path) -> Mapping[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"{folder}: must be a folder with config.json, there is none")
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: must be readable JSON, got {error}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path}: must be a mapping, got {type(found).__name__}")
    if found.get("auto_map"):
        raise ModelError(f"{path}: names code of its own (auto_map), which is never run")
    return found


def _architecture(folder: Path, config: Mapping[str, Any], library: Any) -> str:
    """Name of the class that builds the network."""
    names = config.get("architectures") or [None]
    name = names[0] if isinstance(names, list) else None
    built = getattr(library, name, None) if isinstance(name, str) else None
    if not isinstance(built, type) or not issubclass(built, library.PreTrainedModel):
        near = did_you_mean(str(name), [n for n in dir(library) if n.endswith(tuple(_TASKS))])
        raise ModelError(
            f"{folder}/config.json: architectures must name a network of transformers, got "
            f"{name!r}{near:.200}"
        )
    return str(name)


def _loaded(asked: AskedModel, folder: Path, built: Any) -> Any:
    """The network with its weights, or with random ones where the folder has none."""
    stored = sorted(folder.glob("*.safetensors"))
    pickled = [path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth")]
    quiet = importlib.import_module("transformers.utils.logging")
    quiet.set_verbosity_error()
    quiet.disable_progress_bar()
    options = {"local_files_only": True, "trust_remote_code": False}
    if pickled and not stored:
        raise ModelError(
            f"{folder}: must hold weights as safetensors, has {pickled[0]}, which would have to be "
            "unpickled"
        )
    try:
        with random_weights(asked.seed):
            if stored:
                return built.from_pretrained(
                    folder, use_safetensors=True, dtype=torch.float32, **options
                )
            return built(built.config_class.from_pretrained(folder, **options))
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise ModelError(f"{folder}: must be a network of transformers, got {text}") from error


def _example(folder: Path, module: Any, asked: AskedModel) -> tuple[Any, ImageToInput]:
    """An example input by name, and the preparation of pictures."""
    if module.main_input_name == "pixel_values":
        prepare = _picture(folder, module.config, asked.input_size)
        return {"pixel_values": torch.zeros(1, len(prepare.mean), *prepare.crop)}, prepare
    if module.main_input_name != "input_ids":
        raise ModelError(
            f"{folder}: must take pixel_values or input_ids, takes {module.main_input_name}; wrap "
            "it in FILE.py:FUNCTION with an example input"
        )
    most = getattr(module.config, "max_position_embeddings", TOKENS) or TOKENS
    length = min(TOKENS, most)
    vocabulary = module.config.get_text_config().vocab_size
    ids = torch.arange(length).remainder(vocabulary)[None]
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, NoImages((1, length))


def _picture(folder: Path, config: Any, input_size: int | None) -> Preprocess:
    """The preparation that ``preprocessor_config.json`` says; else pixels in 0..1."""
    path = folder / "preprocessor_config.json"
    said = json.loads(path.read_text()) if path.is_file() else {}
    size = said.get("size") or {}
    height = size.get("height") or size.get("shortest_edge") if isinstance(size, dict) else size
    own = getattr(config, "image_size", None)
    side = input_size or (own if isinstance(own, int) else None) or height or 224
    crop = (side, side)
    resize = (max(height or side, side),) * 2
    channels = getattr(config, "num_channels", 3)
    normalized = said.get("do_normalize", bool(said.get("image_mean")))
    mean = tuple(said["image_mean"]) if normalized else (0.0,) * channels
    std = tuple(said["image_std"]) if normalized else (1.0,) * channels
    method = Image.Resampling(said.get("resample", Image.Resampling.BILINEAR))
    return Preprocess(resize, crop, mean, std, method)
