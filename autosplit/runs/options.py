"""What a person may ask of each stage; a stage remembers it in its stamp."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from autosplit.errors import PlanError, StageError, did_you_mean
from autosplit.finish.effort import EFFORT_NAMES, ROUNDING_NAMES, SWITCH
from autosplit.grid.grid import DEFAULT_WIDTHS


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """What ``autosplit stats`` measures.

    Attributes:
        model, weights, checkpoint, input_size: As for ``models.load_model``.
        data: As for ``data.load_data``.
        calibration_images: How many images to measure on at most; 0 is the data set's default.
        batch_size: Images per step, 0 for what suits their size; random signs are drawn and sums
            are taken step by step, so that it changes results a little.
        seed: Of random weights and of the choice of images.
        jpeg_quality: Of the input as a JPEG file, for the method ``cloud-jpeg``; 1..95.
        clipping: Where activations are clipped, a name in ``clipping.CLIPPING``.
        metric: What distortion is, a name in ``sensitivity.METRICS``.
        equalize: Whether the weights of neighbouring layers are scaled to each other first.
        rounding: Integers of the weights that distortion is counted with: the ``nearest``, or as
            efforts from ``good`` on choose them (any other name in ``ROUNDING_NAMES``).

    Raises:
        PlanError: the rounding is unknown.
    """

    model: str = "efficientnet-lite0"
    weights: str = ""
    checkpoint: str = ""
    input_size: int = 0
    data: str = "demo"
    calibration_images: int = 0
    batch_size: int = 0
    seed: int = 0
    jpeg_quality: int = 75
    clipping: str = "mse"
    metric: str = "output"
    equalize: bool = False
    rounding: str = "auto"

    def __post_init__(self) -> None:
        _check_name("rounding", self.rounding, ROUNDING_NAMES)


CUTS = ("prefixes", "useful")
"""Names of the cuts that an answer to a limit may take."""
_LIMITS = (
    "max_weight_bits",
    "max_activation_bits",
    "max_bops",
    "max_latency_s",
    "max_distortion",
)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What ``autosplit search`` looks for.

    Attributes:
        edge, cloud: Device profiles, names or files.
        links: Link profiles, names, files or rates.
        memory_bytes: What the edge half may use; 0 is what the edge device has.
        widths: Widths that may be used, bits.
        methods: Methods that make plans.
        front: Places per link, at which plans of our front are kept as files; 0 keeps all of them.
        max_weight_bits, max_activation_bits: Most average width of the edge half's weights, and of
            its layers' outputs, over their elements; 0 is not limited.
        max_bops: Most bit operations of the edge half; 0 is not limited.
        max_latency_s: Most seconds over at least one link; 0 is not limited.
        max_distortion: Most distortion; 0 is not limited.
        cuts: What the answers to these limits may take: ``prefixes`` of the layers' order, or
            ``useful``, every set of layers closed under predecessors, or those worth having.
        pins: Pinned widths, each as ``PATTERN:weight=8``; methods of ours keep them.

    Raises:
        PlanError: ``front`` is 1 or negative, a limit is no number of at least 0, or the cuts are
            unknown, or useful ones are asked for without a limit.
    """

    edge: str = "eyeriss"
    cloud: str = "tpu_v1"
    links: tuple[str, ...] = ("1mbps", "3mbps", "10mbps", "20mbps")
    memory_bytes: int = 0
    widths: tuple[int, ...] = DEFAULT_WIDTHS
    methods: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    front: int = 8
    max_weight_bits: float = 0.0
    max_activation_bits: float = 0.0
    max_bops: float = 0.0
    max_latency_s: float = 0.0
    max_distortion: float = 0.0
    cuts: str = "prefixes"

    def __post_init__(self) -> None:
        for name in _LIMITS:
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                text = name.replace("_", "-")
                raise PlanError(f"{text}: must be at least 0 (not limited), got {value}")
        if self.cuts not in CUTS:
            raise PlanError(f"cuts: unknown {self.cuts!r}{did_you_mean(self.cuts, CUTS)}")
        if self.cuts != CUTS[0] and not any(getattr(self, name) for name in _LIMITS):
            raise PlanError("cuts: useful ones answer a limit, give one such as --max-distortion")
        if self.front < 0 or self.front == 1:
            raise PlanError(f"front: must be 0 (all) or at least 2 plans, got {self.front}")


@dataclass(frozen=True, slots=True)
class LatencyOptions:
    """On which hardware ``autosplit latency`` times the plans; empty is as in the search."""

    edge: str = ""
    cloud: str = ""
    links: tuple[str, ...] = ()


_FINISHING = {
    "effort": EFFORT_NAMES,
    "rounding": ROUNDING_NAMES,
    "bias": SWITCH,
    "joint_clips": SWITCH,
}


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """What ``autosplit quantize`` measures.

    Attributes:
        plans: ``pareto`` (those and the baselines), ``all``, or names separated by commas.
        images: How many images to evaluate on at most; 0 is all.
        jobs: Plans evaluated at the same time; it changes no result.
        effort: How plans are finished first: ``fast``, ``good`` or ``best``, or ``none``.
        rounding: How weights' integers are chosen, if not as the effort has it.
        bias: Whether biases are corrected, if not as the effort has it.
        joint_clips: Whether the clips of all activations are moved together; ``auto``: where the
            clipping rule is ``lapq``.
        max_drop: Stop at the fastest plan, for each link, that loses at most so many points, and
            stop each faster one once it must lose more; None: run all plans on all images.
        finished: Measure plans as they were finished, from ``quantized/`` alone; not remembered.

    Raises:
        PlanError: the effort or a switch is unknown, or ``max_drop`` is no number of points.
    """

    plans: str = "pareto"
    images: int = 0
    jobs: int = 1
    effort: str = "good"
    rounding: str = "auto"
    bias: str = "auto"
    joint_clips: str = "auto"
    max_drop: float | None = None
    finished: bool = False

    def __post_init__(self) -> None:
        for name, known in _FINISHING.items():
            _check_name(name.replace("_", "-"), getattr(self, name), known)
        _check_max_drop(self.max_drop)


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """How ``autosplit collect`` picks.

    Attributes:
        max_drop: Accuracy points that a pick may lose at most; below 0 it must gain.
        link: Link of the printed paragraph; empty is 3mbps if it is there, else the first.

    Raises:
        PlanError: ``max_drop`` is no number of points.
    """

    max_drop: float = 1.0
    link: str = ""

    def __post_init__(self) -> None:
        _check_max_drop(self.max_drop)


def _check_name(option: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise PlanError(f"{option}: unknown {value!r}{did_you_mean(value, known)}")


def _check_max_drop(points: float | None) -> None:
    if points is not None and not math.isfinite(points):
        raise PlanError(f"max-drop: must be a number of points, got {points}")


Options = TypeVar(
    "Options", StatsOptions, SearchOptions, LatencyOptions, QuantizeOptions, CollectOptions
)
FREE = {"jobs"}
"""Options that change no result, so that a stage need not be done again for them."""


def check_options(given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Make sure that options have names that a stage knows.

    Raises:
        StageError: One has not.
    """
    for name in sorted(given.keys() - set(known)):
        raise StageError(f"options: unknown option {name!r}{did_you_mean(name, known)}")


def plain(options: Options) -> dict[str, Any]:
    """Options as JSON would give them back."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(options).items()}


def tidy(value: Any) -> Any:
    """An option as its record holds it."""
    return tuple(value) if isinstance(value, list) else value
