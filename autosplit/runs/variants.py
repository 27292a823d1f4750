"""Variants of a run folder's network: a run folder for each inside it, and all plans on one front.

A variant is a folder that ``autosplit prune`` wrote.  It is measured and searched in the folder
``variants/NAME`` inside the run folder of the whole network, on the same data and with the same
options.  Distortions of its plans count from the answers of the variant; on the common front they
are added to the divergence of these answers from those of the whole network, in the same unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autosplit.errors import OptionError, StageError, counted
from autosplit.evaluate.scorefile import read_scores
from autosplit.evaluate.task import FLOAT
from autosplit.files import read_csv, read_json, write_json
from autosplit.graph.memory import fits_memory
from autosplit.plainfile import is_plain_name
from autosplit.report.aligned import aligned
from autosplit.report.tables import PLANS_HEADER
from autosplit.runs.hashes import hash_model
from autosplit.runs.options import StatsOptions
from autosplit.runs.stamps import read_stamp
from autosplit.search.pareto import pareto
from autosplit.search.tolerance import keeps_drop

WHOLE = "whole"
"""The network itself, among its variants."""
VARIANTS_FILE = "variants.csv"
VARIANTS_HEADER = ("variant", *PLANS_HEADER)
"""Columns of ``variants.csv``; ``distortion`` counts from the whole network."""
SCORES_FILE = "variant_scores.csv"
_NETWORK = "network.pt2"
_DIVERGENCE = "divergence.json"
PlanRows = list[dict[str, Any]]


@dataclass(frozen=True)
class Variant:
    """A variant beside the whole network.

    Attributes:
        name: Name of its folder.
        network: Its file, as ``--model`` takes it.
        run: Its run folder.
    """

    name: str
    network: Path
    run: Path


def variants_of(folder: Path, asked: Iterable[str] | None) -> tuple[Variant, ...]:
    """The variants that ``--variants`` names.

    Raises:
        OptionError: One is no variant's folder, or two have one name.
    """
    found: dict[str, Variant] = {}
    for word in asked or ():
        place = Path(word)
        network = place if place.suffix == ".pt2" else place / _NETWORK
        name = network.resolve().parent.name
        if not network.is_file():
            raise OptionError(
                f"--variants: {word}: must be a folder that autosplit prune wrote, holds no "
                f"{network.name}"
            )
        if name in found or name == WHOLE or not is_plain_name(name):
            raise OptionError(
                f"--variants: {word}: must have a name of its own, other than {WHOLE}, got {name}"
            )
        found[name] = Variant(name, network, folder / "variants" / name)
    return tuple(found.values())


def searched_variants(folder: Path) -> tuple[Variant, ...]:
    """The variants of the last search in a run folder.

    Raises:
        OptionError: One is not there any more.
    """
    stamp = read_stamp(folder, "search")
    return () if stamp is None else variants_of(folder, stamp.options.get("variants"))


def measured_alike(measured: StatsOptions, variant: Variant) -> dict[str, Any]:
    """Options of ``stats`` for a variant: those of the whole network, but for the network."""
    alike = (
        "data calibration calibration_images batch_size seed metric clipping rounding "
        "jpeg_quality equalize task output strict"
    ).split()
    return {"model": str(variant.network)} | {name: getattr(measured, name) for name in alike}


def divergence_of(measured: StatsOptions, variant: Variant) -> float:
    """Divergence of a variant's answers from the whole network's, per calibration sample.

    The number is kept in the variant's run folder, and counted again when a network has changed.

    Raises:
        StageError: The answers have other shapes.
    """
    own = replace(measured, **measured_alike(measured, variant), weights=None, checkpoint=None)
    made_of = {"whole": hash_model(measured), "variant": hash_model(own), "data": measured.data}
    path = variant.run / _DIVERGENCE
    if path.exists():
        before = read_json(path, "divergence")
        if {key: before.get(key) for key in made_of} == made_of:
            return float(before["divergence"])
    found = _count_divergence(measured, own, variant.name)
    write_json(path, "divergence", {**made_of, "divergence": found})
    return found


def _count_divergence(measured: StatsOptions, own: StatsOptions, name: str) -> float:
    from autosplit.distortion.divergence import output_divergence
    from autosplit.evaluate.batches import batches_of
    from autosplit.evaluate.outputs import float_outputs
    from autosplit.runs.network import capture_network, load_images, load_network

    models = [load_network(one) for one in (measured, own)]
    whole, small = (capture_network(model, equalized=False) for model in models)
    data = load_images(measured, models[0], whole)
    total, count = 0.0, 0
    for inputs, _ in batches_of(data.calibration, whole, measured.batch_size)():
        before, after = float_outputs(whole, inputs), float_outputs(small, inputs)
        shapes = [[tuple(one.shape) for one in outputs] for outputs in (before, after)]
        if shapes[0] != shapes[1]:
            raise StageError(
                f"--variants: {name}: must answer in the shapes of {whole.graph.name}, "
                f"{shapes[0]}, got {shapes[1]}"
            )
        total += output_divergence(before, after)
        count += whole.count(inputs if isinstance(inputs, tuple) else (inputs,))
    return total / max(count, 1)


def joint_rows(
    whole: Sequence[Mapping[str, Any]],
    variants: Mapping[str, tuple[float, Sequence[Mapping[str, Any]]]],
    limit_bytes: int | None,
) -> PlanRows:
    """PlanRows of ``variants.csv``: plans of all networks, per link by rising latency.

    Args:
        whole: PlanRows of ``plans.csv`` of the whole network.
        variants: Name -> divergence from the whole network, and rows of its ``plans.csv``.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
    """
    rows: PlanRows = [{"variant": WHOLE, **row} for row in whole]
    for name, (divergence, own) in variants.items():
        added = [{**row, "distortion": float(row["distortion"]) + divergence} for row in own]
        rows += [{"variant": name, **row} for row in added]
    found: PlanRows = []
    for link in dict.fromkeys(row["link"] for row in rows):
        here = [row for row in rows if row["link"] == link]
        here.sort(key=lambda row: (float(row["latency_s"]), row["variant"], row["name"]))
        fitting = [r for r in here if fits_memory(int(r["edge_memory_bytes"]), limit_bytes)]
        points = [(float(row["latency_s"]), float(row["distortion"])) for row in fitting]
        best = {id(fitting[place]) for place in (pareto(points) if points else ())}
        found += [{**row, "pareto": int(id(row) in best)} for row in here]
    return found


def joint_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many plans of the common front each network has."""
    best = [row["variant"] for row in rows if row["pareto"]]
    names = dict.fromkeys(row["variant"] for row in rows)
    parts = ", ".join(f"{best.count(name)} of {name}" for name in names)
    return f"\nvariants: {counted(len(best), 'plan')} on the common front: {parts}"


