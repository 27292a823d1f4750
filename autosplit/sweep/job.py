"""One search of a sweep: a network on one pair of devices under one memory limit -> table rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autosplit import __version__
from autosplit.errors import AutoSplitError, InfeasibleError
from autosplit.files import sha256_of
from autosplit.graph.graph import Graph
from autosplit.hardware.device import Device, MemoryLimit
from autosplit.hardware.link import Link
from autosplit.plan.plan import Plan
from autosplit.search.methods import search, standing_for
from autosplit.search.problem import Problem
from autosplit.search.tolerance import keeps
from autosplit.stats.coding import InputCoding
from autosplit.stats.stats import Distortion, Role
from autosplit.sweep.file import REFERENCE

SWEEP_HEADER = (
    "model link_mbps method cut edge_s transfer_s cloud_s latency_s normalised_latency distortion "
    "edge_memory_bytes gap"
).split()
"""Columns of a sweep's table; one with several devices or limits has ``AXES`` of them before."""
MEASURED_HEADER = (
    "model weights link_mbps link method plan cut cut_bits cut_bytes edge_s transfer_s cloud_s "
    "latency_s normalised_latency metric accuracy drop drop_low drop_high images keeps "
    "edge_memory_bytes distortion gap seconds"
).split()
"""Columns of the table of a sweep with an accuracy rule."""
AXES = ("edge", "cloud", "memory_bytes", "link", "input_size")
ROW_HEADER = [*AXES, *SWEEP_HEADER]


@dataclass(frozen=True)
class SearchJob:
    """One search of a sweep, with all that it needs: it can be done on another machine.

    A ``Problem`` is checked when it is made; a job is not: limits that nothing keeps are a finding
    of the table, and no error of the sweep that lists the jobs.

    Attributes:
        model: Name of the network in the table.
        graph: The network.
        distortions: Tensor, role and width -> distortion, as in ``Problem``.
        edge, cloud: Devices.
        links: Link name -> link.
        memory_bytes: Limit of the edge half, as a ``Problem`` has it.
        widths: Widths that may be used.
        methods: Methods, in the order of the table.
        max_distortion: Limit of the rows that count, as in ``SweepFile``.
        input_codings: What JPEG does to the input, as in ``Problem``.
        coded: Tensor and width -> mean coded bytes, as in ``Problem``.
        version: Version of autosplit, which must be that of whoever does it.
    """

    model: str
    graph: Graph
    distortions: Mapping[tuple[str, Role, int], Distortion]
    edge: Device
    cloud: Device
    links: Mapping[str, Link]
    memory_bytes: MemoryLimit
    widths: tuple[int, ...]
    methods: tuple[str, ...]
    max_distortion: float | str | None = None
    input_codings: tuple[InputCoding, ...] = ()
    coded: Mapping[tuple[str, int], int] = field(default_factory=dict)
    version: str = __version__

    @property
    def key(self) -> str:
        """Hex digest of all that the rows follow from, and so the name of their file."""
        graph = self.graph
        parts: list[Any] = [self.model, graph.name, graph.layers, graph.inputs, graph.outputs]
        parts += [sorted(self.distortions.items()), self.edge, self.cloud]
        parts += [sorted(self.links.items(), key=lambda item: item[0]), self.memory_bytes]
        parts += [self.widths, self.methods, self.max_distortion, self.input_codings]
        parts += [sorted(self.coded.items()), self.version]
        return sha256_of("\n".join(map(repr, parts)))[:20]

    def __str__(self) -> str:
        limit = f" with {self.memory_bytes:,} bytes" if isinstance(self.memory_bytes, int) else ""
        return f"{self.model} on {self.edge.name} and {self.cloud.name}{limit}"


