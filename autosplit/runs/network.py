"""The network that the options of ``stats`` name: loaded, and captured as it is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autosplit.errors import warn
from autosplit.runs.options import StatsOptions

if TYPE_CHECKING:
    from autosplit.capture.program import Program
    from autosplit.data.datasets import DataSet
    from autosplit.data.inputs import InputSpec
    from autosplit.evaluate.choice import AskedTask
    from autosplit.models.load import Model


def check_network(options: StatsOptions) -> None:
    """Refuse a file that could run code, before torch is imported.

    Raises:
        ModelError: The network is a ``.pt2`` file that ``torch.export.save`` would not write.
    """
    from autosplit.models.program_archive import read_archive

    if options.model.endswith(".pt2"):
        read_archive(Path(options.model))


def load_network(options: StatsOptions) -> Model:
    """The network that options name."""
    from autosplit.data.asked_preprocess import AskedPreprocess, adjusted
    from autosplit.models.load import load_model

    model = load_model(
        options.model,
        weights=options.weights,
        checkpoint=Path(options.checkpoint) if options.checkpoint is not None else None,
        input_size=options.input_size,
        seed=options.seed,
        decode=options.decode,
        names=Path(options.names) if options.names is not None else None,
    )
    names = AskedPreprocess.__dataclass_fields__
    asked = AskedPreprocess(**{name: getattr(options, name) for name in names})
    return replace(model, preprocess=adjusted(model.preprocess, asked, model.name))


_KEPT: ContextVar[dict[tuple[str, bool], Program] | None] = ContextVar("kept", default=None)
"""SHA-256 of a network, and whether its weights are scaled -> its operators; None: none is kept."""


@contextmanager
def captured_once() -> Iterator[None]:
    """Inside, a loaded network is captured once, and later stages compute with the same operators.

    The operators of a network are found again by the SHA-256 of all that defines it.
    """
    before = _KEPT.get()
    _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.set(before)


def capture_network(model: Model, example: Any = None, *, equalized: bool) -> Program:
    """Operators of a loaded network, with neighbouring weights scaled to each other if asked.

    Args:
        model: The network.
        example: An input, any nesting of tensors; by default its own one.
        equalized: Whether weights of neighbouring layers are scaled to each other.
    """
    from autosplit.capture.capture import capture
    from autosplit.capture.equalize import equalize

    kept, key = _KEPT.get(), (model.sha256, equalized)
    if kept and example is None and key in kept:
        return kept[key]
    network = model.program or model.module
    inputs = model.example_input if example is None else example
    program = capture(network, inputs, model.name, model.batch_axis)
    program = equalize(program) if equalized else program
    if kept is not None and example is None:
        kept[key] = program
    return program


def warn_of_precision(program: Program) -> None:
    """Warn where a network computes in half or double precision, which plans never do."""
    if program.cast_from:
        used = " and ".join(program.cast_from)
        warn(f"{program.graph.name}: computes in {used}, is measured and quantized in float32")


def load_images(
    options: StatsOptions, model: Model, program: Program, most: int | None = None
) -> DataSet:
    """The images that options name, prepared as the network takes them.

    Args:
        options: Data set, number of calibration images and seed.
        model: The network.
        program: The captured network.
        most: Number of images to evaluate on at most, None for all.
    """
    from autosplit.data.datasets import load_data
    from autosplit.data.dirty import LabelRules

    return load_data(
        options.data,
        model.preprocess,
        calibration_images=options.calibration_images,
        evaluation_images=most,
        seed=options.seed,
        inputs=input_spec(program),
        calibration=options.calibration,
        rules=LabelRules(model.labels, options.strict),
    )


def input_spec(program: Program) -> InputSpec:
    """What a captured network takes: names, types, batch axes, and places of what it looks up."""
    from autosplit.capture.lookups import places_of_input
    from autosplit.data.inputs import InputSpec

    nodes = [node for node in program.module.graph.nodes if node.op == "placeholder"]
    names = tuple(program.graph.inputs)
    dtypes = tuple(node.meta["val"].dtype for node in nodes)
    axes = tuple(program.layouts[name].axis for name in names)
    allowed = tuple(map(places_of_input, nodes))
    return InputSpec(names, dtypes, axes, allowed, program.masked)


def asked_task(options: StatsOptions, model: Model) -> AskedTask:
    """What a person says of the task: on the command line, else beside the network's file."""
    from autosplit.evaluate.choice import AskedTask

    known = options.task is None
    output = options.output or (model.output if known else None)
    return AskedTask(options.task or model.task, output, options.seed)