def scored_rows(folder: Path) -> PlanRows:
    """PlanRows of ``variants.csv`` with the accuracy of plans that were run, and what they lose.

    What is lost counts from the whole network in float, on the same images.

    Args:
        folder: Run folder of the whole network.
    """
    task, scores = read_scores(folder / "scores.csv")
    known = {WHOLE: scores}
    for variant in searched_variants(folder):
        known[variant.name] = read_scores(variant.run / "scores.csv")[1]
    exact = task.accuracy(scores[FLOAT])
    found: PlanRows = []
    for row in read_csv(folder / VARIANTS_FILE, VARIANTS_HEADER):
        score = known[row["variant"]].get(row["name"])
        accuracy = None
        if score is not None and score["images"] == scores[FLOAT]["images"]:
            accuracy = task.accuracy(score)
        lost = None if accuracy is None or exact is None else 100 * (exact - accuracy)
        found.append({**row, "accuracy": accuracy, "lost": lost})
    return found


def scored_text(rows: Sequence[Mapping[str, Any]], limit_bytes: int | None, most: float) -> str:
    """The fastest plan of each network over each link that keeps both limits, in a table.

    Args:
        rows: From ``scored_rows``.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
        most: Points that may be lost.
    """
    header = ("link", "variant", "plan", "total, ms", "memory, bytes", "points lost", "")
    lines = []
    for link in dict.fromkeys(row["link"] for row in rows):
        best: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            fits = fits_memory(int(row["edge_memory_bytes"]), limit_bytes)
            kept = row["lost"] is not None and keeps_drop(row["lost"], most)
            if row["link"] == link and fits and kept:
                best.setdefault(row["variant"], row)
        first = next(iter(best), None)
        for name, row in best.items():
            ms, memory = 1e3 * float(row["latency_s"]), int(row["edge_memory_bytes"])
            mark = "fastest" if name == first else ""
            lost = f"{row['lost']:.2f}"
            lines.append((link, name, row["name"], f"{ms:.2f}", f"{memory:,}", lost, mark))
    return aligned(header, lines)
