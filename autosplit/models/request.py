"""What is asked for when a network is loaded by name, and what its kind of source gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.export import ExportedProgram

from autosplit.models.networks.yolo_decode import YoloHead


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller asked for; as for ``models.load_model``."""

    spec: str
    weights: str | None
    checkpoint: Path | None
    input_size: int | None
    seed: int


@dataclass(frozen=True, slots=True)
class Built:
    """What one kind of source gives; ``text`` is what defines the network beside its weights."""

    name: str
    module: nn.Module
    example_input: Tensor
    preprocess: Callable[[Image.Image], Tensor]
    text: bytes
    program: ExportedProgram | None = None
    ignored_keys: tuple[str, ...] = ()
    heads: tuple[YoloHead, ...] = ()
    labels: tuple[str, ...] = ()


@contextmanager
def random_weights(seed: int) -> Iterator[None]:
    """Seed torch's random generator inside the block and put it back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
