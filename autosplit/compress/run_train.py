"""The command ``train``: from its options to a trained variant, and what it prints."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autosplit.capture.capture import capture
from autosplit.capture.program import Program
from autosplit.compress.accuracy import FloatAccuracy, float_score
from autosplit.compress.augment import Augmentation
from autosplit.compress.checkpoint_files import forget_checkpoint
from autosplit.compress.darknet_variant import darknet_files
from autosplit.compress.distillation import (
    BoxDistillation,
    features_of,
    giving_features,
    parts_of,
)
from autosplit.compress.fit import Recipe
from autosplit.compress.live import LiveNetwork, live_network, reloaded
from autosplit.compress.losses import Objective
from autosplit.compress.random_weights import restart
from autosplit.compress.run_tune import teacher_of
from autosplit.compress.sparse import sparse_pull
from autosplit.compress.train import (
    EpochTold,
    TeacherAnswers,
    TrainedNetwork,
    Training,
    train_network,
)
from autosplit.compress.training_data import training_data
from autosplit.compress.training_set import TrainingSet
from autosplit.compress.variant import (
    VariantRecord,
    check_folder,
    macs_and_weights,
    write_variant,
)
from autosplit.compress.yolo_loss import YoloLoss
from autosplit.data.preprocess import Letterbox
from autosplit.errors import MissingExtraError, OptionError, counted
from autosplit.evaluate.choice import judge_of
from autosplit.files import write_csv
from autosplit.models.load import Model
from autosplit.progress import Progress, note
from autosplit.runs.declared.compress import TrainOptions
from autosplit.runs.hashes import hash_data
from autosplit.runs.network import asked_task, capture_network, load_network
from autosplit.runs.options import StatsOptions

CURVES_FILE = "train.csv"
TRAIN_HEADER = ("epoch", "lr", "loss", "held_out")
"""Columns of ``train.csv``."""
_FREE = ("out", "images", "resume", "tensorboard")
"""Options that do not change what is trained."""


@dataclass(frozen=True)
class TrainReport:
    """What was trained.

    Attributes:
        path: File of the variant.
        trained: Numbers of each epoch.
        before, after: Accuracies; before is None where the weights were random.
        darknet: The ``.cfg`` and the ``.weights`` file of a Darknet.
    """

    path: Path
    trained: TrainedNetwork
    before: FloatAccuracy | None
    after: FloatAccuracy
    darknet: tuple[Path, ...] = ()

    def text(self) -> str:
        """All of it in lines."""
        rows, best = self.trained.rows, self.trained.best_epoch
        kept = f"epoch {best}" if best else "the weights as they were, no epoch was better"
        before = "random weights" if self.before is None else self.before.text()
        start, end = rows[0]["held_out"], rows[best]["held_out"]
        both = f"{before} before, {self.after.text()} after"
        return "\n".join(
            [
                f"trained:  {counted(len(rows) - 1, 'epoch')}, kept {kept}",
                f"held out: loss {start:.5f} at the start, {end:.5f} kept",
                f"accuracy: {both}, on {counted(self.after.samples, 'sample')}",
                f"variant:  {self.path}",
                *([f"darknet:  {' with '.join(map(str, self.darknet))}"] if self.darknet else []),
            ]
        )


def run_train(
    measured: StatsOptions, options: TrainOptions, progress: Progress
) -> TrainReport | None:
    """Train the network that options name and write the variant.

    Args:
        measured: Network and data.
        options: How it is trained, and where the variant is written.
        progress: Is told of each step and epoch.

    Returns:
        What was trained; None in a process that writes no files.

    Raises:
        DataError: There is nothing to train on, or the loss is not finite.
        OptionError: The task has no loss, or the teacher has other outputs.
    """
    folder = Path(options.out)
    check_folder(folder)
    model = load_network(measured)
    program = capture_network(model, equalized=False)
    data = training_data(measured, model, program, options.train_images, options.images)
    choice, judge = judge_of(program, model, data, asked_task(measured, model))
    objective = _objective(options, choice.task.name, model)
    live = live_network(
        model.program or model.module, model.example_input, model.name, model.batch_axis
    )
    before = None
    if options.from_scratch:
        restart(live, options.seed)
    else:
        before = float_score(program, judge, data.evaluation, choice.classes)
    if not options.resume:
        forget_checkpoint(folder)
    settings = {key: value for key, value in asdict(options).items() if key not in _FREE}
    samples = TrainingSet(data.calibration, options.seed)
    teacher, giving = _teacher(options.teacher, objective, live, program, samples)
    images = hash_data(measured.data, options.train_images, options.seed)
    made_of = settings | {"network": model.sha256, "images": images}
    about = live, samples, objective, teacher, _recipe(options), folder, options.ema
    told = _told(folder, options, progress)
    pull = sparse_pull(live, options.sparse_on, options.sparse)
    augment = Augmentation(options.augment or (), getattr(model.preprocess, "place", None))
    training = Training(*about, options.from_scratch, made_of, told, pull, augment)
    with giving:
        trained = train_network(training, progress, resume=options.resume)
    if not trained.is_main:
        return None
    again, exported = reloaded(live)
    small = capture(exported, again.example, model.name, again.axes)
    after = float_score(small, judge, data.evaluation, choice.classes)
    accuracies = after.accuracy, None if before is None else before.accuracy, after.samples
    counts = _same_counts(small)
    guess = model.assumed and measured.mean is None and measured.std is None
    record = VariantRecord(
        model.source, model.sha256, "train", *counts, *accuracies, settings, assumed=guess
    )
    path = write_variant(folder, exported, model, choice.task.name, record)
    write_csv(folder / CURVES_FILE, TRAIN_HEADER, _numbers(trained))
    return TrainReport(path, trained, before, after, darknet_files(folder, model, again))


def _same_counts(program: Program) -> tuple[int, int, int, int]:
    """MACs and weights, those before and after."""
    macs, weights = macs_and_weights(program)
    return macs, macs, weights, weights


def _objective(options: TrainOptions, task: str, model: Model) -> Objective:
    """The loss of the task, or of the heads of a detector."""
    share = options.teacher_share if options.teacher else 0.0
    if options.distill and not (options.teacher and model.heads):
        raise OptionError("--distill: needs a detector with anchors, and a --teacher")
    if not options.distill and (share >= 1 or not model.heads):
        return Objective(task, options.label_smoothing, share)
    if not isinstance(model.preprocess, Letterbox):
        raise OptionError(f"train: must know where a picture lies in the input of {model.name}")
    place = model.preprocess.place
    own = YoloLoss(model.heads, model.preprocess.size, place, options.box_loss)
    if options.distill:
        taught = BoxDistillation(own, parts_of(options.distill))
        return Objective(task, options.label_smoothing, 0.0, own, taught)
    return Objective(task, options.label_smoothing, share, own)


def _teacher(
    name: str | None,
    objective: Objective,
    live: LiveNetwork,
    program: Program,
    samples: TrainingSet,
) -> tuple[TeacherAnswers | None, AbstractContextManager[None]]:
    """What gives the teacher's answers, and how the network is made to give features with its own.

    Raises:
        OptionError: The teacher has other outputs, or heads that are no convolutions.
    """
    if name is None:
        return None, nullcontext()
    found = teacher_of(name, program, samples)
    taught = objective.taught
    if isinstance(taught, BoxDistillation) and taught.reads_features:
        return features_of(name), giving_features(live)
    return found, nullcontext()


def _recipe(options: TrainOptions) -> Recipe:
    return Recipe(
        options.epochs,
        options.batch_size,
        options.lr,
        options.optimizer,
        options.schedule,
        options.weight_decay,
        warmup=options.warmup,
    )


def _numbers(trained: TrainedNetwork) -> list[dict[str, Any]]:
    return [{key: row.get(key) for key in TRAIN_HEADER} for row in trained.rows]


def _told(folder: Path, options: TrainOptions, progress: Progress) -> EpochTold:
    """What an epoch is told to: a line on the terminal, and TensorBoard if it is asked for.

    Raises:
        MissingExtraError: The package that writes event files is not installed.
    """
    began, writer = time.perf_counter(), _writer(folder) if options.tensorboard else None
    first: list[int] = []

    def told(row: Mapping[str, float]) -> None:
        first.append(int(row["epoch"]))
        done, left = len(first), options.epochs - int(row["epoch"])
        seconds = (time.perf_counter() - began) / done * left
        note(
            progress,
            f"epoch {row['epoch']:.0f} of {options.epochs}: loss {row['loss']:.5f}, held out "
            f"{row['held_out']:.5f}, learning rate {row['lr']:.3g}, "
            f"{row['images_per_s']:.0f} images a second, {seconds:.0f} s left",
        )
        if writer is not None:
            for name in ("loss", "held_out", "lr", "images_per_s"):
                writer.add_scalar(name, row[name], int(row["epoch"]))
            writer.flush()

    return told


def _writer(folder: Path) -> Any:
    try:
        from tensorboardX import SummaryWriter  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError(
            "--tensorboard: needs the package tensorboardX, "
            "install it with: pip install 'autosplit[train]'"
        ) from None
    return SummaryWriter(str(folder / "events"))
