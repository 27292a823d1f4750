"""The five stages on a run folder, and ``run``, which does them all.

Each stage reads files and writes files.  What needs torch imports it inside the function, so that
``search``, ``latency`` and ``collect`` start at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autosplit import report
from autosplit.errors import DataError, InfeasibleError, PlanError, StageError, did_you_mean
from autosplit.files import (
    read_csv,
    read_json,
    read_yaml,
    sha256_of_file,
    write_csv,
    write_json,
    write_yaml,
)
from autosplit.graph import LAYERS_HEADER, Graph, graph_from_dict, graph_to_dict, layer_rows
from autosplit.latency import layer_s, predict
from autosplit.plan import (
    Plan,
    PlanFile,
    Prediction,
    distiller_overrides,
    quantizers,
    read_plan,
    write_plan,
)
from autosplit.profiles import Device, Link, load_device, load_link
from autosplit.runfolder import (
    CollectOptions,
    LatencyOptions,
    QuantizeOptions,
    SearchOptions,
    Stamp,
    StatsOptions,
    hash_data,
    hash_files,
    hash_model,
    hash_profile,
    is_done,
    plain,
    read_stamp,
    require,
    resolve,
    write_stamp,
)
from autosplit.search.methods import METHODS, search
from autosplit.search.pareto import pareto
from autosplit.search.problem import Problem
from autosplit.stats import STATS_FILES, read_stats, write_stats

if TYPE_CHECKING:
    from torch import Tensor

    from autosplit.capture import Program
    from autosplit.evaluate import Score
    from autosplit.images import Images
    from autosplit.models import Model

Advance = Callable[[int], None]
Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""``with progress(what, total) as advance: advance(1) ...``"""


