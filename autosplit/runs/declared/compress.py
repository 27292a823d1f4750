"""Options of the commands that train: ``train`` and ``tune``."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.declared.choices import (
    AUGMENTATION_NAMES,
    BOX_LOSS_NAMES,
    DISTILLATION_NAMES,
    OPTIMIZER_NAMES,
    PRUNING_NAMES,
    QUANTIZER_NAMES,
    SCHEDULE_NAMES,
)
from autosplit.runs.declared.shared import images_option, variant_folder_option
from autosplit.runs.option import check_values, option

_SCHEDULE = (
    "How the learning rate changes: cosine (to 0), exponential (to a hundredth), step (a tenth "
    "from 50 % and from 80 % of the steps on) or constant."
)


def _train_images() -> int | None:
    return option(
        None,
        kinds.count(12),
        "data",
        "Largest number of training samples, held-out ones among them.",
        none="all",
    )


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """How ``autosplit tune`` trains a plan, or the network.

    Raises:
        OptionError: An option cannot have its value.
    """

    plan: str | None = option(
        None,
        kinds.text("NAME"),
        "network",
        "Finished plan of the run folder that is trained; pick is the picked one, picks are those "
        "of all links.",
        none="the network itself is trained, in float, and written to --out",
    )
    teacher: str | None = option(
        None,
        kinds.text("float|NETWORK"),
        "network",
        "Network whose answers shall be given: float is the run folder's own network, else a "
        "network as for --model, with the same outputs.",
        none="float for a plan; a network learns the labels",
    )
    quantizer: str = option(
        "lsq",
        kinds.choice(
            *QUANTIZER_NAMES, registry="autosplit.compress.quantizers.registry:QUANTIZERS"
        ),
        "quantizer",
        "How the steps of weights and activations are trained. lsq: learned; pact: learned from "
        "clipped values alone; pot: learned, powers of two; iao: they follow moving ranges; "
        "dorefa: they stay, and weights are bent by tanh.",
    )
    data: str | None = option(
        None,
        kinds.text("DATA"),
        "data",
        "Data whose training part is trained on, as for autosplit run.",
        none="the data of the run folder",
    )
    epochs: int = option(1, kinds.count(1, 10_000), "quantizer", "Passes over the samples.")
    batch_size: int = option(64, kinds.count(1), "data", "Samples of a step.")
    lr: float = option(2e-3, kinds.number("RATE", 0, 10), "quantizer", "Highest learning rate.")
    optimizer: str = option(
        "adamw", kinds.choice(*OPTIMIZER_NAMES), "quantizer", "Optimizer of the training."
    )
    schedule: str = option(
        "cosine",
        kinds.choice(*SCHEDULE_NAMES),
        "quantizer",
        _SCHEDULE,
    )
    train_images: int | None = _train_images()
    images: int | None = images_option()
    seed: int = option(0, kinds.count(0, 2**32 - 1), "data", "Seed of the order of samples.")
    out: str = variant_folder_option()

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How ``autosplit train`` trains a network in float.

    Raises:
        OptionError: An option cannot have its value.
    """

    epochs: int = option(10, kinds.count(1, 10_000), "quantizer", "Passes over the samples.")
    batch_size: int = option(
        128, kinds.count(1), "data", "Samples of a step, over all processes together."
    )
    lr: float = option(0.05, kinds.number("RATE", 0, 10), "quantizer", "Highest learning rate.")
    optimizer: str = option(
        "sgd", kinds.choice(*OPTIMIZER_NAMES), "quantizer", "Optimizer of the training."
    )
    schedule: str = option("cosine", kinds.choice(*SCHEDULE_NAMES), "quantizer", _SCHEDULE)
    warmup: float = option(
        0.0,
        kinds.number("EPOCHS", 0),
        "quantizer",
        "Epochs in which the learning rate rises from 0.",
    )
    weight_decay: float = option(
        0.0, kinds.number("DECAY", 0, 1), "quantizer", "Pull of the weights towards zero."
    )
    label_smoothing: float = option(
        0.0, kinds.number("SHARE", 0, 0.999), "quantizer", "Share of a label that all classes get."
    )
    ema: float = option(
        0.0,
        kinds.number("DECAY", 0, 0.999999),
        "quantizer",
        "Decay of the moving average of the weights, which is what is kept; 0: no average.",
    )
    box_loss: str = option(
        "ciou",
        kinds.choice(*BOX_LOSS_NAMES),
        "quantizer",
        "Loss of a detector's boxes. ciou: complete IoU; squared: squared error of raw numbers.",
    )
    augment: tuple[str, ...] | None = option(
        None,
        kinds.names("NAME,...", AUGMENTATION_NAMES),
        "data",
        "Random changes of training pictures, out of flip (left to right), colour and mosaic (four "
        "pictures in one, with their boxes).",
        none="pictures as they are",
    )
    sparse: float = option(
        0.0,
        kinds.number("FACTOR", 0, 1),
        "quantizer",
        "Pull of the scales of batch norms towards zero (sparse training), such as 0.001.",
    )
    sparse_on: str = option(
        "slim",
        kinds.choice(*PRUNING_NAMES[1:]),
        "quantizer",
        "With --sparse: method of autosplit prune that will follow. Only scales that this method "
        "reads are pulled; for slim these are the scales of all prunable channels.",
    )
    from_scratch: bool = option(
        False, kinds.switch(), "network", "Whether all weights are drawn at random first."
    )
    teacher: str | None = option(
        None,
        kinds.text("NETWORK"),
        "network",
        "Network whose answers are learned (distillation), as for --model, with the same outputs.",
        none="no teacher",
    )
    teacher_share: float = option(
        0.5,
        kinds.number("SHARE", 0, 1),
        "quantizer",
        "Share of the divergence from the teacher in the loss; the rest is that of the labels.",
    )
    distill: tuple[str, ...] | None = option(
        None,
        kinds.names("N|NAME,...", DISTILLATION_NAMES),
        "quantizer",
        "What a detector with anchors learns from --teacher beside its labels: a strategy from 1 "
        f"to 5, or its parts out of {', '.join(DISTILLATION_NAMES[5:])}.",
        none="the squared difference of the raw outputs, by --teacher-share",
    )
    train_images: int | None = _train_images()
    images: int | None = images_option()
    seed: int = option(
        0, kinds.count(0, 2**32 - 1), "data", "Seed of the order of samples and of random weights."
    )
    resume: bool = option(
        False,
        kinds.flag(),
        "output",
        "Go on from the checkpoint in the folder --out, where one is there.",
    )
    tensorboard: bool = option(
        False, kinds.flag(), "output", "Write event files for TensorBoard into the folder --out."
    )
    out: str = variant_folder_option()

    def __post_init__(self) -> None:
        check_values(self)
