"""The five stages on a run folder, and ``run``, which does them all.

Each stage reads files and writes files.  What needs torch imports it inside the function, so that
``search``, ``latency`` and ``collect`` start at once.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import count as count_from
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autosplit.data import image_range
from autosplit.errors import AutoSplitError, AutoSplitWarning, PlanError, StageError, did_you_mean
from autosplit.evaluate.task import FLOAT, write_scores
from autosplit.files import (
    read_json,
    read_yaml,
    sha256_of,
    sha256_of_file,
    write_csv,
    write_json,
    write_yaml,
)
from autosplit.finish.effort import Finishing
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import LAYERS_HEADER, graph_to_dict, layer_rows
from autosplit.hardware.device import Device, load_device
from autosplit.hardware.link import Link, load_link
from autosplit.hardware.prediction import Prediction
from autosplit.hardware.seconds import layer_s, predict
from autosplit.plan.distiller import distiller_overrides
from autosplit.plan.plan import FLOAT_BITS, Plan
from autosplit.plan.planfile import PlanFile, write_plan
from autosplit.plan.quantizers import quantizers
from autosplit.progress import Advance, Progress, silent
from autosplit.report import figure, pick, tables
from autosplit.runs.finished import Quantized
from autosplit.runs.finishing import finishing_of
from autosplit.runs.folder import (
    Stamp,
    clear_stamp,
    hash_data,
    hash_files,
    hash_hardware,
    hash_model,
    is_done,
    plan_names,
    read_graph,
    read_plans,
    read_stamp,
    require,
    resolve,
    write_stamp,
)
from autosplit.runs.options import (
    CollectOptions,
    LatencyOptions,
    QuantizeOptions,
    SearchOptions,
    StatsOptions,
    check_options,
    plain,
)
from autosplit.runs.summary import fastest_first, headline, pick_all, pick_file, summarize
from autosplit.search.cuts.ideals import Cuts, latency_floor, useful
from autosplit.search.limits import ANSWER, Targets, limited
from autosplit.search.methods import ALL, DEFAULT_METHODS, METHODS, OURS, search, search_pinned
from autosplit.search.pareto import pareto
from autosplit.search.pins import parse_override, pin
from autosplit.search.problem import Problem
from autosplit.search.questions.limits import Limits
from autosplit.search.thin import thin
from autosplit.stats.jpeg import InputMeter
from autosplit.stats.stats import Stats
from autosplit.stats.statsfile import STATS_FILES, read_stats, write_stats

if TYPE_CHECKING:
    from torch import Tensor

    from autosplit.capture.program import Program
    from autosplit.evaluate.ledger import Ledger
    from autosplit.evaluate.trials import Trials
    from autosplit.models.load import Model


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage did.

    Attributes:
        stage: Its name.
        done_before: Whether there was nothing new to do.
        text: What to tell the person.
    """

    stage: str
    done_before: bool
    text: str


