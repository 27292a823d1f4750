"""``path/to/file.py:function`` -> the batches that the user's function returns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor

from autosplit.data.images import Images, Label, LabelledImage, count_of, images_at
from autosplit.data.inputs import ONE_FLOAT, InputSpec, check_finite, split_batch
from autosplit.data.python_file import call_function, person_code
from autosplit.errors import DataError, counted

_PARTS = ("calibration", "evaluation")


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
        inputs: What the network takes.
        same_parts: Whether calibration and evaluation take the same batches.
    """

    spec: str
    part: str
    seed: int
    found: Any
    inputs: InputSpec = ONE_FLOAT
    same_parts: bool = False

    def __iter__(self) -> Iterator[LabelledImage]:
        found = self.found
        batches = _call(self.spec, self.seed)[self.part] if found is None else found
        axes = self.inputs.batch_axes
        for number, batch in enumerate(_each_batch(batches, self.spec)):
            inputs, labels = split_batch(batch, self.inputs, self.spec)
            self._check(inputs)
            for name, value, masked in zip(
                self.inputs.names, inputs, self.inputs.masks, strict=True
            ):
                check_finite(value, f"{self.spec}: batch {number}: {name}", masked=masked)
            count = count_of(inputs, axes)
            columns = [
                [value] * count if axis is None else value.unbind(axis)
                for value, axis in zip(inputs, axes, strict=True)
            ]
            each = _each_label(labels, count, self.spec)
            single = len(columns) == 1
            for sample, label in zip(zip(*columns, strict=True), each, strict=True):
                yield (sample[0] if single else sample), label

    def _check(self, inputs: tuple[Tensor, ...]) -> None:
        axes = self.inputs.batch_axes
        counts = [
            value.shape[axis] if value.dim() > axis else -1
            for value, axis in zip(inputs, axes, strict=True)
            if axis is not None
        ]
        if inputs[0].dim() < 1 or len(set(counts)) != 1 or counts[0] < 0:
            shapes = ", ".join(
                str(tuple(value.shape)) if value.dim() else "a number" for value in inputs
            )
            raise DataError(
                f"{self.spec}: must give batches of tensors with the samples along one axis, such "
                f"as images (n, C, H, W), got {shapes}"
            )

    def at(self, places: Sequence[int]) -> Iterator[LabelledImage]:
        """Yield the inputs at these places."""
        return images_at(iter(self), places)

    def raw(self) -> Iterator[tuple[bytes, Label]]:
        """Yield the shapes and values of each sample."""
        for inputs, label in self:
            parts = (inputs,) if isinstance(inputs, Tensor) else inputs
            content = [
                str(tuple(value.shape)).encode() + value.contiguous().numpy().tobytes()
                for value in parts
            ]
            yield b"".join(content), label


def _each_batch(batches: Iterable[Any], spec: str) -> Iterator[Any]:
    """The batches that a person's iterator gives.

    Raises:
        DataError: It raises an error; says at which line of the person's file.
    """
    path, end = Path(spec.rpartition(":")[0]), object()
    with person_code(path, DataError):
        batches = iter(batches)
    while True:
        with person_code(path, DataError):
            batch = next(batches, end)
        if batch is end:
            return
        yield batch


def _each_label(labels: Any, count: int, where: str) -> list[Any]:
    """The label of each sample; None for each without labels.

    Raises:
        DataError: They are more or fewer than the samples.
    """
    if labels is None:
        return [None] * count
    if isinstance(labels, Mapping):
        columns = {key: _each_label(value, count, where) for key, value in labels.items()}
        return [{key: column[place] for key, column in columns.items()} for place in range(count)]
    if (
        isinstance(labels, tuple | list)
        and labels
        and not isinstance(labels[0], int | float | bool)
    ):
        return list(zip(*(_each_label(value, count, where) for value in labels), strict=True))
    try:
        found = torch.as_tensor(labels).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        found = torch.zeros(())
    if found.dim() == 0 or len(found) != count:
        shown = f"shape {tuple(labels.shape)}" if isinstance(labels, Tensor) else f"{labels}"
        raise DataError(
            f"{where}: must give a label for each of {counted(count, 'sample')}, got {shown:.60}; "
            "if the batch is not the first axis, say which: the third value of the network's "
            "function"
        )
    return found.tolist() if found.dim() == 1 else list(found.unbind(0))


def function_batches(
    spec: str, seed: int, inputs: InputSpec = ONE_FLOAT
) -> tuple[FunctionBatches, FunctionBatches]:
    """Call the user's function once: its batches for calibration and for evaluation.

    Args:
        spec: ``path/to/file.py:function``.
        seed: Seed of torch's random generator in the function.
        inputs: What the network takes.

    Raises:
        DataError: The function fails, or returns something else than batches.
    """
    parts = _call(spec, seed)
    same = parts[_PARTS[0]] is parts[_PARTS[1]]
    calibration, evaluation = (
        FunctionBatches(
            spec, part, seed, None if isinstance(found, Iterator) else found, inputs, same
        )
        for part, found in ((part, parts[part]) for part in _PARTS)
    )
    return calibration, evaluation


def _call(spec: str, seed: int) -> Mapping[str, Any]:
    """Call the user's function and return its batches for calibration and for evaluation.

    Raises:
        DataError: The function fails, or returns something else.
    """
    found = call_function(spec, DataError, seed)
    if isinstance(found, Mapping) and set(_PARTS) & found.keys():
        missing = set(_PARTS) - found.keys()
        if missing:
            raise DataError(f"{spec}: must return calibration and evaluation, lacks {min(missing)}")
        return dict(found)
    if isinstance(found, Mapping):
        if not found or not all(isinstance(value, Tensor) for value in found.values()):
            raise DataError(f"{spec}: must return calibration and evaluation, lacks {min(_PARTS)}")
        return _both([found])  # one batch by the names of the inputs
    if isinstance(found, Tensor):
        return _both([found])
    if isinstance(found, tuple) and len(found) == 2:
        # A tuple that starts with a tensor or a dictionary of tensors is one batch and its labels.
        pair = ([found], [found]) if _is_batch(found[0]) else found
        return dict(zip(_PARTS, pair, strict=True))
    if not isinstance(found, Iterable):
        raise DataError(f"{spec}: must return batches of samples, got {type(found).__name__}")
    return _both(found)


def _both(found: Any) -> dict[str, Any]:
    """The same batches for both parts."""
    return dict.fromkeys(_PARTS, found)


def _is_batch(value: Any) -> bool:
    """Whether a value is one batch of inputs, and no list of batches."""
    if isinstance(value, Mapping):
        return all(isinstance(one, Tensor) for one in value.values()) and bool(value)
    if isinstance(value, tuple):
        return bool(value) and all(isinstance(one, Tensor) for one in value)
    return isinstance(value, Tensor)


def are_pictures(images: object) -> TypeGuard[Images]:
    """Whether images are made of picture files by the network's preparation."""
    return isinstance(images, Images) and not isinstance(images.source, FunctionBatches)
