"""A person's batches, checked and made into what the stages take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from autosplit.api.net import Net
from autosplit.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from autosplit.data.datasets import DataSet
    from autosplit.data.images import Images
    from autosplit.data.inputs import InputSpec

PARTS = ("calibration", "evaluation")
"""Parts of a data set: what is measured on, and what accuracy is measured on."""


def load_data(
    data: Any,
    net: Net,
    *,
    calibration_images: int | None = None,
    evaluation_images: int | None = None,
    seed: int = 0,
) -> DataSet:
    """A data set by name, or of batches of one's own.

    Args:
        data: A name as ``--data`` takes it, such as ``fashion-mnist`` or ``imagefolder:DIR``; or
            batches for evaluation: tensors (n, C, H, W), or pairs of those and labels, (n,), as a
            list, a DataLoader, or a function that makes them; or a dictionary with such batches
            under ``calibration`` and ``evaluation``.  Batches alone serve for both.
        net: The network, which says how pictures become its inputs.
        calibration_images: Images to calibrate on at most; None is the data set's own number.
        evaluation_images: Images to evaluate on at most; None is all of them.
        seed: Which pictures of a folder are taken when fewer are asked for than there are.

    Returns:
        The data set, with its parts as ``calibration`` and ``evaluation``.

    Raises:
        DataError: The name is unknown, or the batches are not as said above.
    """
    from autosplit.data import datasets
    from autosplit.runs.network import input_spec

    if isinstance(data, datasets.DataSet):
        return replace(
            data,
            calibration=_first(data.calibration, calibration_images),
            evaluation=_first(data.evaluation, evaluation_images),
        )
    if isinstance(data, str):
        return datasets.load_data(
            data,
            net.model.preprocess,
            calibration_images=calibration_images,
            evaluation_images=evaluation_images,
            seed=seed,
            inputs=input_spec(net.program),
        )
    limits = {"calibration": calibration_images, "evaluation": evaluation_images}
    return _own_data(data, input_spec(net.program), limits, seed)


def _own_data(data: Any, spec: InputSpec, limits: Mapping[str, int | None], seed: int) -> DataSet:
    """A data set of a person's own batches."""
    from autosplit.data.datasets import DataSet
    from autosplit.data.images import Images
    from autosplit.data.python_batches import FunctionBatches

    if isinstance(data, Mapping) and not is_one_batch(data):
        if set(data) != set(PARTS):
            raise DataError(
                "data: a dictionary must have the keys calibration and evaluation, got "
                f"{', '.join(map(str, data)) or 'none'}"
            )
        found = {part: repeatable(data[part], part) for part in PARTS}
    else:
        found = dict.fromkeys(PARTS, repeatable(data, "data"))
    images = {
        part: Images(FunctionBatches(part, part, seed, found[part], spec), limits[part], spec.axes)
        for part in PARTS
    }
    for part in PARTS:
        if not len(images[part]):
            raise DataError(f"{part}: must hold at least one sample, got none")
    same = not isinstance(data, Mapping) or is_one_batch(data)
    return DataSet("data", images["calibration"], images["evaluation"], None, shared=same)


def _first(images: Images, limit: int | None) -> Images:
    """The first images, as many as the limit allows; all of them if it is None."""
    return images if limit is None or limit >= len(images) else replace(images, limit=limit)


@dataclass(frozen=True)
class _Made:
    """Batches that a function makes anew for each pass."""

    make: Callable[[], Iterable[Any]]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.make())


def is_one_batch(value: Any) -> bool:
    """Whether a value is one batch of inputs: a tensor, or a tuple or dictionary of nothing else.

    A tuple that begins so may have labels behind.
    """
    from torch import Tensor

    if isinstance(value, Mapping):
        named = bool(value) and not set(PARTS) & value.keys()
        return named and all(map(is_one_batch, value.values()))
    if isinstance(value, tuple):
        return bool(value) and all(map(is_one_batch, value))
    return isinstance(value, Tensor)


def repeatable(batches: Any, what: str) -> Iterable[Any]:
    """Batches that can be gone through any number of times.

    Args:
        batches: One tensor, one tuple that begins with a tensor, something to go through again and
            again such as a list or a DataLoader, or a function that makes batches.
        what: How an error calls them.

    Raises:
        DataError: They are something else; a generator is, for it is empty after the first pass.
    """
    from torch.utils.data import Dataset

    must = (
        f"{what}: must be batches of tensors (a list, a DataLoader or a function that makes them)"
    )
    if is_one_batch(batches) or (isinstance(batches, tuple) and is_one_batch(batches[:1])):
        return [batches]
    if isinstance(batches, str | bytes):
        raise DataError(
            f"{must}, got the text {batches!r}; a data set by name: autosplit.load_data"
        )
    if isinstance(batches, Dataset):
        raise DataError(
            f"{must}, got single samples in a {type(batches).__name__}; give "
            "torch.utils.data.DataLoader(data, batch_size=64)"
        )
    if isinstance(batches, Iterator):
        raise DataError(
            f"{must}, got a {type(batches).__name__} that can be gone through once; several passes "
            "are made"
        )
    if isinstance(batches, Iterable) and not isinstance(batches, Mapping):
        return batches
    if callable(batches):
        return _Made(batches)
    raise DataError(f"{must}, got {type(batches).__name__}")


def input_batches(
    net: Net, batches: Any, batch_size: int | None = None
) -> Callable[[], Iterator[Tensor | tuple[Tensor, ...]]]:
    """The network's inputs, batch by batch, without labels.

    Args:
        net: The network.
        batches: Images of a data set, or a person's own batches, as for ``autosplit.measure``.
        batch_size: Images per step; None is what suits their size.

    Raises:
        DataError: The batches are of another kind, or too few for one whole batch.
    """
    from autosplit.evaluate.batches import batches_of
    from autosplit.runs.network import input_spec

    images = images_in(batches)
    if images is not None:
        found = batches_of(images, net.program, batch_size)
        return lambda: (batch for batch, _ in found())
    repeated, spec = repeatable(batches, "batches"), input_spec(net.program)
    return lambda: (_inputs(batch, spec, number) for number, batch in enumerate(repeated))


def _inputs(batch: Any, spec: InputSpec, number: int) -> Tensor | tuple[Tensor, ...]:
    """The inputs in one batch, which may have labels behind them.

    Raises:
        DataError: They are not there.
    """
    from autosplit.data.inputs import split_batch

    inputs, _ = split_batch(batch, spec, f"batches: batch {number}")
    return inputs[0] if len(inputs) == 1 else inputs


def images_in(batches: Any) -> Images | None:
    """The images to calibrate on, if they come from ``autosplit.load_data``; else None."""
    from autosplit.data.datasets import DataSet
    from autosplit.data.images import Images

    found = batches.calibration if isinstance(batches, DataSet) else batches
    return found if isinstance(found, Images) else None