def run_stats(
    folder: Path, given: Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Outcome:
    """Capture the network and measure every tensor of it on calibration images.

    Raises:
        StageError: The run folder is of another network.
    """
    stamp = read_stamp(folder, "stats")
    if stamp is not None and given.get("model") not in (None, stamp.options["model"]):
        if not force:
            raise StageError(
                f"{folder}: is a run folder of {stamp.options['model']}, asked for "
                f"{given['model']}; choose another one with --out, or redo this one with --force"
            )
        stamp = None
    options = resolve(given, stamp, StatsOptions())
    inputs = {
        "model": hash_model(options),
        "data": hash_data(options.data, options.calibration_images, options.seed),
    }
    if not force and is_done(folder, "stats", options, inputs):
        return Outcome("stats", True, f"stats: nothing new to do in {folder}")
    from autosplit.data.datasets import load_data
    from autosplit.distortion.measure import measure
    from autosplit.distortion.metrics import check_metric, sensitivity
    from autosplit.evaluate.trials import batches_of, judge_of

    check_metric(options.metric)
    model = _load_model(options)
    program = _capture(model, equalized=options.equalize)
    if program.cast_from:
        used = " and ".join(program.cast_from)
        _warn(f"{model.name}: computes in {used}, is measured and quantized in float32")
    data = load_data(
        options.data,
        model.preprocess,
        calibration_images=options.calibration_images or None,
        seed=options.seed,
    )
    judge_of(model, data)
    count = len(data.calibration)
    given_batches = batches_of(data.calibration, program, options.batch_size)
    looks = 2 if options.metric == "mse" else 3
    with progress(f"stats: {model.name} on {count} images", looks * count) as advance:
        meter = _input_meter(model, options)
        passes = count_from(1)

        def batches() -> Iterator[Tensor]:
            first = next(passes) == 1
            for batch, _ in given_batches():
                if first and meter is not None:
                    meter.add(batch.numpy())
                yield batch
                advance(len(batch))

        def images() -> Iterator[Tensor]:
            return (batch for batch, _ in given_batches())

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
    if meter is not None:
        stats = replace(stats, input_coding=meter.result)
    _warn(*_odd_images(model, program, options, stats, next(images())))
    clear_stamp(folder, "stats")
    graph = graph_to_dict(program.graph)
    write_json(folder / "graph.json", "graph", graph)
    write_csv(folder / "layers.csv", LAYERS_HEADER, layer_rows(program.graph))
    write_stats(folder, stats)
    outputs = ("graph.json", "layers.csv", *STATS_FILES)
    write_stamp(folder, "stats", Stamp(plain(options), inputs, outputs))
    macs = sum(layer.macs for layer in program.graph.layers)
    return Outcome(
        "stats",
        False,
        f"stats: {len(program.graph.layers)} layers, {macs:,} multiply-accumulates, measured on "
        f"{stats.samples} images, into {folder}",
    )


def run_search(
    folder: Path, given: Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Outcome:
    """Search cuts and widths for the given hardware and limits, and write every plan.

    Raises:
        StageError: ``stats`` was not done in this folder.
        InfeasibleError: Nothing fits the memory.
    """
    require(folder, "stats", "search")
    before = read_stamp(folder, "search")
    options = resolve(given, before, SearchOptions())
    edge, cloud = load_device(options.edge), load_device(options.cloud)
    links = _links(options.links)
    inputs = hash_files(folder, ("graph.json", *STATS_FILES)) | hash_hardware(edge, cloud, links)
    if not force and is_done(folder, "search", options, inputs):
        return Outcome("search", True, f"search: nothing new to do in {folder}")
    graph, stats = read_graph(folder), read_stats(folder)
    problem = Problem(
        graph,
        stats.distortions,
        edge,
        cloud,
        links,
        options.memory_bytes or None,
        options.widths,
        input_coding=stats.input_coding,
    )
    with progress("search: cuts and widths", 1) as advance:
        pinned = pin(problem, tuple(map(parse_override, options.overrides)))
        methods = _methods(options.methods)
        found = (
            search_pinned(problem, pinned, methods)
            if options.overrides
            else search(problem, methods)
        )
        cuts = useful(pinned) if options.cuts == "useful" else None
        found = limited(pinned, found, _targets(options, cuts))
        advance(1)
    ours, others = _by_method(found)
    answers = [plan for plan in ours if plan.name.startswith(ANSWER)]
    front = [plan for plan in ours if not plan.name.startswith(ANSWER)]
    plans = [*answers, *thin(front, others, options.front), *others]
    baseline = next((plan for plan in plans if plan.method == "cloud16"), None)
    sha = sha256_of_file(folder / "graph.json")
    outputs = ["plans.csv"]
    clear_stamp(folder, "search")
    with progress("search: writing plans", len(plans)) as advance:
        for plan in plans:
            weights, activations = quantizers(plan, stats)
            compared = (
                {}
                if baseline is None
                else {link: p.latency_s for link, p in baseline.predictions.items()}
            )
            name = "" if baseline is None else baseline.name
            about = graph.name, sha, name, compared
            file = PlanFile(plan, weights, activations, *about, equalized=graph.equalized)
            outputs.append(f"plans/{plan.name}.yaml")
            write_plan(folder / outputs[-1], file)
            advance(1)
    for old in () if before is None else before.outputs:
        if old not in outputs:
            (folder / old).unlink(missing_ok=True)
    rows = plan_rows(graph, plans, problem)
    write_csv(folder / "plans.csv", tables.PLANS_HEADER, rows)
    write_stamp(folder, "search", Stamp(plain(options), inputs, tuple(outputs)))
    kept = len(plans) - len(others)
    of = "" if kept == len(ours) else f" of {len(ours)}"
    text = f"search: {kept}{of} plans of ours and {len(others)} baselines"
    return Outcome("search", False, text + _considered(problem, cuts))


def _targets(options: SearchOptions, cuts: Cuts | None) -> Targets:
    """Limits beside memory, as the search was asked."""
    limits = Limits(
        options.max_weight_bits or None,
        options.max_activation_bits or None,
        options.max_bops or None,
    )
    most = options.max_latency_s or math.inf, options.max_distortion or math.inf
    return Targets(limits, *most, None if cuts is None else cuts.cuts)


def _considered(problem: Problem, cuts: Cuts | None) -> str:
    """Which cuts that are no prefixes were looked at, and what is left out at most, in words."""
    if cuts is None:
        return ""
    if cuts.complete:
        return f"; answers over all {len(cuts.cuts)} cuts there are"
    floors = ", ".join(
        f"{latency_floor(problem, link) * 1e3:.3g} ms over {link}" for link in problem.links
    )
    return f"; answers over {len(cuts.cuts)} cuts, none left out is faster than {floors}"


def _by_method(plans: list[Plan]) -> tuple[list[Plan], list[Plan]]:
    """Our plans and those of other methods."""
    return (
        [plan for plan in plans if plan.method == OURS],
        [plan for plan in plans if plan.method != OURS],
    )


def plan_rows(graph: Graph, plans: list[Plan], problem: Problem) -> list[dict[str, Any]]:
    """Rows of ``plans.csv``, per link by rising latency; ``pareto`` marks what nothing beats."""
    rows = []
    for link in problem.links:
        fitting = [plan for plan in plans if problem.fits(plan.edge_memory_bytes)]
        points = [(plan.predictions[link].latency_s, plan.distortion) for plan in fitting]
        best = {fitting[i].name for i in pareto(points)}
        keys = {plan.name: (plan.predictions[link].latency_s, plan.name) for plan in plans}
        ordered = sorted(plans, key=lambda plan: keys[plan.name])
        rows += [tables.plan_row(graph, p, link, pareto=p.name in best) for p in ordered]
    return rows


def run_latency(
    folder: Path, given: Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Outcome:
    """Time every plan on one pair of devices over one or more links, layer by layer.

    Raises:
        StageError: ``search`` was not done in this folder.
    """
    searched = require(folder, "search", "latency")
    asked = resolve(given, read_stamp(folder, "latency"), LatencyOptions())
    edge = load_device(asked.edge or searched.options["edge"])
    cloud = load_device(asked.cloud or searched.options["cloud"])
    links = _links(asked.links or tuple(searched.options["links"]))
    inputs = hash_files(folder, ("graph.json", *searched.outputs))
    inputs |= hash_hardware(edge, cloud, links)
    if not force and is_done(folder, "latency", asked, inputs):
        return Outcome("latency", True, f"latency: nothing new to do in {folder}")
    graph = read_graph(folder)
    files = read_plans(folder, graph, plan_names(folder))
    rows, layers = [], []
    with progress("latency: timing plans", len(files)) as advance:
        for file in files.values():
            plan = file.plan
            layers += _layer_latencies(graph, plan, edge, cloud)
            for name, link in links.items():
                p = _predict(graph, plan, edge, cloud, link)
                rows.append(
                    {"name": plan.name, "edge": edge.name, "cloud": cloud.name, "link": name}
                    | asdict(p)
                    | {"latency_s": p.latency_s}
                )
            advance(1)
    clear_stamp(folder, "latency")
    write_csv(folder / "latency.csv", tables.LATENCY_HEADER, rows)
    write_csv(folder / "layer_latency.csv", tables.LAYER_LATENCY_HEADER, layers)
    outputs = ("latency.csv", "layer_latency.csv")
    write_stamp(folder, "latency", Stamp(plain(asked), inputs, outputs))
    return Outcome(
        "latency",
        False,
        f"latency: {len(files)} plans on {edge.name} and {cloud.name} over {', '.join(links)}",
    )


def run_quantize(
    folder: Path, given: Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Outcome:
    """Measure the accuracy of plans by running them; what is measured already is kept.

    A plan whose cloud half computes in integers is left out, for cloud halves are run in floats.

    Raises:
        StageError: ``search`` was not done in this folder, or the network has changed since, or a
            plan that is asked for as it was finished is not there.
        PlanError: A plan that is named does not exist, or its file is wrong.
    """
    limit = _limit_bytes(require(folder, "search", "quantize"))
    stats = require(folder, "stats", "quantize")
    measured = resolve({}, stats, StatsOptions())
    before = read_stamp(folder, "quantize")
    if before is not None:
        before = replace(before, options=_remembered(before.options, given))
    options = resolve(given, before, QuantizeOptions())
    graph = read_graph(folder)
    names = plan_names(folder, options.plans)
    quantized = Quantized(folder / "quantized", graph)
    if options.finished:
        names = _finished_names(quantized, names, options.plans)
    finishing = finishing_of(options, measured.clipping)
    source = {
        "model": hash_model(measured),
        "data": hash_data(measured.data, options.images, measured.seed),
        "finishing": "as it is" if options.finished else _hash_finishing(finishing, stats),
    }
    inputs = source | hash_files(folder, [f"plans/{name}.yaml" for name in names])
    inputs |= hash_files(folder, ("graph.json", "plans.csv"))
    if options.finished:
        paths = [path for name in names for path in quantized.files(name)]
        inputs |= hash_files(folder, [f"quantized/{path.name}" for path in paths])
    if options.max_drop is not None:
        inputs |= hash_files(folder, ("latency.csv",))
    if not force and is_done(folder, "quantize", options, inputs):
        return Outcome("quantize", True, f"quantize: nothing new to do in {folder}")
    files = read_plans(folder, graph, names)
    files = {name: file for name, file in files.items() if file.plan.cloud_bits >= FLOAT_BITS[0]}
    from autosplit.evaluate.ledger import Ledger

    if options.finished:
        files = {name: _finished(folder, quantized, file) for name, file in files.items()}
    else:
        quantized = replace(quantized, finishing=sha256_of(source["model"] + source["finishing"]))
    kept = "finished_scores" if options.finished else "scores"
    ledger = Ledger(folder / "stages" / kept, source)
    halves = {name: file.half_sha256 for name, file in files.items()}
    if force:
        for half in (FLOAT, *halves.values()):
            ledger.forget(half)
        for name in () if options.finished else files:
            quantized.forget(name)
    text = _measure(folder, measured, options, files, ledger, quantized, limit, progress)
    reference = ledger.find(FLOAT)
    rows = [reference.float_row()]
    for name, file in files.items():
        row = ledger.find(halves[name]).plan_row(file.plan, reference)
        rows += [row] if row else []
    clear_stamp(folder, "quantize")
    outputs = [*write_scores(folder, reference.task, rows)]
    measured_names = [row["name"] for row in rows[1:]]
    if not options.finished:
        _forget_strangers(folder, replace(quantized, finishing=""), measured_names)
    for name in measured_names:
        outputs += [f"quantized/{path.name}" for path in quantized.files(name)]
    write_stamp(folder, "quantize", Stamp(plain(options), inputs, tuple(outputs)))
    return Outcome("quantize", False, text)


def _hash_finishing(finishing: Finishing, stats: Stamp) -> str:
    """SHA-256 of how plans are finished: the steps, the calibration images, their batches."""
    return sha256_of(repr((finishing, stats.inputs["data"], stats.options.get("batch_size"))))


def _remembered(options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the last time, but for those that hold for that time alone."""
    every = {} if given.get("plans") is None else {"max_drop": None}  # asked for, so all of them
    return {**options, "finished": False, **every}


def _finished_names(quantized: Quantized, names: Sequence[str], plans: str) -> list[str]:
    """Those names that there are finished plans of; all of them where they were named.

    Raises:
        StageError: There is none.
    """
    found = [name for name in names if quantized.files(name)]
    if not found:
        raise StageError(
            f"{quantized.folder}: must hold finished plans, has none of those asked for, "
            "run: autosplit quantize without --finished"
        )
    return found if plans in {"all", "pareto"} else list(names)


def _finished(folder: Path, quantized: Quantized, request: PlanFile) -> PlanFile:
    """What a plan was finished to.

    Raises:
        StageError: It is missing, or one of the two has changed since.
    """
    found = quantized.find(request)
    if found is None:
        name = request.plan.name
        raise StageError(
            f"{quantized.path(name)}: must be what plans/{name}.yaml was finished to, is missing "
            f"or one of them has changed since, run: autosplit quantize --out {folder}"
        )
    return found


def _forget_strangers(folder: Path, quantized: Quantized, known: Collection[str]) -> None:
    """Delete finished plans that belong to no plan of a run folder; those known do."""
    names = set(plan_names(folder))
    for name in quantized.names().difference(known):
        try:
            request = read_plans(folder, quantized.graph, [name])[name] if name in names else None
        except AutoSplitError:  # edited, and not asked for
            request = None
        if request is None or quantized.find(request) is None:
            quantized.forget(name)


def _measure(
    folder: Path,
    measured: StatsOptions,
    options: QuantizeOptions,
    files: Mapping[str, PlanFile],
    ledger: Ledger,
    quantized: Quantized,
    limit: int | None,
    progress: Progress,
) -> str:
    """Run plans on the images they were not run on yet; what was done, in words."""
    from autosplit.evaluate.trials import choose, score_all

    seen = [file for file in files.values() if ledger.find(file.half_sha256).seen]
    left = [] if options.finished else [file for file in seen if not quantized.has(file)]
    if options.max_drop is None and not left:
        halves = {file.half_sha256 for file in files.values()} | {FLOAT}
        if all(ledger.find(half).done for half in halves):
            return f"quantize: {len(files)} plans, 0 measured anew"
    trials = _trials(folder, measured, options, ledger, quantized, files)
    for file in left:
        trials.finish(file, lambda _: None)
    if options.max_drop is None:
        plans, _ = score_all(trials, list(files.values()), options.jobs, progress)
        return f"quantize: {len(files)} plans, {plans} measured anew"
    orders = fastest_first(folder, files, limit)
    plans, images = choose(trials, files, orders, options.max_drop, progress)
    candidates = {name for order in orders for name in order}
    whole = len(candidates) * trials.looks.total
    return (
        f"quantize: {plans} of {len(candidates)} plans run for picks within {options.max_drop:g} "
        f"points, {images:,} images of {whole:,}"
    )


def _trials(
    folder: Path,
    measured: StatsOptions,
    options: QuantizeOptions,
    ledger: Ledger,
    quantized: Quantized,
    files: Mapping[str, PlanFile],
) -> Trials:
    """The network of a run folder, its evaluation data, and what finishes and writes its plans.

    A plan that is finished already is not finished again.

    Raises:
        StageError: The network is another one than was measured.
    """
    from autosplit.data.datasets import load_data
    from autosplit.evaluate.trials import Looks, Trials, batches_of, few, judge_of
    from autosplit.finish.finish import finish as finish_plan

    model = _load_model(measured)
    program = _capture(model, equalized=measured.equalize)
    graph = read_graph(folder)
    if graph_to_dict(program.graph) != graph_to_dict(graph):
        raise StageError(
            f"{folder}: the network must be the one that was measured, its layers differ from "
            f"graph.json, run: autosplit stats --force --out {folder}"
        )
    data = load_data(
        measured.data,
        model.preprocess,
        calibration_images=measured.calibration_images or None,
        evaluation_images=options.images or None,
        seed=measured.seed,
    )
    looks = Looks.of(data.evaluation, program, measured.batch_size, measured.seed)
    calibration = few(batches_of(data.calibration, program, measured.batch_size), program)
    seen = read_stats(folder).tensors[next(iter(graph.inputs))]
    _warn(image_range.against_calibration(looks.extremes, (seen.min, seen.max)))

    trials = Trials(program, looks, ledger, judge_of(model, data))
    if options.finished:
        return trials
    finishing = finishing_of(options, measured.clipping)

    def finish(file: PlanFile, tell: Advance) -> PlanFile:
        same = [other for other in files.values() if other.half_sha256 == file.half_sha256]
        found = next(filter(None, map(quantized.find, same)), None)
        finished = found or finish_plan(program, file, calibration, finishing, tell)
        clear_stamp(folder, "quantize")
        for other in same:
            quantized.keep(other, finished)
        return finished

    return replace(trials, finish=finish, steps=finishing.steps)


def run_collect(
    folder: Path, given: Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Outcome:
    """Join plans, latencies and scores; draw the front; pick the fastest plan within the limit.

    Raises:
        StageError: ``latency`` or ``quantize`` was not done in this folder.
        InfeasibleError: No measured plan keeps the accuracy, over no link.
    """
    searched, *_ = [
        require(folder, stage, "collect") for stage in ("search", "latency", "quantize")
    ]
    options = resolve(given, read_stamp(folder, "collect"), CollectOptions())
    limit = _limit_bytes(searched)
    read = ("graph.json", "latency.csv", "scores.csv", *searched.outputs)
    inputs = hash_files(folder, read) | {"memory_bytes": str(limit)}
    if not force and is_done(folder, "collect", options, inputs):
        text = read_json(folder / "stages" / "pick.json", "text")["text"]
        return Outcome("collect", True, text)
    graph = read_graph(folder)
    summary = summarize(folder, graph, limit)
    picks = pick_all(summary, options.max_drop)
    link = headline(options.link, picks)
    clear_stamp(folder, "collect")
    with progress("collect: drawing", 1) as advance:
        figure.draw(folder / "pareto.png", summary.rows, picks, summary.title, summary.measured)
        advance(1)
    write_csv(folder / "summary.csv", summary.header, summary.table)
    write_yaml(folder / "pick.yaml", "pick", pick_file(folder, picks, link, options.max_drop))
    rows = [row for row in summary.rows if row.link == link]
    text = pick.describe(graph, rows, picks[link], options.max_drop, limit)
    write_json(folder / "stages" / "pick.json", "text", {"text": text})
    outputs = ("summary.csv", "pareto.png", "pick.yaml", "stages/pick.json")
    write_stamp(folder, "collect", Stamp(plain(options), inputs, outputs))
    return Outcome("collect", False, text)


def _limit_bytes(searched: Stamp) -> int | None:
    """Memory that an edge half may use, as the search was asked."""
    options = resolve({}, searched, SearchOptions())
    return options.memory_bytes or load_device(options.edge).memory_bytes


def _methods(asked: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the methods that are asked for: none is the usual ones, ``all`` is all."""
    return tuple(METHODS) if asked == (ALL,) else asked or DEFAULT_METHODS


RUNNERS = {
    "stats": (run_stats, StatsOptions),
    "search": (run_search, SearchOptions),
    "latency": (run_latency, LatencyOptions),
    "quantize": (run_quantize, QuantizeOptions),
    "collect": (run_collect, CollectOptions),
}
"""Stage -> its function and its options, in the order in which ``run`` does them."""


def run(
    folder: Path, given: Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Iterator[Outcome]:
    """Do all five stages, each only if there is something new to do, and yield what each did.

    Args:
        folder: Run folder.
        given: Options of any stage by name; those that are None or left out keep their value.
            Hardware is that of the search, and the plans are timed on the same.  If effort or
            rounding is given, distortion is counted with the rounding that finishes plans.
        force: Do every stage again.
        progress: Shows how far a stage is.

    Raises:
        StageError: An option is unknown.
    """
    names = {stage: {field.name for field in fields(kind)} for stage, (_, kind) in RUNNERS.items()}
    check_options(given, set().union(*names.values()))
    for stage, (function, _) in RUNNERS.items():
        own = {key: given[key] for key in given.keys() & names[stage]}
        if stage == "stats":
            own["rounding"] = _rounding_counted(folder, given)
        if stage == "latency":
            own = {key: type(value)() for key, value in own.items() if value is not None}
        yield function(folder, own, force=force, progress=progress)


def _rounding_counted(folder: Path, given: Mapping[str, Any]) -> str | None:
    """Rounding that ``stats`` counts with: as plans are finished; None, as last, if not asked."""
    asked = {key: given.get(key) for key in ("effort", "rounding")}
    if not any(asked.values()):
        return None
    options = resolve(asked, read_stamp(folder, "quantize"), QuantizeOptions())
    return "nearest" if finishing_of(options).recovery.rounding == "nearest" else "auto"


def emit_distiller(folder: Path, name: str) -> dict[str, Any]:
    """A plan of a run folder in Distiller's form, which has widths and no place for integers.

    Raises:
        PlanError: There is no such plan.
    """
    _plan_path(folder, name)
    graph = read_graph(folder)
    return distiller_overrides(read_plans(folder, graph, [name])[name], graph)


def emit_native(folder: Path, name: str) -> str:
    """The YAML of a plan of a run folder, as it was searched: finished integers are no text.

    Raises:
        PlanError: There is no such plan.
    """
    return _plan_path(folder, name).read_text(encoding="utf-8")


def picked(folder: Path) -> str:
    """Name of the plan that ``collect`` picked for its headline link."""
    require(folder, "collect", "emit")
    data = read_yaml(folder / "pick.yaml", "pick")
    return str(data["picks"][data["headline"]]["plan"])


def network_and_plan(
    folder: Path | None, given: Mapping[str, Any], plan: str | None
) -> tuple[Model, Path | None]:
    """The network of a run folder, or as given, and the file of a plan of it.

    A plan of a run folder is the finished one; the request if it was never finished.

    Args:
        folder: Run folder; its options hold where none are given, and its pick is the plan where
            none is named.
        given: Options of ``stats`` that say which network.
        plan: Name of a plan of the run folder, or a file.

    Raises:
        StageError: The run folder has no network or no pick yet, or the plan has changed since it
            was finished.
        PlanError: There is no such plan.
    """
    stamp = None if folder is None else require(folder, "stats", "detect")
    model = _load_model(resolve(given, stamp, StatsOptions()))
    if plan is not None and plan.endswith((".yaml", ".yml")):
        return model, Path(plan)
    if folder is not None:
        return model, _finished_path(folder, picked(folder) if plan is None else plan)
    if plan is not None:
        raise PlanError(f"plan: must be a file such as plan.yaml without --run, got {plan!r}")
    return model, None


def _plan_path(folder: Path, name: str) -> Path:
    require(folder, "search", "emit")
    names = plan_names(folder)
    if name not in names:
        raise PlanError(f"{folder}: no plan {name!r}{did_you_mean(name, names)}")
    return folder / "plans" / f"{name}.yaml"


def _finished_path(folder: Path, name: str) -> Path:
    path = _plan_path(folder, name)
    graph = read_graph(folder)
    quantized = Quantized(folder / "quantized", graph)
    if not quantized.files(name):
        return path
    _finished(folder, quantized, read_plans(folder, graph, [name])[name])
    return quantized.path(name)


def _load_model(options: StatsOptions) -> Model:
    from autosplit.models.load import load_model

    return load_model(
        options.model,
        weights=options.weights or None,
        checkpoint=Path(options.checkpoint) if options.checkpoint else None,
        input_size=options.input_size or None,
        seed=options.seed,
    )


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


def _capture(model: Model, *, equalized: bool) -> Program:
    from autosplit.capture.capture import capture
    from autosplit.capture.equalize import equalize

    program = capture(model.program or model.module, (model.example_input,), model.name)
    return equalize(program) if equalized else program


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
        text = image_range.against_preparation(ends, expected, model.name)
    yield text or image_range.against_training(program.deviations((images,)), ends, model.name)
    yield image_range.of_one_value(name, found, stats.samples)


def _warn(*texts: str) -> None:
    """Warn of input that is probably not what was meant."""
    for text in filter(None, texts):
        warnings.warn(text, AutoSplitWarning, stacklevel=3)


def _links(names: tuple[str, ...]) -> dict[str, Link]:
    """Link name -> profile, in the order asked for.

    Raises:
        ProfileError: One is unknown.
    """
    profiles = [load_link(name) for name in names]
    return {profile.name: profile for profile in profiles}


def _predict(graph: Graph, plan: Plan, edge: Device, cloud: Device, link: Link) -> Prediction:
    cut = graph.cut(plan.edge)
    widths = plan.weight_bits, plan.activation_bits
    sent = None if plan.input_coding is None else plan.input_coding.sent
    return predict(cut, *widths, edge, cloud, link, _cloud_bits(plan, cloud), sent)


def _cloud_bits(plan: Plan, cloud: Device) -> int:
    """Width of the cloud half: integers as the plan says, or this device's floats."""
    return plan.cloud_bits if plan.cloud_bits < 16 else cloud.float_bits


def _layer_latencies(graph: Graph, plan: Plan, edge: Device, cloud: Device) -> list[dict[str, Any]]:
    """Seconds of every layer where the plan runs it."""
    on_edge = set(plan.edge)
    cloud_bits = _cloud_bits(plan, cloud)
    floats = dict.fromkeys(graph.tensors, cloud_bits)
    rows = []
    for layer in graph.layers:
        if layer.name in on_edge:
            width = plan.weight_bits.get(layer.weight_owner or layer.name, 0)
            seconds = layer_s(layer, graph, edge, width, plan.activation_bits)
            side, device = "edge", edge.name
        else:
            seconds = layer_s(layer, graph, cloud, cloud_bits, floats)
            side, device = "cloud", cloud.name
        rows.append(
            {
                "name": plan.name,
                "layer": layer.name,
                "side": side,
                "device": device,
                "seconds": seconds,
            }
        )
    return rows
