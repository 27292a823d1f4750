"""The command ``prune``: from its options to a variant, and what it prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import Tensor

from autosplit.capture.capture import capture
from autosplit.capture.program import Program
from autosplit.compress.accuracy import FloatAccuracy, float_score, labelled
from autosplit.compress.channel_groups import ChannelUnits
from autosplit.compress.darknet_variant import darknet_files
from autosplit.compress.live import LiveNetwork, live_network, reloaded
from autosplit.compress.prune import Pruned, PruningGoal, SecondsOf, prune
from autosplit.compress.variant import (
    VariantRecord,
    check_folder,
    macs_and_weights,
    write_variant,
)
from autosplit.data.datasets import DataSet
from autosplit.errors import counted, warn
from autosplit.evaluate.batches import batches_of, first_batches
from autosplit.evaluate.choice import judge_of
from autosplit.hardware.device import load_device
from autosplit.hardware.seconds import layers_s
from autosplit.models.networks.darknet import Darknet
from autosplit.progress import Progress
from autosplit.runs.declared.prune import PruneOptions
from autosplit.runs.network import asked_task, capture_network, load_images, load_network
from autosplit.runs.options import StatsOptions

CALIBRATION_IMAGES = 512
"""Images that a pruned network is fit to, unless told otherwise."""
LATENCY_BITS = 8
"""Width of all tensors where the seconds of a pruned network are predicted."""


@dataclass(frozen=True)
class PruneReport:
    """What was pruned.

    Attributes:
        path: File of the variant.
        pruned: The pruned network.
        record: What is known of it.
        before, after: Accuracies.
        darknet: The ``.cfg`` and the ``.weights`` file of a Darknet.
    """

    path: Path
    pruned: Pruned
    record: VariantRecord
    before: FloatAccuracy
    after: FloatAccuracy
    darknet: tuple[Path, ...] = ()

    def text(self) -> str:
        """All of it in lines."""
        channels, record = self.pruned.channels, self.record
        gone = int((~self.pruned.keep).sum())
        share = 100 * record.macs / max(record.parent_macs, 1)
        error = self.pruned.error
        both = f"{self.before.text()} before, {self.after.text()} after"
        dropped = [", ".join(block.add for block in self.pruned.dropped)]
        return "\n".join(
            [
                f"channels: {gone} of {channels.free.sum()} units pruned, {_groups_text(channels)}",
                *_whole_text(channels.whole),
                *(f"blocks:   dropped, that end in {names}" for names in dropped if names),
                f"macs:     {record.parent_macs:,} before, {record.macs:,} after ({share:.1f} %)",
                f"weights:  {record.parent_weights:,} before, {record.weights:,} after",
                f"check:    sliced and masked network differ by {error:.1e} of the largest output",
                f"accuracy: {both}, on {counted(self.after.samples, 'sample')}",
                f"variant:  {self.path}",
                *([f"darknet:  {' with '.join(map(str, self.darknet))}"] if self.darknet else []),
            ]
        )


def run_prune(measured: StatsOptions, options: PruneOptions, progress: Progress) -> PruneReport:
    """Prune the network that options name and write the variant.

    Args:
        measured: Network and data.
        options: How much is pruned, and where the variant is written.
        progress: Is told how far it is.

    Raises:
        OptionError: The goal cannot be reached.
        CaptureError: The sliced network is not what the masked one is.
    """
    folder = Path(options.out)
    check_folder(folder)
    device = load_device(options.edge)
    model = load_network(measured)
    with progress(f"prune: {model.name}", 4) as advance:
        program = capture_network(model, equalized=False)
        data = load_images(_with_calibration(measured), model, program, options.images)
        choice, judge = judge_of(program, model, data, asked_task(measured, model))
        before = float_score(program, judge, data.evaluation, choice.classes)
        advance(1)
        network = model.program or model.module
        live = live_network(network, model.example_input, model.name, model.batch_axis)
        batches, labels = calibration_of(program, data, measured.batch_size)

        def seconds_of(small: LiveNetwork) -> float:
            graph = capture(reloaded(small)[1], small.example, small.name, small.axes).graph
            return sum(layers_s(graph, device, LATENCY_BITS))

        goal = _goal(options, seconds_of, measured.seed)
        if isinstance(model.module, Darknet):
            goal = replace(goal, whole_divisions=True)
        advance(1)
        pruned = prune(live, goal, batches, labels)
        advance(1)
        small = capture(pruned.program, pruned.live.example, model.name, pruned.live.axes)
        after = float_score(small, judge, data.evaluation, choice.classes)
        advance(1)
    if after.guess and not before.guess:
        warn(f"{model.name}: the pruned network {after.guess}")
    record = VariantRecord(
        model.source,
        model.sha256,
        "prune",
        *_pairs(small, program),
        after.accuracy,
        before.accuracy,
        after.samples,
        {key: value for key, value in asdict(options).items() if key not in ("out", "images")},
        pruned.kept_channels,
        model.assumed and measured.mean is None and measured.std is None,
    )
    path = write_variant(folder, pruned.program, model, choice.task.name, record)
    darknet = darknet_files(folder, model, pruned.live)
    return PruneReport(path, pruned, record, before, after, darknet)


def _pairs(small: Program, whole: Program) -> tuple[int, int, int, int]:
    """MACs of both, weights of both."""
    (macs, weights), (all_macs, all_weights) = map(macs_and_weights, (small, whole))
    return macs, all_macs, weights, all_weights


def _goal(options: PruneOptions, seconds_of: SecondsOf, seed: int) -> PruningGoal:
    return PruningGoal(
        options.ratio,
        options.target_macs,
        options.target_latency_s,
        seconds_of,
        options.score,
        options.min_channels,
        options.refit,
        seed,
        options.method,
        options.percent,
        options.blocks,
        options.multiple,
    )


def _with_calibration(measured: StatsOptions) -> StatsOptions:
    if measured.calibration_images is not None:
        return measured
    return replace(measured, calibration_images=CALIBRATION_IMAGES)


def calibration_of(
    program: Program, data: DataSet, batch_size: int | None
) -> tuple[list[tuple[Tensor, ...]], list[Tensor] | None]:
    """Calibration samples in small batches, and their classes where they have any.

    Args:
        program: The captured network.
        data: The data.
        batch_size: Samples a batch at most; None: as many as suit the network.
    """
    batches = batches_of(data.calibration, program, batch_size)
    known = labelled(data)
    found: list[tuple[Tensor, ...]] = []
    labels: list[Tensor] = []
    for inputs, (_, classes) in zip(first_batches(batches, program)(), batches(), strict=False):
        steps = list(program.steps(inputs))
        found += steps
        if known and isinstance(classes, Tensor):
            labels += list(classes.split([program.count(step) for step in steps]))
    return found, labels or None


def _groups_text(channels: ChannelUnits) -> str:
    return f"in {len(channels.groups)} groups"


def _whole_text(whole: Mapping[str, str]) -> list[str]:
    """Which layers keep all channels, and why."""
    layers = Counter(
        why.split(" at ")[0] for target, why in whole.items() if not target.endswith("bias")
    )
    return [
        f"whole:    output of {counted(count, 'layer')}: {why}" for why, count in layers.items()
    ]
