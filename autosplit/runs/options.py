"""The options of every command, each declared once: a field of a record, with its help.

A stage remembers its options in its stamp: one that is not given keeps its value.  None takes a
limit off, and 0 is a value like any other.  The module is long because it is a table: every option
stands in this one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from autosplit.errors import OptionError, did_you_mean
from autosplit.runs import kinds
from autosplit.runs.option import Option, check_values, option, options_of

# These names are those of registries whose modules are slow to import; a test compares them.
METHOD_NAMES = (
    "autosplit",
    "autosplit2021",
    "neurosurgeon",
    "dads",
    "qdmp",
    "uniform2",
    "uniform4",
    "uniform6",
    "uniform8",
    "cloud16",
    "cloud8",
    "cloud-jpeg",
    "edge-float",
    "random",
)
"""Methods that make plans: ``search.methods.METHODS``."""
USUAL_METHODS = ("autosplit", "uniform2", "uniform4", "uniform6", "uniform8", "cloud16")
"""Methods that make plans unless told otherwise: ours, and the two ways not to split."""
ALL_METHODS = "all"
"""Stands for every method."""
USUAL_WIDTHS = (2, 3, 4, 5, 6, 8)
"""Widths that may be used unless told otherwise: ``grid.grid.DEFAULT_WIDTHS``."""
_CONFIDENCE = (
    "Probability with which the pick must be shown to lose at most --max-drop, such as 0.95, all "
    "plans that fit accounted for."
)
"""Help of ``--confidence``."""
USUAL_QUALITIES = (50, 60, 70, 75, 80, 85, 90, 95)
"""JPEG qualities that are measured unless told otherwise."""
CLIPPING_NAMES = ("mse", "minmax", "average", "percentile", "laplace", "gauss", "norm", "lapq")
"""Rules of clipping: ``grid.clipping.CLIPPING``."""
METRIC_NAMES = ("output", "fisher", "mse")
"""Metrics of distortion: ``distortion.metrics.METRICS``."""
EFFORT_NAMES = ("none", "fast", "good", "best")
"""How much work finishing a plan may take: ``finish.effort.EFFORTS``."""
ROUNDING_NAMES = ("auto", "nearest", "moment", "learned")
"""How a weight's integers are chosen; ``auto`` is as the effort has it."""
TASK_NAMES = (
    "classification",
    "binary",
    "multi-label",
    "regression",
    "segmentation",
    "embedding",
    "sequence-labelling",
    "language-modelling",
    "detection",
)
"""Tasks that can be asked for: ``evaluate.task.ASKED_TASKS``."""
INTERPOLATION_NAMES = ("nearest", "bilinear", "bicubic", "lanczos")
"""Ways to resize a picture: ``data.asked_preprocess.INTERPOLATIONS``."""
CHANNEL_NAMES = ("gray", "rgb", "bgr")
"""Orders of channels: ``data.asked_preprocess.CHANNELS``."""
PREPROCESS_NAMES = ("darknet", "alexeyab", "ultralytics")
"""How a whole picture becomes the input of a detector: ``data.preprocess.STYLES``."""
DECODE_NAMES = ("darknet", "scaled", "yolov5", "yolov8", "yolox")
"""How outputs are read as boxes: ``models.asked_heads.DECODINGS``."""
CUT_NAMES = ("prefixes", "useful")
"""Cuts that a plan within a limit may take."""
CODING_NAMES = ("packed", "entropy")
"""Codings of integers: those of ``halves.wire.layout.WIDTHS_OF``."""
FORMAT_NAMES = ("native", "distiller")
"""Formats in which a plan is printed: ``runs.plans.emit_plan``."""
BACKEND_NAMES = ("joblib", "dask")
"""Where the searches of a sweep run: ``sweep.backends.BACKENDS``."""


