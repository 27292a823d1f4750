"""``path/to/file.py:function`` -> the batches of images that the user's function returns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from autosplit.data.images import Label, LabelledImage, images_at
from autosplit.data.python_file import call_function
from autosplit.errors import DataError


@dataclass(frozen=True, slots=True)
class FunctionBatches:
    """Batches that a function in a Python file of the user returns.

    Attributes:
        spec: ``path/to/file.py:function``.
        part: ``calibration`` or ``evaluation``.
        seed: Seed of torch's random generator in the function.
        found: The batches where they can be gone through any number of times, as a list or a
            loader can; None where the function gives an iterator, and the function is then called
            again on every pass.
    """

    spec: str
    part: str
    seed: int
    found: Any

    def __iter__(self) -> Iterator[LabelledImage]:
        found = self.found
        batches = _call(self.spec, self.seed)[self.part] if found is None else found
        for batch in batches:
            images, labels = batch if isinstance(batch, (tuple, list)) else (batch, None)
            if not isinstance(images, Tensor) or images.ndim < 2:
                raise DataError(
                    f"{self.spec}: must give batches of image tensors (n, C, H, W), "
                    f"got {type(images).__name__}"
                )
            numbers = [None] * len(images) if labels is None else torch.as_tensor(labels).tolist()
            if not isinstance(numbers, list) or len(numbers) != len(images):
                raise DataError(
                    f"{self.spec}: must give a label for each of {len(images)} images, got {labels}"
                )
            yield from zip(images.float().cpu(), numbers, strict=True)

    def at(self, places: Sequence[int]) -> Iterator[LabelledImage]:
        """Yield the inputs at these places."""
        return images_at(iter(self), places)

    def raw(self) -> Iterator[tuple[bytes, Label | None]]:
        """Yield the shape and values of each input."""
        for image, label in self:
            shape = str(tuple(image.shape)).encode()
            yield shape + image.contiguous().numpy().tobytes(), label


def function_batches(spec: str, seed: int) -> tuple[FunctionBatches, FunctionBatches]:
    """Call the user's function once: its batches for calibration and for evaluation.

    Args:
        spec: ``path/to/file.py:function``.
        seed: Seed of torch's random generator in the function.

    Raises:
        DataError: The function fails, or returns something else than batches.
    """
    parts = _call(spec, seed)
    calibration, evaluation = (
        FunctionBatches(spec, part, seed, None if isinstance(found, Iterator) else found)
        for part, found in ((part, parts[part]) for part in ("calibration", "evaluation"))
    )
    return calibration, evaluation


def _call(spec: str, seed: int) -> Mapping[str, Any]:
    """Call the user's function and return its batches for calibration and for evaluation.

    Raises:
        DataError: The function fails, or returns something else.
    """
    found = call_function(spec, DataError, seed)
    if isinstance(found, Mapping):
        missing = {"calibration", "evaluation"} - found.keys()
        if missing:
            raise DataError(f"{spec}: must return calibration and evaluation, lacks {min(missing)}")
        return dict(found)
    if isinstance(found, tuple) and len(found) == 2:
        # A tuple that starts with a tensor is one batch and its labels.
        pair = ([found], [found]) if isinstance(found[0], Tensor) else found
        return {"calibration": pair[0], "evaluation": pair[1]}
    if not isinstance(found, Iterable):
        raise DataError(f"{spec}: must return batches of images, got {type(found).__name__}")
    return {"calibration": found, "evaluation": found}