def silent(what: str, total: int) -> AbstractContextManager[Advance]:  # noqa: ARG001
    """A progress that shows nothing."""
    return nullcontext(lambda count: None)  # noqa: ARG005


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
    options = resolve(given, None if force else stamp, StatsOptions())
    if stamp is not None and not force and stamp.options["model"] != options.model:
        raise StageError(
            f"{folder}: is a run folder of {stamp.options['model']}, asked for {options.model}; "
            "choose another one with --out, or redo this one with --force"
        )
    inputs = {
        "model": hash_model(options),
        "data": hash_data(options.data, options.calibration_images, options.seed),
    }
    if not force and is_done(folder, "stats", options, inputs):
        return Outcome("stats", True, f"stats: nothing new to do in {folder}")
    from autosplit.data import load_data
    from autosplit.measure import measure

    model = _load_model(options)
    program = _capture(model)
    data = load_data(
        options.data,
        model.preprocess,
        calibration_images=options.calibration_images or None,
        seed=options.seed,
    )
    images = data.calibration
    size = program.batch_size or options.batch_size
    with progress(f"stats: {model.name} on {len(images)} images", 2 * len(images)) as advance:

        def batches() -> Iterator[Tensor]:
            for batch, _ in images.batches(size):
                yield batch
                advance(len(batch))

        stats = measure(program, batches)
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
    options = resolve(given, read_stamp(folder, "search"), SearchOptions())
    edge, cloud = load_device(options.edge), load_device(options.cloud)
    links = _links(options.links)
    inputs = hash_files(folder, ("graph.json", *STATS_FILES)) | _hash_hardware(edge, cloud, links)
    if not force and is_done(folder, "search", options, inputs):
        return Outcome("search", True, f"search: nothing new to do in {folder}")
    graph, stats = read_graph(folder), read_stats(folder)
    problem = Problem(
        graph, stats.distortions, edge, cloud, links, options.memory_bytes or None, options.widths
    )
    with progress("search: cuts and widths", 1) as advance:
        plans = search(problem, options.methods or tuple(METHODS))
        advance(1)
    baseline = next((plan for plan in plans if plan.method == "cloud16"), None)
    sha = sha256_of_file(folder / "graph.json")
    outputs = ["plans.csv"]
    with progress("search: writing plans", len(plans)) as advance:
        for plan in plans:
            weights, activations = quantizers(plan, stats)
            compared = (
                {}
                if baseline is None
                else {link: p.latency_s for link, p in baseline.predictions.items()}
            )
            name = "" if baseline is None else baseline.name
            file = PlanFile(plan, weights, activations, graph.name, sha, name, compared)
            outputs.append(f"plans/{plan.name}.yaml")
            write_plan(folder / outputs[-1], file)
            advance(1)
    for old in sorted((folder / "plans").glob("*.yaml")):
        if f"plans/{old.name}" not in outputs:
            old.unlink()
    rows = plan_rows(graph, plans, problem)
    write_csv(folder / "plans.csv", report.PLANS_HEADER, rows)
    write_stamp(folder, "search", Stamp(plain(options), inputs, tuple(outputs)))
    ours = sum(plan.method == "autosplit" for plan in plans)
    return Outcome(
        "search", False, f"search: {ours} plans of ours and {len(plans) - ours} baselines"
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
        rows += [report.plan_row(graph, p, link, pareto=p.name in best) for p in ordered]
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
    inputs |= _hash_hardware(edge, cloud, links)
    if not force and is_done(folder, "latency", asked, inputs):
        return Outcome("latency", True, f"latency: nothing new to do in {folder}")
    graph = read_graph(folder)
    files = read_plans(folder, graph)
    rows, layers = [], []
    with progress("latency: timing plans", len(files)) as advance:
        for file in files:
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
    write_csv(folder / "latency.csv", report.LATENCY_HEADER, rows)
    write_csv(folder / "layer_latency.csv", report.LAYER_LATENCY_HEADER, layers)
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

    Raises:
        StageError: ``search`` was not done in this folder, or the network has changed since.
        PlanError: A plan that is named does not exist, or its file is wrong.
    """
    require(folder, "search", "quantize")
    measured = resolve({}, require(folder, "stats", "quantize"), StatsOptions())
    options = resolve(given, read_stamp(folder, "quantize"), QuantizeOptions())
    graph = read_graph(folder)
    names = _chosen_plans(folder, options.plans)
    model_sha = hash_model(measured)
    if model_sha != require(folder, "stats", "quantize").inputs["model"]:
        raise StageError(
            f"{folder}: the network must be the one that was measured, its file has changed; run: "
            f"autosplit stats --out {folder}"
        )
    data_sha = hash_data(measured.data, options.images, measured.seed)
    inputs = {"model": model_sha, "data": data_sha}
    inputs |= hash_files(folder, ("graph.json", *(f"plans/{name}.yaml" for name in names)))
    if not force and is_done(folder, "quantize", options, inputs):
        return Outcome("quantize", True, f"quantize: nothing new to do in {folder}")
    files = {name: read_plan(folder / "plans" / f"{name}.yaml", graph) for name in names}
    wanted = {
        name: {"model": model_sha, "data": data_sha, "plan": inputs[f"plans/{name}.yaml"]}
        for name in names
    }
    kept = (
        {}
        if force
        else {
            name: score for name, key in wanted.items() if (score := _kept_score(folder, name, key))
        }
    )
    missing = {name: file for name, file in files.items() if name not in kept}
    if missing or report.FLOAT not in _score_names(folder):
        kept |= _measure_scores(folder, measured, options, missing, wanted, progress)
    float_score = read_json(_score_path(folder, report.FLOAT), "score")["score"]
    rows = [float_score, *(kept[name] for name in names)]
    write_csv(folder / "scores.csv", report.SCORES_HEADER, rows)
    write_stamp(folder, "quantize", Stamp(plain(options), inputs, ("scores.csv",)))
    return Outcome("quantize", False, f"quantize: {len(names)} plans, {len(missing)} measured anew")


def _measure_scores(
    folder: Path,
    measured: StatsOptions,
    options: QuantizeOptions,
    files: Mapping[str, PlanFile],
    keys: Mapping[str, Mapping[str, str]],
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """Run the float network and the plans, and keep each score as soon as it is there."""
    from joblib import Parallel, delayed

    from autosplit.data import load_data
    from autosplit.evaluate import evaluate, measure_float

    model = _load_model(measured)
    program = _capture(model)
    if graph_to_dict(program.graph) != graph_to_dict(read_graph(folder)):
        raise StageError(
            f"{folder}: the network must be the one that was measured, its layers differ from "
            f"graph.json; run: autosplit stats --out {folder} --force"
        )
    data = load_data(
        measured.data,
        model.preprocess,
        evaluation_images=options.images or None,
        seed=measured.seed,
    )
    batches = _cached(data.evaluation, program.batch_size or measured.batch_size)
    with progress(f"quantize: {len(files) + 1} networks", len(files) + 1) as advance:
        reference = measure_float(program, batches)
        float_score = {
            "name": report.FLOAT,
            "images": len(reference.classes),
            "top1": reference.top1,
            "top5": reference.top5,
            "agreement": 1.0,
            "drop": 0.0,
        }
        write_json(_score_path(folder, report.FLOAT), "score", {"score": float_score})
        advance(1)

        def one(file: PlanFile) -> dict[str, Any]:
            row = _score_row(evaluate(program, file, batches, reference))
            name = file.plan.name
            write_json(_score_path(folder, name), "score", {"key": keys[name], "score": row})
            advance(1)
            return row

        rows = Parallel(n_jobs=options.jobs, prefer="threads")(
            delayed(one)(file) for file in files.values()
        )
    return {row["name"]: row for row in rows}


def run_collect(
    folder: Path, given: Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Outcome:
    """Join plans, latencies and scores; draw the front; pick the fastest plan within the limit.

    Raises:
        StageError: ``latency`` or ``quantize`` was not done in this folder.
        InfeasibleError: No measured plan keeps the accuracy, over no link.
    """
    for stage in ("search", "latency", "quantize"):
        require(folder, stage, "collect")
    options = resolve(given, read_stamp(folder, "collect"), CollectOptions())
    searched = require(folder, "search", "collect")
    read = ("plans.csv", "latency.csv", "scores.csv", *searched.outputs)
    inputs = hash_files(folder, read)
    if not force and is_done(folder, "collect", options, inputs):
        text = read_json(folder / "stages" / "pick.json", "text")["text"]
        return Outcome("collect", True, text)
    graph = read_graph(folder)
    search_options = resolve({}, searched, SearchOptions())
    limit = search_options.memory_bytes or load_device(search_options.edge).memory_bytes
    rows, table = _join(folder, graph, limit)
    links = list(dict.fromkeys(row.link for row in rows))
    picks = {
        link: report.pick([r for r in rows if r.link == link], options.max_drop) for link in links
    }
    found = {link: row for link, row in picks.items() if row is not None}
    if not found:
        _refuse_accuracy(rows, options.max_drop)
    headline = _headline(options.link, found)
    model = graph.name
    title = f"{model}: {search_options.edge} + {search_options.cloud}"
    images = table[0]["images"] if table else 0
    with progress("collect: drawing", 1) as advance:
        axis = f"top-1 on {images} images (%)" if rows and table[0]["top1"] else "agreement (%)"
        report.draw(folder / "pareto.png", rows, found, title, axis)
        advance(1)
    write_csv(folder / "summary.csv", report.SUMMARY_HEADER, table)
    write_yaml(folder / "pick.yaml", "pick", _pick_file(folder, found, headline, options))
    text = report.describe(
        graph, [r for r in rows if r.link == headline], found[headline], options.max_drop, limit
    )
    write_json(folder / "stages" / "pick.json", "text", {"text": text})
    outputs = ("summary.csv", "pareto.png", "pick.yaml", "stages/pick.json")
    write_stamp(folder, "collect", Stamp(plain(options), inputs, outputs))
    return Outcome("collect", False, text)


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
        force: Do every stage again.
        progress: Shows how far a stage is.
    """
    for function, kind in RUNNERS.values():
        own = {key: given[key] for key in given.keys() & {field.name for field in fields(kind)}}
        yield function(folder, own, force=force, progress=progress)


def read_graph(folder: Path) -> Graph:
    """The graph of a run folder."""
    path = folder / "graph.json"
    return graph_from_dict(read_json(path, "graph"), str(path))


def read_plans(folder: Path, graph: Graph) -> list[PlanFile]:
    """Every plan of a run folder, by name."""
    return [read_plan(path, graph) for path in sorted((folder / "plans").glob("*.yaml"))]


def emit_distiller(folder: Path, name: str) -> dict[str, Any]:
    """A plan of a run folder in Distiller's form.

    Raises:
        PlanError: There is no such plan.
    """
    require(folder, "search", "emit")
    (chosen,) = _chosen_plans(folder, name)
    graph = read_graph(folder)
    return distiller_overrides(read_plan(folder / "plans" / f"{chosen}.yaml", graph), graph)


def default_folder(model: str) -> Path:
    """``results/NAME`` for a model spec."""
    stem = model.rpartition("/")[2].replace("\\", "_")
    for mark in (":", ".py", ".pt2"):
        stem = stem.replace(mark, "_" if mark == ":" else "")
    return Path("results") / stem.removeprefix("torchvision_")


def _load_model(options: StatsOptions) -> Model:
    from autosplit.models import load_model

    return load_model(
        options.model,
        weights=options.weights or None,
        checkpoint=Path(options.checkpoint) if options.checkpoint else None,
        input_size=options.input_size or None,
        seed=options.seed,
    )


def _capture(model: Model) -> Program:
    from autosplit.capture import capture

    return capture(model.program or model.module, (model.example_input,), model.name)


CACHE_BYTES = 2**30
"""Decoded evaluation images are kept in memory up to this size, else read again for each plan."""


def _cached(images: Images, size: int) -> Callable[[], Iterable[tuple[Tensor, Tensor | None]]]:
    """Batches of a data set, decoded once if they are few."""
    kept: list[tuple[Tensor, Tensor | None]] = []
    total = 0
    for batch in images.batches(size):
        total += batch[0].nbytes
        if total > CACHE_BYTES:
            return lambda: images.batches(size)
        kept.append(batch)
    return lambda: kept


def _links(names: tuple[str, ...]) -> dict[str, Link]:
    """Link name -> profile, in the order asked for.

    Raises:
        ProfileError: One is unknown.
    """
    profiles = [load_link(name) for name in names]
    return {profile.name: profile for profile in profiles}


def _hash_hardware(edge: Device, cloud: Device, links: Mapping[str, Link]) -> dict[str, str]:
    """SHA-256 of the profiles that a stage uses."""
    hashes = {"edge": hash_profile(edge), "cloud": hash_profile(cloud)}
    return hashes | {f"link {name}": hash_profile(link) for name, link in links.items()}


def _predict(graph: Graph, plan: Plan, edge: Device, cloud: Device, link: Link) -> Prediction:
    cut = graph.cut(plan.edge)
    return predict(cut, plan.weight_bits, plan.activation_bits, edge, cloud, link)


def _layer_latencies(graph: Graph, plan: Plan, edge: Device, cloud: Device) -> list[dict[str, Any]]:
    """Seconds of every layer where the plan runs it."""
    on_edge = set(plan.edge)
    floats = dict.fromkeys(graph.tensors, cloud.float_bits)
    rows = []
    for layer in graph.layers:
        if layer.name in on_edge:
            width = plan.weight_bits.get(layer.weight_owner or layer.name, 0)
            seconds = layer_s(layer, graph, edge, width, plan.activation_bits)
            side, device = "edge", edge.name
        else:
            seconds = layer_s(layer, graph, cloud, cloud.float_bits, floats)
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


def _chosen_plans(folder: Path, plans: str) -> list[str]:
    """Names of the plans that ``--plans`` asks for, in the order of ``plans.csv``."""
    rows = read_csv(folder / "plans.csv", report.PLANS_HEADER)
    names = list(dict.fromkeys(row["name"] for row in rows))
    if plans == "all":
        return names
    if plans == "pareto":
        baselines = {row["name"] for row in rows if row["method"] != "autosplit"}
        best = {row["name"] for row in rows if row["pareto"] == "1"}
        return [name for name in names if name in best | baselines]
    asked = [name.strip() for name in plans.split(",") if name.strip()]
    for name in asked:
        if name not in names:
            near = did_you_mean(name, [*names, "pareto", "all"])
            raise PlanError(f"{folder}: no plan {name!r}{near}")
    return asked


def _score_path(folder: Path, name: str) -> Path:
    return folder / "stages" / "scores" / f"{name}.json"


def _score_names(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "stages" / "scores").glob("*.json")}