def _jobs() -> int:
    return option(
        1,
        kinds.count(1, 1024),
        "evaluation",
        "Number of workers on this machine. So many plans are evaluated at the same time; of a "
        "sweep, so many networks are measured, and then so many searches run.",
    )


def _run_folder(none: str) -> str | None:
    return option(
        None,
        kinds.text("RUN"),
        "network",
        "Run folder with the network and its plans.",
        none=none,
    )


def _source(help_: str) -> str | None:
    return option(None, kinds.text("PATH"), "data", help_, required=True)


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """What ``autosplit stats`` measures.

    Raises:
        OptionError: An option cannot have its value.
    """

    model: str = option(
        "efficientnet-lite0",
        kinds.text("NETWORK"),
        "network",
        "The network: efficientnet-lite0, fashion-resnet, scenes-yolo, torchvision:NAME, "
        "yolo:NAME, yolo:FILE.cfg, torchvision-backbone:NAME, timm:NAME, transformers:FOLDER, "
        "FILE.py:FUNCTION or FILE.pt2.",
        first=True,
    )
    weights: str | None = option(
        None,
        kinds.text("NAME|FILE"),
        "network",
        "Trained weights: for torchvision a name such as DEFAULT, for yolo a .weights or "
        ".safetensors file.",
        none="the network's own, else random",
        first=True,
    )
    checkpoint: str | None = option(
        None,
        kinds.text("FILE"),
        "network",
        "State dict to load into the network: a .pt, .pth or .safetensors file.",
        none="no file",
    )
    input_size: int | None = option(
        None,
        kinds.count(1, 8192),
        "network",
        "Height and width of the input, pixels.",
        none="the network's own",
    )
    decode: str | None = option(
        None,
        kinds.choice(*DECODE_NAMES),
        "network",
        "How the outputs of a detector become boxes. darknet, scaled: for .cfg files, scaled where "
        "ScaledYOLOv4 trained the weights; yolov5, yolov8, yolox: for an exported network.",
        none="as the .cfg file says",
    )
    names: str | None = option(
        None,
        kinds.text("FILE"),
        "network",
        "Names of the classes of a detector, one per line or a data.yaml.",
        none="FILE.names beside FILE.cfg, else COCO's if there are 80 classes",
    )
    parent: str | None = option(
        None,
        kinds.text("RUN"),
        "network",
        "Run folder of the network from which this network was made. autosplit records the "
        "parent's hash and does nothing else with it.",
        none="no parent",
    )
    data: str = option(
        "demo",
        kinds.text("DATA"),
        "data",
        "Images for calibration and evaluation: demo, fashion-mnist[:DIR], imagefolder:DIR, "
        "scenes, coco:DIR (pictures with boxes) or FILE.py:FUNCTION.",
        first=True,
    )
    calibration: str | None = option(
        None,
        kinds.text("DATA"),
        "data",
        "Data for calibration alone, named as for --data, whose own calibration part is then not "
        "used.",
        none="the calibration part of --data",
    )
    strict: bool = option(
        False,
        kinds.switch(),
        "data",
        "Whether to refuse annotations of boxes with entries that cannot be used; else autosplit "
        "lists them and leaves them out.",
    )
    calibration_images: int | None = option(
        None,
        kinds.count(1),
        "data",
        "Largest number of calibration images.",
        none="the data set's own number",
    )
    task: str | None = option(
        None,
        kinds.text("TASK"),
        "evaluation",
        f"What the network is for: {', '.join(TASK_NAMES)}, or FILE.py:FUNCTION, which scores "
        "answers (outputs, labels).",
        none="found out from outputs and labels",
    )
    output: str | None = option(
        None,
        kinds.text("NAME"),
        "evaluation",
        "Output that is scored, where the network has several: its name or number, or all.",
        none="found out from names and labels",
    )
    mean: tuple[float, ...] | None = option(
        None,
        kinds.numbers(),
        "data",
        "Mean that is subtracted from pixels in 0..1, one number or one for each channel.",
        none="that of the network's weights; 0 for a network of your own",
    )
    std: tuple[float, ...] | None = option(
        None,
        kinds.numbers(least=1e-6),
        "data",
        "Standard deviation by which pixels are divided afterwards, likewise.",
        none="that of the network's weights; 1 for a network of your own",
    )
    resize: int | None = option(
        None,
        kinds.count(1),
        "data",
        "Size to which the shorter side of a picture is resized, pixels.",
        none="that of the network's weights",
    )
    crop: int | None = option(
        None,
        kinds.count(1),
        "data",
        "Height and width of the middle of a resized picture that is kept, pixels.",
        none="the size of the network's input",
    )
    interpolation: str | None = option(
        None,
        kinds.choice(*INTERPOLATION_NAMES),
        "data",
        "How pictures are resized.",
        none="that of the network's weights; bilinear for a network of your own",
    )
    channels: str | None = option(
        None,
        kinds.choice(*CHANNEL_NAMES),
        "data",
        "Channels of the network's input, in their order.",
        none="gray for one channel, rgb for three",
    )
    preprocess: str | None = option(
        None,
        kinds.choice(*PREPROCESS_NAMES),
        "data",
        "How the whole picture becomes the input of a detector: darknet (keeps its shape, on "
        "grey), alexeyab (stretched) or ultralytics (keeps its shape, on grey 114).",
        none="found out from the .cfg file and the weights",
    )
    batch_size: int | None = option(
        None,
        kinds.count(1),
        "data",
        "Images per step. The batch size changes results a little, because random signs are drawn "
        "and sums are rounded step by step.",
        none="chosen by the size of the images",
    )
    seed: int = option(
        0, kinds.count(0, 2**32 - 1), "data", "Seed of random weights and of random choices."
    )
    jpeg_quality: tuple[int, ...] = option(
        USUAL_QUALITIES,
        kinds.qualities(),
        "data",
        "JPEG qualities at which the input may be sent as a JPEG file; each is measured and is a "
        "plan.",
    )
    clipping: str = option(
        "mse",
        kinds.choice(*CLIPPING_NAMES, registry="autosplit.grid.clipping:CLIPPING"),
        "quantizer",
        "Rule that chooses the range of an activation; values outside are clipped. lapq starts as "
        "norm, and all ranges are moved together when a plan is finished.",
    )
    metric: str = option(
        "output",
        kinds.choice(*METRIC_NAMES, registry="autosplit.distortion.metrics:METRICS"),
        "quantizer",
        "Distortion metric: output (change of the network's answers), fisher (squared errors "
        "weighted by squared gradients) or mse (noise over signal of each tensor alone).",
    )
    equalize: bool = option(
        False,
        kinds.switch(),
        "quantizer",
        "Whether to equalize the channels of neighbouring layers before anything is measured.",
    )
    rounding: str = option(
        "auto",
        kinds.choice(*ROUNDING_NAMES),
        "quantizer",
        "Rounding that the distortion of a weight assumes. nearest: to the nearest integer. auto, "
        "moment and learned: the rounding by second moments of the efforts good and best.",
    )

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What ``autosplit search`` looks for.

    Raises:
        OptionError: An option cannot have its value, or useful cuts are asked for without a limit.
    """

    edge: str = option(
        "eyeriss",
        kinds.text("DEVICE"),
        "search",
        "Edge device: a name from autosplit profiles, or a YAML file.",
        first=True,
    )
    cloud: str = option(
        "tpu_v1",
        kinds.text("DEVICE"),
        "search",
        "Cloud machine: a name from autosplit profiles, or a YAML file.",
        first=True,
    )
    links: tuple[str, ...] = option(
        ("1mbps", "3mbps", "10mbps", "20mbps"),
        kinds.names("LINK,LINK,..."),
        "search",
        "Links from edge to cloud: names from autosplit profiles, YAML files, or rates such as "
        "5mbps.",
        flag="--link",
        first=True,
    )
    memory_bytes: int | Literal["device"] | None = option(
        "device",
        kinds.size("device"),
        "limits",
        "Memory limit of the edge half, such as 4MB or 512KiB; device: all memory of the edge "
        "device.",
        none="no limit",
        first=True,
    )
    widths: tuple[int, ...] = option(
        USUAL_WIDTHS,
        kinds.widths(8),
        "search",
        "Widths that weights and activations may have, bits.",
    )
    methods: tuple[str, ...] = option(
        USUAL_METHODS,
        kinds.names(
            "METHOD,METHOD,...", (*METHOD_NAMES, ALL_METHODS), "autosplit.search.methods:METHODS"
        ),
        "search",
        f"Methods that make plans: all, or names out of {', '.join(METHOD_NAMES)}.",
    )
    coding: str = option(
        "packed",
        kinds.choice(*CODING_NAMES),
        "search",
        "Coding of the crossing tensors: packed to their widths, or entropy-coded where that takes "
        "fewer bytes.",
    )
    pins: tuple[str, ...] = option(
        (),
        kinds.pins(),
        "search",
        "Pin the widths of layers, as in 'features.0.*:weight=8'. The option may be repeated.",
        flag="--pin",
    )
    front: int | None = option(
        8,
        kinds.count(2),
        "search",
        "How many plans of the Pareto front to keep for each link; they are spread evenly along "
        "it.",
        none="all",
    )
    max_weight_bits: float | None = option(
        None,
        kinds.number("BITS", 0),
        "limits",
        "Limit on the mean width of the edge weights, bits.",
        none="no limit",
    )
    max_activation_bits: float | None = option(
        None,
        kinds.number("BITS", 0),
        "limits",
        "Limit on the mean width of the edge activations, bits.",
        none="no limit",
    )
    max_bops: float | None = option(
        None,
        kinds.number("N", 0),
        "limits",
        "Limit on the bit operations of the edge half.",
        none="no limit",
    )
    max_latency_s: float | None = option(
        None,
        kinds.milliseconds(),
        "limits",
        "Limit on the milliseconds from input to answer. A plan must keep it over at least one "
        "link.",
        none="no limit",
    )
    max_distortion: float | None = option(
        None, kinds.number("D", 0), "limits", "Limit on the distortion.", none="no limit"
    )
    cuts: str = option(
        "prefixes",
        kinds.choice(*CUT_NAMES),
        "search",
        "Which cuts a search with a limit (--max-...) considers: prefixes of the order of layers, "
        "or useful cuts of any shape.",
    )

    def __post_init__(self) -> None:
        check_values(self)
        limits = [one for one in options_of(type(self)) if one.name.startswith("max_")]
        if self.cuts == "useful" and all(getattr(self, one.name) is None for one in limits):
            flags = ", ".join(one.flag for one in limits)
            raise OptionError(f"cuts: useful cuts need a limit, which must be given: {flags}")


@dataclass(frozen=True, slots=True)
class LatencyOptions:
    """On which hardware ``autosplit latency`` times the plans.

    Raises:
        OptionError: An option cannot have its value.
    """

    edge: str | None = option(
        None,
        kinds.text("DEVICE"),
        "search",
        "Edge device: a name from autosplit profiles, or a YAML file.",
        none="the device of autosplit search",
    )
    cloud: str | None = option(
        None,
        kinds.text("DEVICE"),
        "search",
        "Cloud machine: a name from autosplit profiles, or a YAML file.",
        none="the device of autosplit search",
    )
    links: tuple[str, ...] | None = option(
        None,
        kinds.names("LINK,LINK,..."),
        "search",
        "Links from edge to cloud: names from autosplit profiles, YAML files, or rates such as "
        "5mbps.",
        none="the links of autosplit search",
        flag="--link",
    )

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """What ``autosplit quantize`` measures.

    Raises:
        OptionError: An option cannot have its value.
    """

    plans: str = option(
        "pareto",
        kinds.text("NAME,NAME,..."),
        "evaluation",
        "Plans to evaluate: pareto (the Pareto front and the baselines), all, or names.",
    )
    images: int | None = option(
        None,
        kinds.count(1),
        "evaluation",
        "Largest number of evaluation images.",
        none="all images",
    )
    jobs: int = _jobs()
    effort: str = option(
        "good",
        kinds.choice(*EFFORT_NAMES),
        "quantizer",
        "How much work to spend on the integers of a plan before the plan is evaluated.",
        first=True,
    )
    rounding: str = option(
        "auto",
        kinds.choice(*ROUNDING_NAMES),
        "quantizer",
        "How to choose the integers of weights. auto: the rounding of --effort. autosplit run also "
        "assumes this rounding when it measures distortion.",
    )
    bias: str = option(
        "auto",
        kinds.three_way(),
        "quantizer",
        "Whether to correct biases. auto: on, except with --effort none.",
    )
    joint_clips: str = option(
        "auto",
        kinds.three_way(),
        "quantizer",
        "Whether to move the ranges of all activations together. auto: on with --clipping lapq, "
        "else off.",
    )
    max_drop: float | None = option(
        None,
        kinds.number("POINTS"),
        "limits",
        "Largest accuracy drop of the pick, points. autosplit then evaluates no more plans and "
        "images than the pick of each link needs.",
        none="every plan is evaluated on all images",
    )
    confidence: float | None = option(
        None,
        kinds.number("P", 0.5, 0.9999),
        "limits",
        _CONFIDENCE,
        none="the drop on the evaluation images decides",
    )
    finished: bool = option(
        False,
        kinds.flag(),
        "evaluation",
        "Evaluate the finished plans in quantized/ as they are, for example after another machine "
        "finished them. The option holds for this call only.",
    )

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """How ``autosplit collect`` picks.

    Raises:
        OptionError: An option cannot have its value.
    """

    max_drop: float | None = option(
        1.0,
        kinds.number("POINTS"),
        "limits",
        "Largest accuracy drop of the pick, points; a negative number asks for a gain.",
        none="any accuracy",
        first=True,
    )
    confidence: float | None = option(
        None,
        kinds.number("P", 0.5, 0.9999),
        "limits",
        _CONFIDENCE,
        none="the drop on the evaluation images decides",
    )
    link: str | None = option(
        None,
        kinds.text("LINK"),
        "evaluation",
        "Link whose pick is printed alone, and which commands such as autosplit emit take.",
        none="all links are printed; 3mbps is taken if the run has it, else the first",
        flag="--show",
    )

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """The run folder of a stage, and how the stage treats what is in it."""

    out: str | None = option(
        None,
        kinds.text("RUN"),
        "output",
        "Run folder: the folder that the stages read and write.",
        none="results/NAME, after the network",
        flag="--run",
        first=True,
    )
    force: bool = option(
        False, kinds.flag(), "output", "Repeat the work even if nothing has changed.", first=True
    )
    trust: bool = option(
        False,
        kinds.flag(),
        "network",
        "Run the Python code that the run folder names though it was never given on this machine: "
        "for a run folder that you received, after you looked at the code.",
    )
    pins_file: str | None = option(
        None,
        kinds.text("FILE"),
        "search",
        "YAML file with pinned widths: {pins: {PATTERN: {weight: 8}}}. --pin is applied after it.",
        none="no file",
    )


@dataclass(frozen=True, slots=True)
class DetectOptions:
    """What ``autosplit detect`` draws."""

    source: str | None = _source(
        "Picture or video, folder of them, pattern such as 'photos/*.jpg', list FILE.txt, number "
        "of a camera, or address of a stream."
    )
    out: str | None = option(
        None,
        kinds.text("FOLDER"),
        "output",
        "Folder for the drawings, detections.csv and times.csv.",
        required=True,
    )
    run: str | None = _run_folder("no run folder; the network is that of --model")
    plan: str | None = option(
        None,
        kinds.text("NAME|FILE.yaml"),
        "network",
        "Plan to compare with the float network: a file, or a name in the run folder.",
        none="the pick of the run folder",
    )
    confidence: float = option(
        0.25, kinds.number("SCORE", 0, 1), "evaluation", "Least score of a box that is drawn."
    )
    iou: float = option(
        0.45,
        kinds.number("OVERLAP", 0, 1),
        "evaluation",
        "Overlap (IoU) from which non-maximum suppression drops the weaker of two boxes.",
    )
    frames: int | None = option(
        None, kinds.count(1), "data", "Most frames of a video.", none="all frames"
    )


@dataclass(frozen=True, slots=True)
class AnchorsOptions:
    """What ``autosplit anchors`` clusters."""

    data: str | None = option(
        None,
        kinds.text("DATA"),
        "data",
        "Pictures with boxes: coco:DIR, coco:FILE or scenes; the training pictures if there are "
        "any.",
        required=True,
    )
    clusters: int = option(9, kinds.count(1, 1000), "search", "Number of anchors.")
    input_size: int = option(
        416, kinds.count(1, 8192), "network", "Height and width of the network's input, pixels."
    )
    preprocess: str = option(
        "darknet",
        kinds.choice(*PREPROCESS_NAMES),
        "data",
        "How the whole picture becomes the input of the detector.",
    )
    seed: int = option(0, kinds.count(0, 2**32 - 1), "search", "Seed of the first centres.")


@dataclass(frozen=True, slots=True)
class EmitOptions:
    """What ``autosplit emit`` prints."""

    run: str | None = _run_folder("the only run folder in results/")
    format: str = option(
        "native",
        kinds.choice(*FORMAT_NAMES),
        "output",
        "Format: native is autosplit's YAML, distiller is the YAML of Intel Distiller.",
    )


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What ``autosplit export`` writes."""

    plan: str = option(
        "pick",
        kinds.text("pick|front|NAMES"),
        "network",
        "Plans to export: pick, front (every plan of the Pareto front) and names, separated by "
        "commas.",
    )
    check: int | None = option(
        None,
        kinds.count(1),
        "evaluation",
        "Run this many evaluation images through the exported files and through the integer "
        "reference, and print how they differ.",
        none="no check",
    )
    out: str = option("bundle", kinds.text("FOLDER"), "output", "Bundle: the folder to write.")


