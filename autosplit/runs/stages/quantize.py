"""The stage ``quantize``: finish plans and measure their accuracy by running them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from autosplit.evaluate.scorefile import write_scores
from autosplit.evaluate.task import FLOAT
from autosplit.files import sha256_of
from autosplit.finish.effort import Finishing
from autosplit.runs.escalated import FOLDER
from autosplit.runs.escalating import Escalated, escalate_plans
from autosplit.runs.finished import (
    Quantized,
    check_untuned,
    finished_names,
    finished_plan,
    forget_strangers,
)
from autosplit.runs.finishing import finishing_of
from autosplit.runs.folder import plan_names, read_graph, read_plans
from autosplit.runs.hardware import limit_bytes
from autosplit.runs.hashes import hash_data, hash_files, hash_model, hash_spec, named_files
from autosplit.runs.options import QuantizeOptions, StatsOptions
from autosplit.runs.reads import STATE, changed_reads, hash_of_code, hash_reads, recording
from autosplit.runs.scoring import Scoring, score_plans
from autosplit.runs.stages.frame import Asked, Job, Made, Prepared, Stage, delete_old
from autosplit.runs.stamps import Stamp, resolve


def _remembered(asked: Asked) -> Stamp | None:
    """The last time, but for options that hold for that time alone."""
    if asked.before is None:
        return None
    # plans that are asked for by name are run, all of them, to the end
    every = {"max_drop": None} if "plans" in asked.given else {}
    return replace(asked.before, options={**asked.before.options, "finished": False, **every})


def _prepare(job: Job[QuantizeOptions]) -> Prepared:
    """List what is read.

    Raises:
        PlanError: A plan that is named does not exist.
        StageError: No finished plan is there, and only those are asked for.
    """
    folder, options, stats = job.folder, job.options, job.needed["stats"]
    measured = resolve({}, stats, StatsOptions())
    quantized = Quantized(folder / "quantized", read_graph(folder))
    names = plan_names(folder, options.plans)
    if options.finished:
        names = finished_names(quantized, names, options.plans)
    finishing = finishing_of(options, measured.clipping)
    code = hash_of_code(stats.inputs)
    network = hash_model(measured)
    source = {
        "model": sha256_of(network + code) if code else network,
        "data": hash_data(measured.data, options.images, measured.seed),
        "task": sha256_of(f"{measured.task} {measured.output}" + hash_spec(measured.task or "")),
        "finishing": "as it is" if options.finished else hash_finishing(finishing, stats),
    }
    inputs = source | hash_files(folder, [f"plans/{name}.yaml" for name in names])
    inputs |= hash_files(folder, ("graph.json", "plans.csv"))
    if options.finished:
        paths = [path for name in names for path in quantized.files(name)]
        inputs |= hash_files(folder, [f"quantized/{path.name}" for path in paths])
    else:
        quantized = replace(quantized, finishing=sha256_of(source["model"] + source["finishing"]))
    if options.escalation is not None:
        inputs |= hash_files(folder, ("stats.yaml",))
    if options.max_drop is not None:
        inputs |= hash_files(folder, ("latency.csv",))
    before = {} if job.before is None else job.before.inputs
    if changed_reads(before, (folder,)):  # a picture, so that no answer of before holds
        job = replace(job, force=True)
    seen = hash_reads(before, (folder,))
    return Prepared(inputs, partial(_score, job, names, quantized, source, seen), seen)


def hash_finishing(finishing: Finishing, stats: Stamp) -> str:
    """SHA-256 of how plans are finished: the steps, the calibration images, their batches."""
    return sha256_of(repr((finishing, stats.inputs["data"], stats.options.get("batch_size"))))


def _score(
    job: Job[QuantizeOptions],
    names: Sequence[str],
    quantized: Quantized,
    source: Mapping[str, str],
    seen: Mapping[str, str],
) -> Made:
    """Run plans; those that were run before keep their score.

    A plan whose cloud half computes in integers is left out, for cloud halves are run in floats.

    Raises:
        StageError: The network has changed since, or a plan that is asked for as it was finished is
            missing.
        PlanError: The file of a plan is wrong.
    """
    from autosplit.evaluate.ledger import Ledger

    folder, options = job.folder, job.options
    files = read_plans(folder, quantized.graph, names)
    files = {name: file for name, file in files.items() if file.plan.cloud_is_float}
    if options.finished:
        files = {name: finished_plan(folder, quantized, file) for name, file in files.items()}
    elif not job.force:
        check_untuned(quantized, files, folder)
    kept = "finished_scores" if options.finished else "scores"
    ledger = Ledger(folder / "stages" / kept, source)
    if job.force:
        for half in (FLOAT, *(file.half_sha256 for file in files.values())):
            ledger.forget(half)
        for name in () if options.finished else files:
            quantized.forget(name)
    measured = resolve({}, job.needed["stats"], StatsOptions())
    limit = limit_bytes(job.needed["search"], folder)
    state = job.needed["stats"].inputs.get(STATE, "")
    about = (folder, measured, options, files, ledger, quantized, limit, state)
    scoring = Scoring(*about, force=job.force)
    with recording((folder, *named_files(measured))) as found:
        text = score_plans(scoring, job.progress)
        escalated = None
        if options.escalation is not None:
            escalated = escalate_plans(scoring, job.needed["search"], job.progress)
            text = f"{text}; {escalated.text}"
        return Made(text, partial(_write, job, scoring, escalated), found() or seen)


def _write(
    job: Job[QuantizeOptions], scoring: Scoring, escalated: Escalated | None
) -> Sequence[str]:
    from autosplit.evaluate.trials import score_rows

    folder, quantized, ledger = scoring.folder, scoring.quantized, scoring.ledger
    task, rows = score_rows(ledger, scoring.files.values())
    measured = [row["name"] for row in rows[1:]]
    written = [] if escalated is None else escalated.write(scoring)
    delete_old(job, written, f"{FOLDER}/")
    rows += [] if escalated is None else [row for _, row in escalated.found]
    outputs = [*write_scores(folder, task, rows), *written]
    if not scoring.options.finished:
        forget_strangers(folder, replace(quantized, finishing=""), measured)
    for name in measured:
        outputs += [f"quantized/{path.name}" for path in quantized.files(name)]
    return outputs


QUANTIZE = Stage(
    "quantize", QuantizeOptions, ("search", "stats"), _prepare, _remembered, of_variants=True
)
