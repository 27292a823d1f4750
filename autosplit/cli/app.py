"""The command ``autosplit``: parses, makes one library call, prints.

Results go to stdout, talk and progress to stderr.  Exit status: 0 done, 1 an error of ours, 2 a
wrong command line, 130 interrupted.  Warnings of ours are talk, one line each.
"""

from __future__ import annotations

import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from autosplit import __version__
from autosplit.errors import AutoSplitError, AutoSplitWarning, PlanError

# typer brings its own copy of click, or depends on it, by version; its errors are the same classes
UsageError: type[Any] = typer.BadParameter.__mro__[1]

INTERRUPTED = 130
"""Exit status after Ctrl-C, 128 + SIGINT."""

app = typer.Typer(
    name="autosplit",
    help="Find where to cut a network between an edge device and the cloud, and the bits of its "
    "edge half.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Out = Annotated[Path | None, typer.Option(help="Run folder (default: results/NAME).")]
Force = Annotated[bool, typer.Option("--force", help="Do it again even if nothing has changed.")]
ModelSpec = Annotated[
    str | None,
    typer.Option(
        help="efficientnet-lite0 (default), fashion-resnet, scenes-yolo, torchvision:NAME, "
        "yolo:NAME, yolo:FILE.cfg, torchvision-backbone:NAME, FILE.py:FUNCTION or FILE.pt2."
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        help="torchvision weights, such as DEFAULT; of yolo, a .weights or .safetensors file "
        "(default: random)."
    ),
]
Checkpoint = Annotated[
    str | None, typer.Option(help="State dict of the network, .pt, .pth or .safetensors.")
]
InputSize = Annotated[int | None, typer.Option(help="Height and width of the input, pixels.")]
Data = Annotated[
    str | None,
    typer.Option(
        help="demo (default), fashion-mnist[:DIR], imagefolder:DIR, scenes, coco:DIR (pictures "
        "with boxes) or FILE.py:FUNCTION."
    ),
]
CalibrationImages = Annotated[
    int | None, typer.Option(help="Images to measure on at most (default: the data set's own).")
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Images per step (default: by their size).")
]
JpegQuality = Annotated[
    int | None,
    typer.Option(min=1, max=95, help="Of the input as a JPEG file, for cloud-jpeg (default: 75)."),
]
Seed = Annotated[int | None, typer.Option(help="Of random weights and samples (default: 0).")]
Clipping = Annotated[
    str | None,
    typer.Option(
        help="Where activations are clipped: mse (default), minmax, average, percentile, laplace, "
        "gauss, norm or lapq (norm, then all together when plans are finished)."
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(
        help="What distortion is: output (default), fisher or mse, which never counts what "
        "finishing a plan gains."
    ),
]
Equalize = Annotated[
    bool | None,
    typer.Option(
        "--equalize/--no-equalize",
        help="Scale the weights of neighbouring layers to each other first (default: no).",
    ),
]
Edge = Annotated[str | None, typer.Option(help="Edge device, name or file (default: eyeriss).")]
Cloud = Annotated[str | None, typer.Option(help="Cloud device, name or file (default: tpu_v1).")]
LinkNames = Annotated[
    str | None,
    typer.Option(help="Links, names, files or rates (default: 1mbps,3mbps,10mbps,20mbps)."),
]
Memory = Annotated[
    str | None,
    typer.Option(help="Memory of the edge half, as in 4MB or 512KiB (default: the device's)."),
]
Widths = Annotated[
    str | None, typer.Option(help="Widths that may be used, bits (default: 2,3,4,5,6,8).")
]
Methods = Annotated[
    str | None,
    typer.Option(
        help="Methods that make plans, or all (default: autosplit, uniform2/4/6/8, cloud16)."
    ),
]
Front = Annotated[
    int | None,
    typer.Option(help="Plans of our front kept per link, spread along it; 0: all (default: 8)."),
]
MaxWeightBits = Annotated[
    float | None, typer.Option(help="Most average width of the edge weights, bits; 0: no limit.")
]
MaxActivationBits = Annotated[
    float | None, typer.Option(help="Most average width of the edge activations; 0: no limit.")
]
MaxBops = Annotated[
    float | None, typer.Option(help="Most bit operations of the edge half; 0: no limit.")
]
MaxLatency = Annotated[
    float | None, typer.Option(help="Most milliseconds over at least one link; 0: no limit.")
]
MaxDistortion = Annotated[float | None, typer.Option(help="Most distortion; 0: no limit.")]
Cuts = Annotated[
    str | None,
    typer.Option(
        help="Cuts that answers to limits may take: prefixes (default), or useful for any shape."
    ),
]
Pins = Annotated[
    list[str] | None,
    typer.Option("--pin", help="Pin widths, as in 'features.0.*:weight=8'; may be repeated."),
]
PinsFile = Annotated[Path | None, typer.Option(help="YAML file with pins: {PATTERN: {weight: 8}}.")]
Plans = Annotated[str | None, typer.Option(help="pareto (default), all, or names of plans.")]
EvaluationImages = Annotated[
    int | None, typer.Option("--images", help="Images to evaluate on at most (default: all).")
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Plans evaluated at once (default: 1).")]
Effort = Annotated[
    str | None,
    typer.Option(help="How plans are finished first: fast, good (default), best or none."),
]
Rounding = Annotated[
    str | None,
    typer.Option(
        help="How weights' integers are chosen: nearest, moment, learned, or auto (default) for "
        "what the effort has; stats counts with moment unless told nearest, run as plans are "
        "finished."
    ),
]
Bias = Annotated[
    str | None, typer.Option(help="Correct biases: on, off, or auto (default: but for none, on).")
]
JointClips = Annotated[
    str | None,
    typer.Option(
        help="Move the clips of all activations together: on, off, or auto (default: with "
        "--clipping lapq, on)."
    ),
]
MaxDrop = Annotated[
    float | None,
    typer.Option(
        help="Accuracy points a pick may lose at most (default: 1.0); if given to run or quantize, "
        "plans are run only as far as it takes to pick."
    ),
]


def _print_version(asked: bool) -> None:
    if asked:
        print(f"autosplit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    del version  # printed by its callback, before a command is asked for


@app.command()
def run(
    model: ModelSpec = None,
    weights: Weights = None,
    checkpoint: Checkpoint = None,
    input_size: InputSize = None,
    data: Data = None,
    calibration_images: CalibrationImages = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    jpeg_quality: JpegQuality = None,
    clipping: Clipping = None,
    metric: Metric = None,
    equalize: Equalize = None,
    edge: Edge = None,
    cloud: Cloud = None,
    link: LinkNames = None,
    memory: Memory = None,
    widths: Widths = None,
    methods: Methods = None,
    front: Front = None,
    max_weight_bits: MaxWeightBits = None,
    max_activation_bits: MaxActivationBits = None,
    max_bops: MaxBops = None,
    max_latency: MaxLatency = None,
    max_distortion: MaxDistortion = None,
    cuts: Cuts = None,
    pin: Pins = None,
    pins_file: PinsFile = None,
    plans: Plans = None,
    images: EvaluationImages = None,
    jobs: Jobs = None,
    effort: Effort = None,
    rounding: Rounding = None,
    bias: Bias = None,
    joint_clips: JointClips = None,
    max_drop: MaxDrop = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Do all five stages: from a network to the pick and the Pareto figure."""
    given = _stats(
        model,
        weights,
        checkpoint,
        input_size,
        data,
        calibration_images,
        batch_size,
        seed,
        jpeg_quality,
        clipping,
        metric,
        equalize,
    )
    given |= _search(edge, cloud, link, memory, widths, methods, front)
    given |= _limits(max_weight_bits, max_activation_bits, max_bops, max_latency, max_distortion)
    given |= {"cuts": cuts, "pins": _pins(pin, pins_file)}
    given |= _quantize(plans, images, jobs, effort, max_drop)
    given |= {"rounding": rounding, "bias": bias, "joint_clips": joint_clips}
    from autosplit.runs.stages import run as stages

    folder = _folder(out, model)
    text = ""
    for outcome in stages.run(folder, given, force=force, progress=_progress):
        text = outcome.text
        if outcome.stage != "collect":
            _say(text)
    _finish(folder, text)


@app.command()
def stats(
    model: ModelSpec = None,
    weights: Weights = None,
    checkpoint: Checkpoint = None,
    input_size: InputSize = None,
    data: Data = None,
    calibration_images: CalibrationImages = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    jpeg_quality: JpegQuality = None,
    clipping: Clipping = None,
    metric: Metric = None,
    equalize: Equalize = None,
    rounding: Rounding = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Capture the network and measure every tensor of it."""
    given = _stats(
        model,
        weights,
        checkpoint,
        input_size,
        data,
        calibration_images,
        batch_size,
        seed,
        jpeg_quality,
        clipping,
        metric,
        equalize,
    )
    given["rounding"] = rounding
    _stage("stats", _folder(out, model), given, force)


@app.command()
def search(
    edge: Edge = None,
    cloud: Cloud = None,
    link: LinkNames = None,
    memory: Memory = None,
    widths: Widths = None,
    methods: Methods = None,
    front: Front = None,
    max_weight_bits: MaxWeightBits = None,
    max_activation_bits: MaxActivationBits = None,
    max_bops: MaxBops = None,
    max_latency: MaxLatency = None,
    max_distortion: MaxDistortion = None,
    cuts: Cuts = None,
    pin: Pins = None,
    pins_file: PinsFile = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Search cuts and widths, and write every plan."""
    given = _search(edge, cloud, link, memory, widths, methods, front)
    given |= _limits(max_weight_bits, max_activation_bits, max_bops, max_latency, max_distortion)
    given |= {"cuts": cuts, "pins": _pins(pin, pins_file)}
    _stage("search", _found(out), given, force)


@app.command()
def latency(
    edge: Edge = None,
    cloud: Cloud = None,
    link: LinkNames = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Time every plan, whole and layer by layer."""
    given = {"edge": edge, "cloud": cloud, "links": _words(link)}
    _stage("latency", _found(out), given, force)


@app.command()
def quantize(
    plans: Plans = None,
    images: EvaluationImages = None,
    jobs: Jobs = None,
    effort: Effort = None,
    rounding: Rounding = None,
    bias: Bias = None,
    joint_clips: JointClips = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            help="Run no more than it takes to find the fastest plan for each link that loses at "
            "most so many points (default: run all on all images)."
        ),
    ] = None,
    finished: Annotated[
        bool,
        typer.Option(
            "--finished",
            help="Run plans as they were finished, perhaps on another machine, from quantized/ "
            "alone; nothing is finished again.",
        ),
    ] = False,
    out: Out = None,
    force: Force = False,
) -> None:
    """Measure the accuracy of plans by running them."""
    given = _quantize(plans, images, jobs, effort, max_drop)
    given |= {"rounding": rounding, "bias": bias, "joint_clips": joint_clips}
    given["finished"] = finished
    _stage("quantize", _found(out), given, force)


@app.command()
def collect(
    max_drop: MaxDrop = None,
    link: Annotated[
        str | None, typer.Option(help="Link of the paragraph (default: 3mbps if it is there).")
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Join everything: the table, the figure, the pick."""
    from autosplit.runs.stages.collect import COLLECT

    folder = _found(out)
    outcome = COLLECT.run(
        folder, {"max_drop": max_drop, "link": link}, force=force, progress=_progress
    )
    _finish(folder, outcome.text)


@app.command()
def emit(
    plan: Annotated[
        str, typer.Argument(help="Name of a plan, or pick for the picked one.")
    ] = "pick",
    format_: Annotated[
        str, typer.Option("--format", help="distiller, or native for the plan's own YAML.")
    ] = "native",
    out: Out = None,
) -> None:
    """Print a plan of a run folder as it was searched, in Distiller's form or our own."""
    if format_ not in {"distiller", "native"}:
        raise typer.BadParameter(f"format must be native or distiller, got {format_!r}")
    import yaml

    from autosplit.runs import plans

    folder = _found(out)
    name = plans.picked(folder) if plan == "pick" else plan
    if format_ == "distiller":
        print(yaml.safe_dump(plans.emit_distiller(folder, name), sort_keys=False), end="")
    else:
        print(plans.emit_native(folder, name), end="")


@app.command()
def detect(
    source: Annotated[Path, typer.Option(help="Picture, or folder of pictures.")],
    out: Annotated[Path, typer.Option(help="Folder for the drawings and detections.csv.")],
    model: ModelSpec = None,
    weights: Weights = None,
    checkpoint: Checkpoint = None,
    input_size: InputSize = None,
    seed: Seed = None,
    run: Annotated[
        Path | None, typer.Option(help="Run folder: its network, and its picked plan.")
    ] = None,
    plan: Annotated[
        str | None, typer.Option(help="Plan to run beside the float network: FILE.yaml, or a name.")
    ] = None,
    confidence: Annotated[float, typer.Option(help="Least score of a box.")] = 0.25,
    iou: Annotated[float, typer.Option(help="Overlap from which two boxes are one.")] = 0.45,
) -> None:
    """Draw what a detector finds: the float network, a plan's two halves, the difference."""
    from autosplit.detect.run import detect_pictures, list_pictures, make_detector
    from autosplit.runs.plans import network_and_plan

    given: dict[str, Any] = {"model": model, "weights": weights, "checkpoint": checkpoint}
    given |= {"input_size": input_size, "seed": seed}
    pictures = list_pictures(source)
    loaded, chosen = network_and_plan(run, given, plan)
    detector = make_detector(loaded, chosen, confidence, iou)
    with _progress(f"detect: {loaded.name}", len(pictures)) as advance:
        for seen in detect_pictures(detector, pictures, out):
            print(seen)
            advance(1)
    print(f"table:  {out / 'detections.csv'}")


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="Sweep file, as in experiments/.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder; .csv and .png beside it (default: results/NAME).")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    backend: Annotated[str, typer.Option(help="joblib, or dask for a cluster.")] = "joblib",
    scheduler: Annotated[str, typer.Option(help="Address of a dask scheduler.")] = "",
    force: Force = False,
) -> None:
    """Try networks, devices, links, methods and memory limits together: one table."""
    import time

    from autosplit.runs.folder import RESULTS
    from autosplit.sweep.backends import Where
    from autosplit.sweep.run import run_sweep

    start_s = time.perf_counter()
    where = Where(backend, jobs, scheduler)
    swept = run_sweep(file, out or RESULTS / file.stem, where, force=force, progress=_progress)
    _say(f"{swept.text}; {time.perf_counter() - start_s:.1f} s")
    print(f"table:  {swept.table}")
    if swept.figure:
        print(f"figure: {swept.figure}")


@app.command()
def profiles() -> None:
    """List the devices and links that come along, and where their numbers are from."""
    from autosplit.hardware.device import device_names, load_device
    from autosplit.hardware.link import link_names, load_link

    print("devices")
    for device in map(load_device, device_names()):
        print(f"  {device.name:<18}{_shorten(device.source)}")
    print("links")
    for link in map(load_link, link_names()):
        print(f"  {link.name:<18}{_shorten(link.source)}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    command = typer.main.get_command(app)
    try:
        with _saying_warnings():
            result = command.main(args=argv, prog_name="autosplit", standalone_mode=False)
    except AutoSplitError as error:
        _say(f"autosplit: error: {_one_line(str(error))}")
        return 1
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except UsageError as error:
        error.show(sys.stderr)
        return 2
    if result == INTERRUPTED:  # some versions of typer give it back instead of raising
        _say(
            "autosplit: interrupted; what is finished is kept, the same command goes on from there"
        )
    return result if isinstance(result, int) else 0


def entry() -> None:
    """Entry point of the console script."""
    sys.exit(main())


def _stage(name: str, folder: Path, given: dict[str, Any], force: bool) -> None:
    from autosplit.runs.stages.run import STAGES

    outcome = STAGES[name].run(folder, given, force=force, progress=_progress)
    print(outcome.text)


def _finish(folder: Path, text: str) -> None:
    print(text)
    print(f"figure: {folder / 'pareto.png'}")
    print(f"table:  {folder / 'summary.csv'}")
    print(f"pick:   {folder / 'pick.yaml'}")


def _folder(out: Path | None, model: str | None) -> Path:
    """The run folder of a stage that loads the network: as given, else after the model."""
    from autosplit.runs.folder import default_folder
    from autosplit.runs.options import StatsOptions

    return out or default_folder(model or StatsOptions().model)


def _found(out: Path | None) -> Path:
    """The run folder of any other stage: as given, else the one that is there."""
    from autosplit.runs.folder import find_folder

    return out or find_folder()


def _stats(
    model: str | None,
    weights: str | None,
    checkpoint: str | None,
    input_size: int | None,
    data: str | None,
    calibration_images: int | None,
    batch_size: int | None,
    seed: int | None,
    jpeg_quality: int | None,
    clipping: str | None,
    metric: str | None,
    equalize: bool | None,
) -> dict[str, Any]:
    return {
        "model": model,
        "weights": weights,
        "checkpoint": checkpoint,
        "input_size": input_size,
        "data": data,
        "calibration_images": calibration_images,
        "batch_size": batch_size,
        "seed": seed,
        "jpeg_quality": jpeg_quality,
        "clipping": clipping,
        "metric": metric,
        "equalize": equalize,
    }


def _search(
    edge: str | None,
    cloud: str | None,
    link: str | None,
    memory: str | None,
    widths: str | None,
    methods: str | None,
    front: int | None,
) -> dict[str, Any]:
    return {
        "edge": edge,
        "cloud": cloud,
        "links": _words(link),
        "memory_bytes": None if memory is None else parse_bytes(memory),
        "widths": None if widths is None else parse_widths(widths),
        "methods": _words(methods),
        "front": front,
    }


def _limits(
    weight_bits: float | None,
    activation_bits: float | None,
    bops: float | None,
    latency_ms: float | None,
    distortion: float | None,
) -> dict[str, Any]:
    return {
        "max_weight_bits": weight_bits,
        "max_activation_bits": activation_bits,
        "max_bops": bops,
        "max_latency_s": None if latency_ms is None else latency_ms / 1e3,
        "max_distortion": distortion,
    }


def _quantize(
    plans: str | None,
    images: int | None,
    jobs: int | None,
    effort: str | None,
    max_drop: float | None,
) -> dict[str, Any]:
    return {
        "plans": plans,
        "images": images,
        "jobs": jobs,
        "effort": effort,
        "max_drop": max_drop,
    }


def _pins(pins: list[str] | None, file: Path | None) -> tuple[str, ...] | None:
    """Pins of a file, then those of the command line; None where there are neither."""
    if not pins and file is None:
        return None
    from autosplit.plan.pins import read_pins

    return (*(() if file is None else read_pins(file)), *(pins or ()))


def parse_bytes(text: str) -> int:
    """Bytes of a size such as 4MB, 512KiB or 100000; K, M, G are 1000s, Ki, Mi, Gi 1024s.

    Raises:
        PlanError: It is no size.

    >>> parse_bytes("512KiB"), parse_bytes("4 MB"), parse_bytes("1000")
    (524288, 4000000, 1000)
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:([KMG])(i?))?B?\s*", text, re.IGNORECASE)
    size = 0.0
    if match:
        power = " KMG".index((match[2] or " ").upper())
        size = float(match[1]) * (1024 if match[3] else 1000) ** power
    if size < 1:
        raise PlanError(f"memory: must be a size such as 4MB, 512KiB or 100000, got {text!r}")
    return int(size)


def parse_widths(text: str) -> tuple[int, ...]:
    """Widths of a list such as 2,4,8, ascending.

    Raises:
        PlanError: It is no list of whole numbers.

    >>> parse_widths("8,2,4")
    (2, 4, 8)
    """
    words = text.replace(" ", "").split(",")
    if not all(word.isdecimal() for word in words):
        raise PlanError(f"widths: must be whole numbers separated by commas, got {text!r}")
    return tuple(sorted({int(word) for word in words}))


def _words(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(word.strip() for word in text.split(",") if word.strip())


def _shorten(text: str) -> str:
    return textwrap.shorten(text, 90, placeholder=" ...")


def _one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())


def _say(text: str) -> None:
    print(text, file=sys.stderr)


@contextmanager
def _saying_warnings() -> Iterator[None]:
    """Say a warning of ours in one line; those of other packages are shown as ever."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", AutoSplitWarning)
        show: Callable[..., None] = warnings.showwarning

        def say(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, AutoSplitWarning):
                _say(f"autosplit: warning: {_one_line(str(message))}")
            else:
                show(message, category, *place, **more)

        warnings.showwarning = say
        yield


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        task = bars.add_task(what, total=total)
        yield lambda count: bars.advance(task, count)
