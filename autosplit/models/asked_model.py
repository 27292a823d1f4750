"""What a caller asks for when a network is loaded by name, and what each kind of name gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from autosplit.data.preprocess import ImageToInput, NoImages, preprocess_for
from autosplit.errors import ModelError
from autosplit.models.networks.yolo_decode import YoloHead


@dataclass(frozen=True, slots=True)
class AskedModel:
    """The arguments of ``load_model``, which describes them.

    Attributes:
        spec: Name of the network, with its kind.
        weights: File or name of the weights; None when not given.
        checkpoint: File of a state dict; None when not given.
        input_size: Height and width of the input, pixels; None when not given.
        seed: Seed of random weights.
        decode: How the outputs of a detector become boxes; None when not given.
        names: File of the names of its classes; None when not given.
    """

    spec: str
    weights: str | None = None
    checkpoint: Path | None = None
    input_size: int | None = None
    seed: int = 0
    decode: str | None = None
    names: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class BuiltNetwork:
    """A network as the function for its kind of name builds it, before a checkpoint is loaded.

    Attributes:
        name: Short name, safe as the name of a file.
        module: The network.
        example_input: One input of the network: a tensor, or any nesting of tensors as
            ``capture`` takes it.
        preprocess: Makes a network input, float32 (C, H, W), of an image.
        definition: What defines the network beside its weights; it is hashed.
        program: The exported program, where the name is that of a ``.pt2`` file.
        ignored_keys: Beginnings of the keys that a checkpoint may have and the network has not.
        heads: How each output of a detector is read; empty for other networks.
        labels: Names of the classes, where they are known.
        assumed: Whether nothing but a guess says how its images are prepared.
        batch_axis: Axis of the batch in all inputs, or in each; None for an input without one.
        task: Name of the task that the network is for, where it is known.
        output: Name of the output that is scored, where it is known.
        filled: Whether a checkpoint that was asked for is loaded already.
    """

    name: str
    module: nn.Module
    example_input: Any
    preprocess: ImageToInput
    definition: bytes
    program: ExportedProgram | None = None
    ignored_keys: tuple[str, ...] = ()
    heads: tuple[YoloHead, ...] = ()
    labels: tuple[str, ...] = ()
    assumed: bool = False
    batch_axis: int | Sequence[int | None] = 0
    task: str | None = None
    output: str | None = None
    filled: bool = False


@contextmanager
def random_weights(seed: int) -> Iterator[None]:
    """Seed torch's random generator inside the block, and restore its state after the block."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def check_fixed_size(asked: AskedModel, size: int) -> None:
    """Make sure that a network of one input size is asked for at no other size.

    Raises:
        ModelError: Another size is asked for.
    """
    if asked.input_size not in {None, size}:
        raise ModelError(f"{asked.spec}: input size must be {size}, got {asked.input_size}")


def example_tensors(example: Any) -> tuple[Tensor, ...]:
    """Return the tensors of an example input, in order."""
    if isinstance(example, Mapping):
        example = tuple(example.values())
    if isinstance(example, tuple | list):
        return tuple(tensor for one in example for tensor in example_tensors(one))
    return (example,) if isinstance(example, Tensor) else ()


def example_preprocess(example: Any) -> ImageToInput:
    """Return the preparation of pictures for an example input; several inputs take no pictures."""
    tensors = example_tensors(example)
    if len(tensors) != 1 or not tensors[0].is_floating_point():
        return NoImages(tuple(tensors[0].shape))
    return preprocess_for(tuple(tensors[0].shape))


def check_example_size(asked: AskedModel, example: Any) -> None:
    """Make sure that the input size asked for, if any, is a side of the example input.

    Raises:
        ModelError: The example input has other sides.
    """
    tensors = example_tensors(example)
    sides = {size for tensor in tensors for size in tensor.shape[2:]}
    if asked.input_size is not None and asked.input_size not in sides:
        shapes = " and ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise ModelError(
            f"{asked.spec}: takes inputs of shape {shapes}, got input size {asked.input_size}"
        )


def safe_name(name: str) -> str:
    """Replace every run of characters that a file name should not have by one underscore.

    >>> safe_name("my net-v1.2")
    'my_net_v1_2'
    """
    return re.sub(r"\W+", "_", name)
