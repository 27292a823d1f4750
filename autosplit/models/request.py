"""What a caller asks for when a network is loaded by name, and what each kind of name gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from autosplit.data.preprocess import ImageToInput
from autosplit.errors import ModelError
from autosplit.models.networks.yolo_decode import YoloHead


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """The arguments of ``load_model``, which describes them.

    Attributes:
        spec: Name of the network, with its kind.
        weights: File or name of the weights; None when not given.
        checkpoint: File of a state dict; None when not given.
        input_size: Height and width of the input, pixels; None when not given.
        seed: Seed of random weights.
    """

    spec: str
    weights: str | None = None
    checkpoint: Path | None = None
    input_size: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class BuiltNetwork:
    """A network as the function for its kind of name builds it, before a checkpoint is loaded.

    Attributes:
        name: Short name, safe as the name of a file.
        module: The network.
        example_input: One input of the network.
        preprocess: Makes a network input, float32 (C, H, W), of an image.
        definition: What defines the network beside its weights; it is hashed.
        program: The exported program, where the name is that of a ``.pt2`` file.
        ignored_keys: Beginnings of the keys that a checkpoint may have and the network has not.
        heads: How each output of a detector is read; empty for other networks.
        labels: Names of the classes, where they are known.
        assumed: Whether nothing but a guess says how its images are prepared.
    """

    name: str
    module: nn.Module
    example_input: Tensor
    preprocess: ImageToInput
    definition: bytes
    program: ExportedProgram | None = None
    ignored_keys: tuple[str, ...] = ()
    heads: tuple[YoloHead, ...] = ()
    labels: tuple[str, ...] = ()
    assumed: bool = False


@contextmanager
def random_weights(seed: int) -> Iterator[None]:
    """Seed torch's random generator inside the block, and restore its state after the block."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def check_fixed_size(request: ModelRequest, size: int) -> None:
    """Make sure that a network of one input size is asked for at no other size.

    Raises:
        ModelError: The request names another size.
    """
    if request.input_size not in {None, size}:
        raise ModelError(f"{request.spec}: input size must be {size}, got {request.input_size}")


def check_example_size(request: ModelRequest, example: Tensor) -> None:
    """Make sure that the input size asked for, if any, is a side of the example input.

    Raises:
        ModelError: The example input has other sides.
    """
    if request.input_size is not None and request.input_size not in example.shape[2:]:
        raise ModelError(
            f"{request.spec}: takes inputs of shape {tuple(example.shape)}, "
            f"got input size {request.input_size}"
        )


def safe_name(name: str) -> str:
    """Replace every run of characters that a file name should not have by one underscore.

    >>> safe_name("my net-v1.2")
    'my_net_v1_2'
    """
    return re.sub(r"\W+", "_", name)