def _kept_score(folder: Path, name: str, key: Mapping[str, str]) -> dict[str, Any] | None:
    """A score measured before on the same network, images and plan file."""
    path = _score_path(folder, name)
    if not path.exists():
        return None
    data = read_json(path, "score")
    return dict(data["score"]) if data.get("key") == dict(key) else None


def _score_row(score: Score) -> dict[str, Any]:
    return {
        "name": score.plan,
        "images": score.images,
        "top1": score.top1,
        "top5": score.top5,
        "agreement": score.agreement,
        "top1_low": score.low,
        "top1_high": score.high,
        "drop": score.drop,
        "cut_bytes": score.crossing_bytes,
    }


def _join(
    folder: Path, graph: Graph, limit: int | None
) -> tuple[list[report.Row], list[dict[str, Any]]]:
    """Plans with their latencies and scores: as rows to pick from, and as ``summary.csv``."""
    files = {file.plan.name: file for file in read_plans(folder, graph)}
    scores = {row["name"]: row for row in read_csv(folder / "scores.csv", report.SCORES_HEADER)}
    best = {
        (row["name"], row["link"])
        for row in read_csv(folder / "plans.csv", report.PLANS_HEADER)
        if row["pareto"] == "1"
    }
    rows, table = [], []
    for line in read_csv(folder / "latency.csv", report.LATENCY_HEADER):
        name, link = line["name"], line["link"]
        if name not in files:
            raise StageError(
                f"{folder}: latency.csv names {name!r}, run: autosplit latency --force"
            )
        p = Prediction(float(line["edge_s"]), float(line["transfer_s"]), float(line["cloud_s"]))
        plan = files[name].plan
        plan = replace(plan, predictions={**plan.predictions, link: p})
        score = scores.get(name, {})
        fits = limit is None or plan.edge_memory_bytes <= limit
        top1 = score.get("top1") or score.get("agreement")
        rows.append(
            report.Row(
                plan,
                link,
                p,
                fits,
                float(score["drop"]) if score else None,
                float(top1) if top1 else None,
            )
        )
        measured = {key: score.get(key, "") for key in report.SUMMARY_HEADER[-7:]}
        table.append(report.plan_row(graph, plan, link, pareto=(name, link) in best) | measured)
    order = sorted(range(len(rows)), key=lambda i: (rows[i].link, rows[i].latency_s, i))
    links = list(dict.fromkeys(row.link for row in rows))
    order.sort(key=lambda i: links.index(rows[i].link))
    return [rows[i] for i in order], [table[i] for i in order]