def _token_file(help: str, none: str) -> str | None:  # noqa: A002
    return option(None, kinds.text("FILE"), "network", help, none=none)


@dataclass(frozen=True, slots=True)
class InferOptions:
    """What ``autosplit infer`` runs."""

    source: str | None = _source(
        "Picture, .npy file of inputs, or folder of pictures and such files."
    )
    plan: str | None = option(
        None,
        kinds.text("NAME|auto"),
        "network",
        "Plan to run; auto moves to the fastest plan of the bundle as the link changes, and lets "
        "the edge answer while the server is out of reach.",
        none="the first plan of the bundle",
    )
    deadline_s: float | None = option(
        None,
        kinds.milliseconds(),
        "limits",
        "With --plan auto: milliseconds after which the edge answers in place of the server.",
        none="no deadline",
    )
    server: str = option(
        "http://127.0.0.1:8000", kinds.text("URL"), "network", "Address of a server of the bundle."
    )
    tls_cert: str | None = option(
        None,
        kinds.text("FILE"),
        "network",
        "Certificate of an https server, or of who signed it, as PEM.",
        none="the authorities that the system trusts",
    )
    token_file: str | None = _token_file(
        "File with the bearer token that the server asks for.", "no token"
    )
    out: str | None = option(
        None,
        kinds.text("FILE"),
        "output",
        "CSV file for the table of answers and times.",
        none="no table",
    )


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where ``autosplit serve`` listens."""

    host: str = option(
        "127.0.0.1",
        kinds.text("ADDRESS"),
        "output",
        "Address that the server listens on; any that other machines reach needs TLS and a token.",
    )
    port: int = option(8000, kinds.count(1, 65535), "output", "Port of HTTP.")
    grpc_port: int | None = option(
        None, kinds.count(1, 65535), "output", "Port of gRPC.", none="no gRPC"
    )
    tls_cert: str | None = option(
        None, kinds.text("FILE"), "network", "Certificate for TLS, as PEM.", none="no TLS"
    )
    tls_key: str | None = option(
        None, kinds.text("FILE"), "network", "Private key of --tls-cert, as PEM.", none="no TLS"
    )
    token_file: str | None = _token_file(
        "File with the bearer token that clients must send.", "no token"
    )
    credentials: str | None = option(
        None,
        kinds.text("FOLDER"),
        "network",
        "Folder with cert.pem, key.pem and token.txt, in place of the three options; those that "
        "are missing are made, with a self-signed certificate.",
        none="no such folder",
    )


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """Where the searches of ``autosplit sweep`` run, and where the table goes."""

    jobs: int = _jobs()
    backend: str = option(
        "joblib",
        kinds.choice(*BACKEND_NAMES),
        "evaluation",
        "Where the searches run: joblib on this machine, dask on a cluster.",
    )
    scheduler: str | None = option(
        None,
        kinds.text("ADDRESS"),
        "evaluation",
        "Address of a dask scheduler, such as tcp://HOST:8786.",
        none="no scheduler",
    )
    out: str = option(
        "results",
        kinds.text("FOLDER"),
        "output",
        "Folder for NAME.csv, NAME.png and the folder NAME of intermediate results, where NAME is "
        "the name of the sweep file.",
    )


OPTIONS: dict[str, type[Any]] = {
    "stats": StatsOptions,
    "search": SearchOptions,
    "latency": LatencyOptions,
    "quantize": QuantizeOptions,
    "collect": CollectOptions,
}
"""Stage -> record of its options, in the order in which ``run`` does the stages."""
SIDE_OPTIONS: dict[str, type[Any]] = {
    "anchors": AnchorsOptions,
    "detect": DetectOptions,
    "emit": EmitOptions,
    "export": ExportOptions,
    "infer": InferOptions,
    "serve": ServeOptions,
    "sweep": SweepOptions,
}
"""Any other command -> record of its options."""
Options = TypeVar(
    "Options", StatsOptions, SearchOptions, LatencyOptions, QuantizeOptions, CollectOptions
)
FREE = {"jobs"}
"""Options that change no result, so that a stage need not be done again for them."""
_NOT_OF_RUN = {"finished", "link"}
"""Options of single stages alone: of those that hold for one time."""


def options_of_run() -> tuple[Option, ...]:
    """Options of the command ``run``: those of all stages, each once.

    Hardware is that of the search.  Of an option of two stages the later one's words are taken.
    """
    found: dict[str, Option] = {}
    for stage, record in OPTIONS.items():
        if stage != "latency":
            found |= {one.name: one for one in options_of(record) if one.name not in _NOT_OF_RUN}
    drop = found["max_drop"]
    text = (
        f"{drop.help} Giving it on the command line also saves time: autosplit then evaluates no "
        "more plans and images than the pick of each link needs."
    )
    found["max_drop"] = Option(
        drop.name, text, drop.group, drop.kind, drop.default, drop.none, drop.flag, drop.first
    )
    return tuple(found.values())


def check_options(given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Make sure that options have names that a stage knows.

    Raises:
        OptionError: One has not.
    """
    for name in sorted(given.keys() - set(known)):
        raise OptionError(f"options: unknown option {name!r}{did_you_mean(name, known)}")


def plain(options: Options) -> dict[str, Any]:
    """Options as JSON would give them back."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(options).items()}
