"""The stage ``stats``: capture the network and measure every tensor of it on calibration images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count as count_from
from pathlib import Path
from typing import TYPE_CHECKING

from autosplit.data import image_range
from autosplit.errors import StageError, warn
from autosplit.files import write_csv, write_json
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import LAYERS_HEADER, graph_to_dict, layer_rows
from autosplit.progress import Advance
from autosplit.runs.hashes import hash_measured
from autosplit.runs.network import capture_network, load_images, load_network
from autosplit.runs.options import StatsOptions
from autosplit.runs.stages.frame import Asked, Job, Made, Prepared, Stage
from autosplit.runs.stamps import Stamp
from autosplit.stats.coding import InputMeter
from autosplit.stats.stats import Stats
from autosplit.stats.statsfile import STATS_FILES, write_stats

if TYPE_CHECKING:
    from torch import Tensor

    from autosplit.capture.program import Program
    from autosplit.evaluate.batches import LabelledBatches
    from autosplit.models.load import Model


def _remembered(asked: Asked) -> Stamp | None:
    """The last time of the same network; of another one nothing is remembered.

    Raises:
        StageError: The run folder is of another network, and it is not forced.
    """
    stamp, model = asked.before, asked.given.get("model")
    if stamp is None or model is None or model == stamp.options["model"]:
        return stamp
    if not asked.force:
        raise StageError(
            f"{asked.folder}: is a run folder of {stamp.options['model']}, asked for {model}; "
            "choose another one with --out, or redo this one with --force"
        )
    return None


def _prepare(job: Job[StatsOptions]) -> Prepared:
    options = job.options
    return Prepared(hash_measured(options), partial(_measure, job))


def _measure(job: Job[StatsOptions]) -> Made:
    """Load, capture and measure the network."""
    from autosplit.evaluate.batches import batches_of
    from autosplit.evaluate.tasks.tasks import judge_of

    options = job.options
    model = load_network(options)
    program = capture_network(model, equalized=options.equalize)
    if program.cast_from:
        used = " and ".join(program.cast_from)
        warn(f"{model.name}: computes in {used}, is measured and quantized in float32")
    data = load_images(options, model)
    judge_of(model, data)
    batches = batches_of(data.calibration, program, options.batch_size)
    meter = _input_meter(model, options)
    what = f"stats: {model.name} on {len(data.calibration)} images"
    looks = 2 if options.metric == "mse" else 3
    with job.progress(what, looks * len(data.calibration)) as advance:
        stats = _statistics(program, batches, options, meter, advance)
    first, _ = next(iter(batches()))
    warn(*_odd_images(model, program, options, stats, first))
    macs = sum(layer.macs for layer in program.graph.layers)
    text = (
        f"stats: {len(program.graph.layers)} layers, {macs:,} multiply-accumulates, measured on "
        f"{stats.samples} images, into {job.folder}"
    )
    return Made(text, partial(_write, job.folder, program.graph, stats))


def _statistics(
    program: Program,
    labelled: LabelledBatches,
    options: StatsOptions,
    meter: InputMeter | None,
    advance: Advance,
) -> Stats:
    """Ranges, moments and distortion of every tensor, and the input's bytes as a JPEG file.

    Args:
        program: The captured network.
        labelled: Batches of calibration images.
        options: How they are measured.
        meter: Measures the input as a JPEG file; None where it is made of no picture.
        advance: Told of images done.
    """
    from autosplit.distortion.measure import measure
    from autosplit.distortion.metrics import sensitivity

    passes = count_from(1)

    def batches() -> Iterator[Tensor]:
        first = next(passes) == 1
        for batch, _ in labelled():
            if first and meter is not None:
                meter.add(batch.numpy())
            yield batch
            advance(len(batch))

    def images() -> Iterator[Tensor]:
        return (batch for batch, _ in labelled())

    stats = measure(program, batches, clipping=options.clipping)
    stats = sensitivity(
        program,
        images,
        stats,
        options.metric,
        options.seed,
        advance,
        finished=options.rounding != "nearest",
    )
    return stats if meter is None else replace(stats, input_coding=meter.result)


def _write(folder: Path, graph: Graph, stats: Stats) -> Sequence[str]:
    write_json(folder / "graph.json", "graph", graph_to_dict(graph))
    write_csv(folder / "layers.csv", LAYERS_HEADER, layer_rows(graph))
    write_stats(folder, stats)
    return ("graph.json", "layers.csv", *STATS_FILES)


def _input_meter(model: Model, options: StatsOptions) -> InputMeter | None:
    """What measures the network's input as a JPEG file; None where it is made of no picture."""
    from autosplit.data.preprocess import Letterbox, Preprocess
    from autosplit.data.python_file import is_python_spec

    prepare, shape = model.preprocess, model.example_input.shape
    if not isinstance(prepare, Preprocess | Letterbox) or is_python_spec(options.data):
        return None
    if len(shape) != 4 or shape[1] != len(prepare.mean):
        return None
    return InputMeter(options.jpeg_quality, prepare.mean, prepare.std)


def _odd_images(
    model: Model, program: Program, options: StatsOptions, stats: Stats, images: Tensor
) -> Iterator[str]:
    """Say what is odd about calibration images, if anything is.

    Args:
        model: The network.
        program: The same, captured.
        options: As asked for.
        stats: What was measured.
        images: The first batch.
    """
    from autosplit.data.preprocess import Letterbox, Preprocess, value_range
    from autosplit.data.python_file import is_python_spec

    (name,) = program.graph.inputs
    found = stats.tensors[name]
    ends = found.min, found.max
    text = ""
    prepare = model.preprocess
    guessed = is_python_spec(options.model) or options.model.endswith(".pt2")
    if isinstance(prepare, Preprocess | Letterbox) and is_python_spec(options.data) and not guessed:
        expected = value_range(prepare)
        text = image_range.warn_of_preparation(ends, expected, model.name)
    yield text or image_range.warn_of_training_scale(
        program.deviations((images,)), ends, model.name
    )
    yield image_range.warn_of_one_value(name, found, stats.samples)


STATS = Stage("stats", StatsOptions, (), _prepare, _remembered)