def _headline(asked: str, found: Mapping[str, report.Row]) -> str:
    if asked and asked not in found:
        raise DataError(f"link: must be one with a pick{did_you_mean(asked, found)}")
    return asked or ("3mbps" if "3mbps" in found else next(iter(found)))


def _refuse_accuracy(rows: list[report.Row], max_drop: float) -> None:
    measured = [row for row in rows if row.fits and row.drop is not None]
    if not measured:
        raise InfeasibleError(
            "memory: no plan that was measured fits the edge device; run: autosplit quantize "
            "--plans all, or allow more with --memory"
        )
    best = min(measured, key=lambda row: (row.drop, row.plan.name))
    raise InfeasibleError(
        f"max-drop: no measured plan loses at most {max_drop:g} points, the least is "
        f"{best.drop:.2f} ({best.plan.name}); allow more with --max-drop, or --memory"
    )


def _pick_file(
    folder: Path, found: Mapping[str, report.Row], headline: str, options: CollectOptions
) -> dict[str, Any]:
    picks = {}
    for link, row in found.items():
        plan = row.plan
        picks[link] = {
            "plan": plan.name,
            "file": f"plans/{plan.name}.yaml",
            "sha256": sha256_of_file(folder / "plans" / f"{plan.name}.yaml"),
            "edge_layers": len(plan.edge),
            "edge_memory_bytes": plan.edge_memory_bytes,
            "crossing_bytes": plan.crossing_bytes,
            "latency_s": row.latency_s,
            "drop": row.drop,
        }
    return {"headline": headline, "max_drop": options.max_drop, "picks": picks}


def picked(folder: Path) -> str:
    """Name of the plan that ``collect`` picked for its headline link."""
    require(folder, "collect", "emit")
    data = read_yaml(folder / "pick.yaml", "pick")
    return str(data["picks"][data["headline"]]["plan"])


def plan_text(folder: Path, name: str) -> str:
    """The YAML of a plan of a run folder, as it is."""
    require(folder, "search", "emit")
    (chosen,) = _chosen_plans(folder, name)
    return (folder / "plans" / f"{chosen}.yaml").read_text(encoding="utf-8")
