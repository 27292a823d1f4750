"""``search --prune``: kept channels and widths decided together, as a variant of a run folder.

The program of ``search.joint`` decides both for an edge half with all layers; the pruned network is
fit to the whole one and written to the folder ``pruned`` of the run folder.  The search then finds
the widths of this variant anew, with all of its proofs, beside plans of the whole network.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from autosplit.capture.capture import capture
from autosplit.compress.accuracy import float_score
from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.joint_costs import (
    CalibrationBatches,
    RankedGroups,
    fit_pruned,
    group_choices,
    joint_problem,
    ranked_groups,
)
from autosplit.compress.live import LiveNetwork, live_network, reloaded
from autosplit.compress.run_prune import calibration_of
from autosplit.compress.scores.registry import UNIT_SCORES
from autosplit.compress.scores.scores import Scored
from autosplit.compress.variant import VariantRecord, macs_and_weights, write_variant
from autosplit.errors import InfeasibleError, OptionError, StageError
from autosplit.evaluate.choice import judge_of
from autosplit.files import read_json, write_json
from autosplit.hardware.device import memory_limit
from autosplit.progress import Progress
from autosplit.runs.hardware import load_hardware
from autosplit.runs.needs import require
from autosplit.runs.network import asked_task, capture_network, load_images, load_network
from autosplit.runs.options import SearchOptions, StatsOptions
from autosplit.runs.stages.search import SEARCH
from autosplit.runs.stamps import resolve
from autosplit.search.autosplit import ALL_EDGE
from autosplit.search.joint import JointChoice, JointProblem, KeptChannels, solve_joint
from autosplit.stats.statsfile import read_stats

PRUNED_FOLDER = "pruned"
"""The variant in a run folder."""
_COSTS = "stages/joint.json"


@dataclass(frozen=True)
class JointReport:
    """What was decided.

    Attributes:
        path: File of the variant; None where all channels stay.
        asked: Options of the search that follows.
        choice: Kept channels and widths.
        whole: Channels of each group in the whole network.
        bits_alone: Least distortion with all channels; None: nothing fits.
        seconds: Processor time that the program took, and with all channels.
    """

    path: Path | None
    asked: dict[str, Any]
    choice: JointChoice
    whole: Mapping[str, int]
    bits_alone: float | None
    seconds: tuple[float, float]

    def text(self) -> str:
        """All of it in lines."""
        choice = self.choice
        kept, of = sum(choice.kept.values()), sum(self.whole.values())
        gap = 1 - choice.lower_bound / max(choice.distortion, 1e-30)
        alone = "nothing fits" if self.bits_alone is None else f"distortion {self.bits_alone:.4g}"
        where = "all channels stay, no variant" if self.path is None else f"{self.path}"
        proven = f"{choice.distortion:.4g}, proven to {100 * max(gap, 0):.2g} %"
        return "\n".join(
            [
                f"channels: {kept} of {of} kept, all on the edge in {choice.memory_bytes:,} bytes",
                f"expected: distortion {proven}; with all channels {alone}",
                f"seconds:  {self.seconds[0]:.2f}, with all channels {self.seconds[1]:.2f}",
                f"variant:  {where}",
            ]
        )


def prune_jointly(folder: Path, given: Mapping[str, Any], progress: Progress) -> JointReport:
    """Decide kept channels and widths for an edge half with all layers, and write the variant.

    Args:
        folder: Run folder.
        given: Options of ``search``.
        progress: Is told how far it is.

    Raises:
        OptionError: There is no memory limit, or channels of the network cannot be told apart.
        InfeasibleError: Nothing fits.
        StageError: Distortions are in a unit in which channels cannot be compared with bits.
    """
    measured = resolve({}, require(folder, "stats", "search"), StatsOptions())
    options = SEARCH.resolved(folder, given, force=False)
    limit = _limit(folder, options)
    if measured.metric != "output":
        raise StageError(
            f"--prune: the metric must be output, whose distortions count from the answers, "
            f"{folder} was measured with {measured.metric}"
        )
    model = load_network(measured)
    network = model.program or model.module
    with progress(f"search: channels of {model.name}", 3) as advance:
        program = capture_network(model, equalized=measured.equalize)
        data = load_images(measured, model, program)
        batches, labels = calibration_of(program, data, measured.batch_size)
        live = live_network(network, model.example_input, model.name, model.batch_axis)
        channels = channel_groups(live)
        scored = Scored(live, channels, batches, labels)
        groups = ranked_groups(channels, UNIT_SCORES["distortion"](scored))
        advance(1)
        choices = _costs(folder, model.sha256, measured, live, groups, batches)
        problem = joint_problem(program, read_stats(folder), groups, choices, limit)
        advance(1)
        choice, alone, seconds = decided(problem)
        whole = {name: len(units) for name, units in groups.order.items()}
        advance(1)
    if choice.kept == whole:
        return JointReport(None, dict(given), choice, whole, alone, seconds)
    exported = reloaded(fit_pruned(live, groups, choice.kept, batches))
    small = capture(exported[1], exported[0].example, model.name, exported[0].axes)
    task, judge = judge_of(program, model, data, asked_task(measured, model))
    scores = [float_score(one, judge, data.evaluation, task.classes) for one in (small, program)]
    (macs, weights), (all_macs, all_weights) = map(macs_and_weights, (small, program))
    record = VariantRecord(
        model.source,
        model.sha256,
        "search --prune",
        *(macs, all_macs, weights, all_weights),
        *(scores[0].accuracy, scores[1].accuracy, scores[0].samples),
        {"memory_bytes": limit},
        {name: range(count) for name, count in choice.kept.items()},
        model.assumed and measured.mean is None and measured.std is None,
    )
    path = write_variant(folder / PRUNED_FOLDER, exported[1], model, task.task.name, record)
    return JointReport(path, _asked(folder, given, options), choice, whole, alone, seconds)


def decided(problem: JointProblem) -> tuple[JointChoice, float | None, tuple[float, float]]:
    """The choice, the least distortion with all channels, and the processor seconds of both."""
    times = [time.process_time()]
    choice = solve_joint(problem)
    times.append(time.process_time())
    whole = {name: found[:1] for name, found in problem.groups.items()}
    try:
        alone: float | None = solve_joint(replace(problem, groups=whole)).distortion
    except InfeasibleError:
        alone = None
    times.append(time.process_time())
    return choice, alone, (times[1] - times[0], times[2] - times[1])


def _limit(folder: Path, options: SearchOptions) -> int:
    """Memory of the edge half.

    Raises:
        OptionError: It has no limit.
    """
    hardware = load_hardware(options.edge, options.cloud, options.links, folder)
    limit = memory_limit(options.memory_bytes, hardware.edge)
    if limit is None:
        raise OptionError("--prune: needs a limit of the memory, give one with --memory")
    return max(limit - options.reserve_bytes, 0)


def _asked(folder: Path, given: Mapping[str, Any], options: SearchOptions) -> dict[str, Any]:
    """Options of the search: with the variant, and with plans that have all layers on the edge."""
    own = str(folder / PRUNED_FOLDER)
    variants = [one for one in options.variants or () if one != own]
    methods = options.methods
    if ALL_EDGE not in methods and methods != ("all",):
        methods = (*methods, ALL_EDGE)
    return {**given, "variants": (*variants, own), "methods": methods}


def _costs(
    folder: Path,
    network: str,
    measured: StatsOptions,
    live: LiveNetwork,
    groups: RankedGroups,
    batches: CalibrationBatches,
) -> dict[str, list[KeptChannels]]:
    """What keeping channels of each group costs: read from the run folder, or measured."""
    path = folder / _COSTS
    made_of = {"network": network, "options": repr(sorted(asdict(measured).items()))}
    if path.exists():
        before = read_json(path, "joint")
        if {key: before.get(key) for key in made_of} == made_of:
            kept = before["choices"]
            return {name: [KeptChannels(*one) for one in found] for name, found in kept.items()}
    half = len(batches) // 2  # of one batch alone, both are counted on the same samples
    choices = group_choices(live, groups, batches[:half] or batches, batches[half:])
    numbers = {n: [(c.kept, c.distortion) for c in found] for n, found in choices.items()}
    write_json(path, "joint", {**made_of, "choices": numbers})
    return choices
