"""``torch.export`` of a network, and what it says of one that it cannot take."""

from __future__ import annotations

import copy
import io
import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram

from autosplit.capture.batch_axis import batched, other_samples
from autosplit.capture.constants import MAX_BATCH
from autosplit.capture.inputs import Axes, Structure
from autosplit.capture.output_names import register_answers
from autosplit.errors import CaptureError

_NAMED = 3  # attributes of an error
_ADVICE = {
    "rnn.py": "packed sequences have lengths that depend on values; give the "
    "recurrent layer the padded batch, and read its output at the last step of each sample",
    "data-dependent": "the code depends on values of a tensor; write torch.where(condition, a, b) "
    "in place of if, and fixed sizes in place of those read out of a tensor",
}
"""File on the way to an error of torch, or what its text has -> what it is and what to do."""
_UNKNOWN_TYPE = "not a known type"
"""What torch says of an answer in a dataclass that it was not told of."""


def export(
    network: nn.Module, example: Sequence[Tensor], structure: Structure, axes: Axes, name: str
) -> tuple[ExportedProgram, bool]:
    """Export with any batch size, or, where the network forbids that, with one sample.

    A network in another precision that does not cast its inputs itself gets them cast.  One that
    keeps in its attributes what it computes once is run first, on other inputs, as a copy: what it
    kept is constant then, and one whose answers depend on it does not pass the check of them.

    Args:
        network: In eval mode.
        example: The tensors that it takes.
        structure: How they nest.
        axes: Axis of the batch in each of them.
        name: Name of the network.

    Returns:
        The program, and whether the network keeps what it computes once.

    Raises:
        CaptureError: torch.export cannot trace it; says where.
    """
    examples = [example]
    first = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)
    if first != torch.float32 and any(x.dtype == torch.float32 for x in example):
        examples.append([x.to(first) if x.dtype == torch.float32 else x for x in example])
    any_size = Dim("batch", min=1, max=MAX_BATCH)
    ran = False
    if all(x.dim() == 1 and x.is_floating_point() for x in example):
        refuse_no_batch(network, example, structure, axes, name)
    with _quiet():
        for one, batch in [(one, batch) for batch in (any_size, None) for one in examples]:
            inputs = batched(one, 2 if batch else 1, axes)
            shapes = torch.export.ShapesCollection()
            for tensor, axis in zip(inputs, axes, strict=True) if batch else ():
                if axis is not None:
                    shapes[tensor] = {axis: batch}
            args, kwargs = structure.arguments(inputs)
            try:
                exported, kept = _export_once(network, args, kwargs, shapes if batch else None)
                if kept and not ran:
                    network, ran = _run_before(network, inputs, structure, axes), True
                    exported, kept = _export_once(network, args, kwargs, shapes if batch else None)
            except Exception as error:  # noqa: BLE001 - whatever forbids this, another way may do
                problem = error
                continue
            if kept:
                raise _keeps_tensors(kept, name)
            return exported, ran
    refuse_no_batch(network, example, structure, axes, name)
    raise CaptureError(_explain(problem, name)) from problem


def refuse_no_batch(
    network: nn.Module, example: Sequence[Tensor], structure: Structure, axes: Axes, name: str
) -> None:
    """Refuse an example that is one sample without a batch axis.

    The network answers it, and with an axis in front of each tensor, but not two of it behind
    each other.

    Args:
        network: In eval mode.
        example: The tensors that it takes.
        structure: How they nest.
        axes: Axis of the batch in each of them.
        name: Name of the network.

    Raises:
        CaptureError: Says how to add the axis.
    """
    one = [x if axis is None else x.unsqueeze(0) for x, axis in zip(example, axes, strict=True)]
    answers = _answers(network, example, structure), _answers(network, one, structure)
    if all(answers) and not _answers(network, _twice(example, axes), structure):
        shapes = ", ".join(str(tuple(x.shape)) for x in example)
        raise CaptureError(
            f"{name}: the example must have a batch axis, got {shapes}; add one with unsqueeze(0), "
            "or say which axis it is: the third value of the network's function, or batch_axis"
        )


