"""Name of a network -> ``Model``; every kind of name has its function in a table at the foot."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from autosplit.data.preprocess import ImageToInput
from autosplit.data.python_file import is_python_spec
from autosplit.errors import ModelError, did_you_mean
from autosplit.models.asked_heads import with_asked_heads
from autosplit.models.asked_model import AskedModel, BuiltNetwork, example_tensors
from autosplit.models.bundled import (
    LITE_SIZES,
    build_efficientnet_lite,
    build_fashion_resnet,
    build_scenes_yolo,
)
from autosplit.models.checkpoint import load_checkpoint
from autosplit.models.forms import NETWORK_FORMS, onnx_refusal
from autosplit.models.networks.yolo_decode import YoloHead
from autosplit.models.program_file import build_saved_program
from autosplit.models.python_network import build_python_network
from autosplit.models.sidecar import with_sidecar

Builder = Callable[[AskedModel], BuiltNetwork]
"""A function for one kind of name; it raises ``ModelError`` where what is asked for is wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network ready to be captured, and how its images are prepared.

    Attributes:
        name: Short name, safe as the name of a file.
        module: The network in eval mode.
        program: The exported program when the source was a ``.pt2`` file.
        example_input: One input, shape (1, C, H, W) or another one that the network takes: any
            nesting of tensors.
        preprocess: Makes a network input, float32 (C, H, W), of an image.
        source: Name, weights and checkpoint as asked for, for the record.
        sha256: Hash of all that defines the network and its input.
        heads: How each output of a detector is read; empty for other networks.
        labels: Names of the classes, where they are known.
        assumed: Whether nothing but a guess says how its images are prepared.
        batch_axis: Axis of the batch in all inputs, or in each; None for an input without one.
        task: Name of the task that the network is for, where it is known.
        output: Name of the output that is scored, where it is known.
    """

    name: str
    module: nn.Module
    program: ExportedProgram | None
    example_input: Any
    preprocess: ImageToInput
    source: str
    sha256: str
    heads: tuple[YoloHead, ...] = ()
    labels: tuple[str, ...] = ()
    assumed: bool = False
    batch_axis: int | Sequence[int | None] = 0
    task: str | None = None
    output: str | None = None


def load_model(
    spec: str,
    *,
    weights: str | None = None,
    checkpoint: Path | None = None,
    input_size: int | None = None,
    seed: int = 0,
    decode: str | None = None,
    names: Path | None = None,
) -> Model:
    """Load a network by name.

    Args:
        spec: ``efficientnet-lite0``, 1 or 2 (ImageNet weights), ``fashion-resnet`` (bundled),
            ``scenes-yolo`` (bundled, a detector of garments), ``torchvision:NAME``,
            ``yolo:NAME`` or ``yolo:FILE.cfg`` (Darknet),
            ``torchvision-backbone:NAME`` (of a detector), ``timm:NAME``, ``transformers:FOLDER``,
            ``path/to/file.py:function`` (a function without arguments that returns a module, or
            a module and an example input) or ``file.pt2`` (a saved ``torch.export`` program).
        weights: For torchvision, ``DEFAULT`` or the name of one of the network's weights; for
            ``yolo``, a ``.weights`` or ``.safetensors`` file.
        checkpoint: A state dict, ``.safetensors`` or what ``torch.save`` wrote.
        input_size: Height and width of the input, pixels, where the network leaves it open.
        seed: Seed of random weights; the caller's random generator is left as it was.
        decode: How the outputs of a detector become boxes, one of ``DECODINGS``.
        names: File of the names of a detector's classes.

    Returns:
        The network; random weights where neither weights nor a checkpoint are given or built in.

    Raises:
        ModelError: The name, the weights, the checkpoint or the file cannot be used.
        MissingExtraError: The packages of the default network are not installed.
    """
    asked = AskedModel(spec, weights, checkpoint, input_size, seed, decode, names)
    _check_asked(asked)
    built = with_sidecar(_builder(spec)(asked), spec)
    module = built.module
    if checkpoint is not None and not built.filled:
        load_checkpoint(module, checkpoint, built.ignored_keys)
    if built.program is None:
        module = module.eval()
    built = with_asked_heads(built, asked)
    return Model(
        built.name,
        module,
        built.program,
        built.example_input,
        built.preprocess,
        _source(asked),
        _sha256(built, module),
        built.heads,
        built.labels,
        built.assumed,
        built.batch_axis,
        built.task,
        built.output,
    )


def _check_asked(asked: AskedModel) -> None:
    spec, weights = asked.spec, asked.weights
    if asked.input_size is not None and asked.input_size < 1:
        raise ModelError(f"{spec}: input size must be at least 1 pixel, got {asked.input_size}")
    if weights is not None and asked.checkpoint is not None:
        raise ModelError(f"{spec}: takes weights or a checkpoint, got both")
    if weights is not None and weights != "DEFAULT" and spec.partition(":")[0] not in _KINDS:
        raise ModelError(f"{spec}: takes no weights but a checkpoint, got {weights!r}")


def _builder(spec: str) -> Builder:
    """Return the function that builds this kind of name."""
    kind, colon, _ = spec.partition(":")
    if spec in _BUNDLED:
        return _BUNDLED[spec]
    if colon and kind in _KINDS:
        return _KINDS[kind]
    if is_python_spec(spec):
        return build_python_network
    if spec.endswith(".pt2"):
        return build_saved_program
    if spec.endswith(".onnx"):
        raise ModelError(onnx_refusal(spec))
    from autosplit.models.torchvision import classifier_names  # noqa: PLC0415 - slow to import

    if spec in classifier_names():
        raise ModelError(f"model: unknown name {spec!r}, did you mean 'torchvision:{spec}'?")
    raise ModelError(f"model: unknown name {spec!r}{did_you_mean(spec, NETWORK_FORMS)}")


def _source(asked: AskedModel) -> str:
    """Return the name, weights and checkpoint as they were asked for."""
    weights = f" weights {asked.weights}" if asked.weights else ""
    checkpoint = f" checkpoint {asked.checkpoint}" if asked.checkpoint else ""
    return asked.spec + weights + checkpoint


def _sha256(built: BuiltNetwork, module: nn.Module) -> str:
    """Hash the network: its definition, structure, input, and every parameter and buffer."""
    digest = hashlib.sha256(built.definition)
    shapes = [tuple(tensor.shape) for tensor in example_tensors(built.example_input)]
    single = len(shapes) == 1 and built.batch_axis == 0
    taken = shapes[0] if single else (shapes, built.batch_axis)
    about = (built.name, taken, repr(built.preprocess), repr(module))
    digest.update("\n".join(map(str, about)).encode())
    tensors = [*module.named_parameters(remove_duplicate=False)]
    tensors += [*module.named_buffers(remove_duplicate=False)]  # type: ignore[list-item]
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _build_classifier(asked: AskedModel) -> BuiltNetwork:
    from autosplit.models import torchvision_dense as dense  # noqa: PLC0415 - slow to import
    from autosplit.models.torchvision import build_classifier  # noqa: PLC0415

    name = asked.spec.partition(":")[2]
    from autosplit.models import torchvision_detector as whole  # noqa: PLC0415

    others = (
        (whole.detector_names, whole.build_torchvision_detector),
        (dense.segmentation_names, dense.build_segmentation),
        (dense.video_names, dense.build_video),
        (dense.quantizable_names, dense.build_quantizable),
    )
    found = next((build for names, build in others if name in names()), build_classifier)
    return found(asked)


def _build_timm(asked: AskedModel) -> BuiltNetwork:
    from autosplit.models.timm_network import build_timm  # noqa: PLC0415 - an extra

    return build_timm(asked)


def _build_transformers(asked: AskedModel) -> BuiltNetwork:
    from autosplit.models.transformers_network import build_transformers  # noqa: PLC0415

    return build_transformers(asked)


def _build_detector(asked: AskedModel) -> BuiltNetwork:
    from autosplit.models import detectors  # noqa: PLC0415 - torchvision is slow to import

    kinds = {"yolo": detectors.build_yolo, "torchvision-backbone": detectors.build_backbone}
    return kinds[asked.spec.partition(":")[0]](asked)


_BUNDLED: dict[str, Builder] = {
    **dict.fromkeys(LITE_SIZES, build_efficientnet_lite),
    "fashion-resnet": build_fashion_resnet,
    "scenes-yolo": build_scenes_yolo,
}
"""Whole name -> its function."""
_KINDS: dict[str, Builder] = {
    "torchvision": _build_classifier,
    "yolo": _build_detector,
    "torchvision-backbone": _build_detector,
    "timm": _build_timm,
    "transformers": _build_transformers,
}
"""What stands before the colon of a name -> its function; these kinds take weights."""
