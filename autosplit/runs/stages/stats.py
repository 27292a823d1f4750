"""The stage ``stats``: capture the network and measure every tensor of it on calibration images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from autosplit.data import image_range
from autosplit.errors import StageError, counted
from autosplit.files import write_csv, write_json
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import LAYERS_HEADER, graph_to_dict, layer_rows
from autosplit.progress import note
from autosplit.runs.hashes import hash_measured, named_files
from autosplit.runs.inputs import (
    KnownInputs,
    boxes_text,
    float_text,
    inputs_text,
    known_inputs,
    write_left_out,
)
from autosplit.runs.measuring import Measuring, measure_network, picture_input, warn_of_inputs
from autosplit.runs.network import (
    asked_task,
    capture_network,
    check_network,
    load_images,
    load_network,
    warn_of_precision,
)
from autosplit.runs.options import StatsOptions
from autosplit.runs.reads import BATCHES, STATE, hash_reads, is_code, recording
from autosplit.runs.stages.frame import Asked, Job, Made, Prepared, Stage
from autosplit.runs.stamps import Stamp, is_done
from autosplit.stats.stats import Stats
from autosplit.stats.statsfile import STATS_FILES, write_stats

if TYPE_CHECKING:
    from autosplit.capture.program import Program
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
            "choose another one with --run, or redo this one with --force"
        )
    return None


def _prepare(job: Job[StatsOptions]) -> Prepared:
    options = job.options
    if options.parent is not None and Path(options.parent).resolve() == job.folder.resolve():
        raise StageError(f"parent: must be another run folder than {job.folder}")
    inputs = hash_measured(options)
    return Prepared(inputs, partial(_measure_recorded, job), _seen(job, inputs))


def _seen(job: Job[StatsOptions], inputs: Mapping[str, str]) -> dict[str, str]:
    """What the person's code read the last time, and what it gives, as they are now."""
    before = {} if job.before is None else dict(job.before.inputs)
    kept = {name: before[name] for name in (STATE, BATCHES) if name in before}
    seen = kept | hash_reads(before, (job.folder,))
    same = is_done(job.folder, "stats", job.options, {**inputs, **seen})
    if not job.force and same and kept.get(BATCHES):
        seen |= _batches(job.options)  # calls the person's function, so only if all else is equal
    return seen


def _batches(options: StatsOptions) -> dict[str, str]:
    """Digest of the ends of what a function gives; none where the data are no function's."""
    if not is_code(options.data):
        return {}
    from autosplit.data.batch_ends import batch_ends

    return {BATCHES: batch_ends(options.data, options.seed)}


def _measure_recorded(job: Job[StatsOptions]) -> Made:
    """Measure the network, and keep what the person's code read and gave."""
    check_network(job.options)
    with recording((job.folder, *named_files(job.options))) as found:
        made = _measure(job)
        return replace(made, read={**found(), **made.read, **_batches(job.options)})


def _measure(job: Job[StatsOptions]) -> Made:
    """Load, capture and measure the network."""
    from autosplit.data.python_file import is_python_spec
    from autosplit.evaluate.batches import batches_of
    from autosplit.evaluate.choice import judge_of

    options = job.options
    model = load_network(options)
    program = capture_network(model, equalized=options.equalize)
    warn_of_precision(program)
    data = load_images(options, model, program)
    choice, judge = judge_of(program, model, data, asked_task(options, model))
    known = known_inputs(options, model, program, data, choice)
    about = "; ".join(filter(None, (choice.text, float_text(program, data, choice, judge))))
    head = f"{inputs_text(options, known, model, program)}\n{boxes_text(data)}task: {about}"
    note(job.progress, head)
    count = len(data.calibration)
    batches = batches_of(data.calibration, program, options.batch_size)
    picture = None
    if not is_python_spec(options.data) and len(program.graph.inputs) == 1:
        (shape,) = program.graph.inputs.values()
        picture = picture_input(model.preprocess, (1, *shape), options.jpeg_quality)
    measuring = Measuring(program, lambda: (batch for batch, _ in batches()), options, picture)
    title = f"stats: {model.name} on {counted(count, 'sample')}"
    with job.progress(title, measuring.passes * count) as advance:
        stats = measure_network(measuring, advance)
    first = next(iter(measuring.batches()))
    odd = _odd_preparation(model, program, options, stats)
    warn_of_inputs(program, stats, first, odd, _remedy(model, options))
    macs = sum(layer.macs for layer in program.graph.layers)
    tail = program.graph.tail
    behind = "" if tail is None else f" and {tail.macs:,} of a second stage in float"
    text = (
        f"stats: {counted(len(program.graph.layers), 'layer')}, {macs:,} multiply-accumulates"
        f"{behind}, measured on {counted(stats.samples, 'sample')}, into {job.folder}"
    )
    write = partial(_write, job.folder, program.graph, stats, known, data.left_out)
    return Made(text, write, {STATE: model.sha256})


def _write(
    folder: Path, graph: Graph, stats: Stats, known: KnownInputs, left_out: Sequence[str]
) -> Sequence[str]:
    write_json(folder / "graph.json", "graph", graph_to_dict(graph))
    write_csv(folder / "layers.csv", LAYERS_HEADER, layer_rows(graph))
    write_stats(folder, stats)
    more = write_left_out(folder, left_out)
    return ("graph.json", "layers.csv", known.write(folder), *STATS_FILES, *more)


def _remedy(model: Model, options: StatsOptions) -> str:
    """What changes how images are prepared, where that is a guess; else empty."""
    from autosplit.data.python_file import is_python_spec

    if not model.assumed:
        return ""
    if is_python_spec(options.calibration or options.data):
        return f"change how {options.calibration or options.data} prepares them"
    return "say it with --mean and --std, and --channels"


def _odd_preparation(model: Model, program: Program, options: StatsOptions, stats: Stats) -> str:
    """Say what is odd about inputs of the user's own, beside what the network prepares.

    Args:
        model: The network.
        program: The captured network.
        options: As asked for.
        stats: What was measured.
    """
    from autosplit.data.preprocess import Letterbox, Preprocess, value_range
    from autosplit.data.python_file import is_python_spec

    prepare = model.preprocess
    if model.assumed or not is_python_spec(options.data):
        return ""
    if not isinstance(prepare, Preprocess | Letterbox):
        return ""
    found = stats.tensors[next(iter(program.graph.inputs))]
    expected = value_range(prepare)
    return image_range.warn_of_preparation((found.min, found.max), expected, model.name)


STATS = Stage("stats", StatsOptions, (), _prepare, _remembered)