def _twice(example: Sequence[Tensor], axes: Axes) -> list[Tensor]:
    """The example with twice as many samples."""
    return [
        x if axis is None or axis >= x.dim() else torch.cat([x, x], axis)
        for x, axis in zip(example, axes, strict=True)
    ]


def _answers(network: nn.Module, inputs: Sequence[Tensor], structure: Structure) -> bool:
    """Whether a copy of a network gives an answer."""
    try:
        with torch.no_grad():
            structure.call(copy.deepcopy(network), tuple(inputs))
    except Exception:  # noqa: BLE001 - whatever a network says of inputs that it cannot take
        return False
    return True


def _run_before(
    network: nn.Module, inputs: Sequence[Tensor], structure: Structure, axes: Axes
) -> nn.Module:
    """A copy of a network that was run on other inputs."""
    network = copy.deepcopy(network)
    others = [
        x.clone() if axis is None else other_samples(x, axis)
        for x, axis in zip(inputs, axes, strict=True)
    ]
    args, kwargs = structure.arguments(others)
    with torch.no_grad():
        network(*args, **kwargs)
    return network


def _export_once(
    network: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    shapes: torch.export.ShapesCollection | None,
) -> tuple[ExportedProgram, list[str]]:
    """Export, and name the attributes that the network assigned tensors to; pass on warnings."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        exported = _export_any_answer(network, args, kwargs, shapes)
    kept: list[str] = []
    for warning in said:
        found = re.match(r"The tensor attributes? (.*) (?:were|was) assigned", str(warning.message))
        if found is None:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
            continue
        kept += [a for a in found[1].split(", ") if "._flat_weights[" not in a]  # an RNN's own
    return exported, kept


def _export_any_answer(
    network: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    shapes: torch.export.ShapesCollection | None,
) -> ExportedProgram:
    """Export; a dataclass in the network's answer is made known to torch first."""
    try:
        return torch.export.export(network, args, kwargs, dynamic_shapes=shapes, strict=False)
    except Exception as error:
        if _UNKNOWN_TYPE not in str(error):
            raise
        register_answers(network(*args, **kwargs))
    return torch.export.export(network, args, kwargs, dynamic_shapes=shapes, strict=False)


def _keeps_tensors(kept: Sequence[str], name: str) -> CaptureError:
    """The error that names attributes which a network assigns tensors to."""
    more = f" and {len(kept) - _NAMED} more" if len(kept) > _NAMED else ""
    named = ", ".join(kept[:_NAMED]).replace("self.", "")
    return CaptureError(
        f"{name}: {named}{more}: a network must not keep state between calls, it assigns tensors "
        "to attributes; pass the state as an input and return it as an output"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from logging, and from printing half a program, when it cannot export."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _explain(error: Exception, name: str) -> str:
    """One line from a torch.export failure: what went wrong and at which line of whose file."""
    text = str(error)
    places = re.findall(r'File "([^"]+)", line (\d+), in (\w+)', text)
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append((code.co_filename, str(trace.tb_lineno), code.co_name))
        trace = trace.tb_next
    foreign = [str(Path(file).parent) for file in (torch.__file__, os.__file__)]
    foreign.append(str(Path(__file__).parents[1]))
    own = [place for place in places if not _inside(place[0], foreign)]
    where = " at {}:{} in {}".format(*own[-1]) if own else ""
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    files = {Path(file).name for file, *_ in places}
    what = next((text for key, text in _ADVICE.items() if key in first or key in files), first)
    return f"{name}: torch.export must be able to trace the network, failed{where}: {what}"


def _inside(file: str, folders: Iterable[str]) -> bool:
    """Whether a file is torch's, Python's or ours, and not one of the network's."""
    return any(
        file.startswith(folder) and "site-packages" not in file.removeprefix(folder)
        for folder in folders
    )


def bound_batch(operators: fx.Graph, axes: Axes) -> int | None:
    """Batch size that the inputs are bound to, None where it is symbolic."""
    inputs = (node for node in operators.nodes if node.op == "placeholder")
    with_batch = ((node, axis) for node, axis in zip(inputs, axes, strict=True) if axis is not None)
    node, axis = next(with_batch)
    size = node.meta["val"].shape[axis]
    return size if isinstance(size, int) else None