@dataclass(frozen=True, slots=True)
class JobResult:
    """What became of a job.

    Attributes:
        rows: Rows under ``ROW_HEADER``.
        error: Why there are none, one line.
        infeasible: Whether that is because nothing fits the limits: a finding, not a failure.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    infeasible: bool = False


def do_job(job: SearchJob) -> JobResult:
    """Search, and say what came out; an error of ours is a value, so that others can go on."""
    if job.version != __version__:
        return JobResult(
            error=f"{job}: a worker must have autosplit {job.version}, has {__version__}"
        )
    try:
        return JobResult(rows_of(job))
    except AutoSplitError as error:
        return JobResult([], f"{job}: {error}", isinstance(error, InfeasibleError))


def rows_of(job: SearchJob) -> list[dict[str, Any]]:
    """Rows of one job: per link, by rising rate, and method.

    Raises:
        InfeasibleError: The edge device has no room for any layer.
    """
    problem = Problem(
        job.graph,
        job.distortions,
        job.edge,
        job.cloud,
        job.links,
        job.memory_bytes,
        job.widths,
        input_codings=job.input_codings,
        coded=job.coded,
    )
    plans = search(problem, tuple(dict.fromkeys((*job.methods, REFERENCE))))
    most = job.max_distortion
    if isinstance(most, str):
        most = min((plan.distortion for plan in plans if plan.method == most), default=None)
    rows = []
    for name, link in sorted(job.links.items(), key=lambda item: (item[1].uplink_bps, item[0])):
        whole = pick_of(REFERENCE, plans, name, problem, None)
        assert whole is not None
        for method in job.methods:
            plan = pick_of(method, plans, name, problem, most)
            if plan is not None:
                base_s = whole.predictions[name].latency_s
                rows.append(_row(job, plan, link, base_s, problem.limit_bytes))
    return rows


def pick_of(
    method: str, plans: Sequence[Plan], link: str, problem: Problem, most: float | None
) -> Plan | None:
    """The plan that stands for a method on one link.

    Of a method that makes one plan for each link, it is the plan named after the link.  Of the
    other methods it is the fastest of those that fit the memory and have at most the distortion
    ``most``.  Where there is none, what comes nearest stands there, and its memory and distortion
    show it: of those that fit, else of all, the one of least distortion.  Ties go to the smaller
    distortion, the faster, the smaller memory, then the name.

    Returns:
        None if the method has no plan at all.
    """
    own = [plan for plan in plans if plan.method == method]
    named = standing_for(method, link, [plan.name for plan in own])
    own = [plan for plan in own if plan.name in named]
    fitting = [plan for plan in own if problem.fits(plan.edge_memory_bytes)]
    keeping = [plan for plan in fitting if keeps_distortion(plan.distortion, most)]

    def fastest(plan: Plan) -> tuple[float, float, int, str]:
        seconds = plan.predictions[link].latency_s
        return seconds, plan.distortion, plan.edge_memory_bytes, plan.name

    def mildest(plan: Plan) -> tuple[float, float, int, str]:
        seconds = plan.predictions[link].latency_s
        return plan.distortion, seconds, plan.edge_memory_bytes, plan.name

    if keeping:
        return min(keeping, key=fastest)
    return min(fitting or own, key=mildest, default=None)


def keeps_distortion(distortion: float, most: float | None) -> bool:
    """Whether a distortion is at most ``most``, but for what the order of a sum can change."""
    return most is None or keeps(distortion, most)


def _row(
    job: SearchJob, plan: Plan, link: Link, base_s: float, limit: int | None
) -> dict[str, Any]:
    """One row under ``ROW_HEADER``."""
    prediction = plan.predictions[link.name]
    return {
        "edge": job.edge.name,
        "cloud": job.cloud.name,
        "memory_bytes": limit,
        "link": link.name,
        "input_size": next(iter(job.graph.inputs.values()))[-1],
        "model": job.model,
        "link_mbps": link.uplink_bps / 1e6,
        "method": plan.method,
        "cut": "+".join(job.graph.cut(plan.edge).crossing),
        "edge_s": prediction.edge_s,
        "transfer_s": prediction.transfer_s,
        "cloud_s": prediction.cloud_s,
        "latency_s": prediction.latency_s,
        "normalised_latency": prediction.latency_s / base_s,
        "distortion": plan.distortion,
        "edge_memory_bytes": plan.edge_memory_bytes,
        "gap": plan.optimality_gap,
    }
