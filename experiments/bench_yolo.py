"""Print the speeds promised for detectors, each as a ratio of two times measured in the same run.

    python experiments/bench_yolo.py [--repeats 3] [--only search,decode,video,evaluate]
        [--out results/bench_yolo.csv]

The weights are random with a fixed seed.  Only the time of ``decode`` depends on the detected
boxes; ``decode`` uses the real weights if ``make yolo-weights`` has fetched them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from bench import LINKS, Setting, report
from torch import Tensor

from autosplit.capture.capture import capture
from autosplit.data.datasets import load_data
from autosplit.data.photo_file import read_photo
from autosplit.detect.detector import make_detector
from autosplit.detect.run import DetectRun
from autosplit.detect.sources import detect_sources
from autosplit.detect.video import VideoDrawing
from autosplit.distortion.measure import measure
from autosplit.evaluate.tasks.detection import LEAST_SCORE
from autosplit.files import write_csv
from autosplit.graph.graph import Graph
from autosplit.halves.deployed import deploy
from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link
from autosplit.models.load import load_model
from autosplit.models.networks.yolo_decode import SHOWN_CONFIDENCE, detect_objects
from autosplit.plan.grids import plan_grids
from autosplit.plan.planfile import PlanFile
from autosplit.search.methods import search
from autosplit.search.problem import Problem
from autosplit.stats.stats import Stats

WEIGHTS = Path(__file__).parent / "yolo" / "yolov3-tiny.weights"
HEADER = ("what", "seconds", "other_seconds", "ratio", "promised")
Ratio = tuple[str, float, float, str]
"""What is measured against what, the seconds of both, and the ratio that is promised."""
MEMORY = {"yolov3-tiny": 32 << 20, "yolov3": 512 << 20}
"""Memory limits of the original implementation for yolov3 at 608 pixels, bytes."""


def bench_search(setting: Setting) -> Iterator[Ratio]:
    """Capture and search yolov3 at 608 against ten float forward passes of it.

    The statistics that the search reads are measured beforehand on small images, because the time
    of the search does not depend on their values.
    """
    model = load_model("yolo:yolov3", input_size=608)
    stats = _small_stats("yolo:yolov3")

    def ours() -> None:
        graph = capture(model.module, (model.example_input,), model.name).graph
        search(_problem(graph, stats, MEMORY["yolov3"]), ("autosplit",))

    def plain() -> None:
        with torch.no_grad():
            for _ in range(10):
                model.module(model.example_input)

    ratio = setting.race(ours, plain)
    yield "capture and search / ten forward passes, yolov3 at 608", *ratio, "at most 2"


def bench_decode(setting: Setting) -> Iterator[Ratio]:
    """Decode and suppress boxes, against the float forward pass, at 416 pixels, photo by photo.

    This is timed at the least score that is drawn, and at the least score that average precision
    uses.
    """
    real = str(WEIGHTS) if WEIGHTS.is_file() else None
    print(f"decode: {WEIGHTS.name if real else 'random weights, make yolo-weights has real ones'}")
    model = load_model("yolo:yolov3-tiny", weights=real)
    photos = [images for images, _ in load_data("demo", model.preprocess).evaluation.batches(1)]
    with torch.no_grad():
        outputs = [model.module(photo) for photo in photos]

        def plain() -> None:
            for photo in photos:
                model.module(photo)

        for confidence in (SHOWN_CONFIDENCE, LEAST_SCORE):

            def boxes(confidence: float = confidence) -> None:
                for output in outputs:
                    detect_objects(output, model.heads, (416, 416), confidence)

            ratio = setting.race(boxes, plain)
            what = f"boxes above {confidence} / forward pass, yolov3-tiny at 416"
            yield what, *ratio, "at most 0.1"


def bench_video(setting: Setting) -> Iterator[Ratio]:
    """Detect on a video, against the same frames as pictures (JPEG): reading, boxes, drawing."""
    model = load_model("yolo:yolov3-tiny", weights=str(WEIGHTS) if WEIGHTS.is_file() else None)
    detector = make_detector(model)
    with tempfile.TemporaryDirectory() as folder:
        clip, frames = Path(folder) / "clip.mp4", Path(folder) / "frames"
        frames.mkdir()
        drawing = VideoDrawing(clip, 10)
        data = Path(importlib.import_module("foolbox").__file__ or "").parent / "data"
        paths = sorted(data.glob("imagenet_*.jpg"))  # the photos of --data demo
        photos = [read_photo(path).convert("RGB").resize((640, 480)) for path in paths]
        for number, photo in enumerate(photos):
            drawing.add(photo)
            photo.save(frames / f"{number:03}.jpg", quality=95)
        drawing.close()

        def detect(source: Path) -> None:
            run = DetectRun(detector, Path(folder) / "out")
            for _ in run.run(detect_sources(str(source))):
                pass
            assert len(run.seconds["float"]) == len(photos)

        ratio = setting.race(lambda: detect(clip), lambda: detect(frames))
    what = f"a video of {len(photos)} frames / the same as pictures"
    yield what, *ratio, "at most 1.11"


def bench_evaluate(setting: Setting) -> Iterator[Ratio]:
    """Run both halves of a plan, packing and boxes, against the float network and boxes, at 416."""
    model = load_model("yolo:yolov3-tiny", weights=str(WEIGHTS) if WEIGHTS.is_file() else None)
    program = capture(model.module, (model.example_input,), model.name)
    images = next(load_data("demo", model.preprocess).evaluation.batches(8))[0]
    stats = measure(program, lambda: iter([images]))
    problem = _problem(program.graph, stats, MEMORY["yolov3-tiny"])
    plans = search(problem, ("autosplit", "uniform8"))
    halfway = len(program.graph.layers) // 2
    split = min(plans, key=lambda plan: (abs(len(plan.edge) - halfway), plan.name))

    def plain() -> None:
        with torch.no_grad():
            detect_objects(model.module(images), model.heads, (416, 416))

    for plan in (split, next(plan for plan in plans if plan.method == "uniform8")):
        file = PlanFile(plan, *plan_grids(plan, stats), model.name, "")

        def run(file: PlanFile = file) -> None:
            detect_objects(deploy(program, file)(images)[0], model.heads, (416, 416))

        what = f"evaluate {plan.name} ({len(plan.edge)} edge layers) / float network, yolov3-tiny"
        yield what, *setting.race(run, plain), "at most 1.5"


def _problem(graph: Graph, stats: Stats, memory_bytes: int) -> Problem:
    links = {name: load_link(name) for name in LINKS}
    devices = load_device("eyeriss"), load_device("tpu_v1")
    return Problem(graph, stats.distortions, *devices, links, memory_bytes)


def _small_stats(spec: str) -> Stats:
    """Statistics on one small random image."""
    model = load_model(spec, input_size=96)
    program = capture(model.module, (model.example_input,), model.name)
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))

    def batches() -> Iterator[Tensor]:
        return iter([image])

    return measure(program, batches)


BENCHES = {
    "search": bench_search,
    "decode": bench_decode,
    "video": bench_video,
    "evaluate": bench_evaluate,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3, help="turns per ratio (default: 3)")
    parser.add_argument(
        "--only",
        default=",".join(BENCHES),
        help=f"ratios to print, separated by commas (default: all: {', '.join(BENCHES)})",
    )
    parser.add_argument("--out", type=Path, help="table of the ratios (default: none is written)")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.only.split(","):
        if name not in BENCHES:
            sys.exit(f"--only: must be among {', '.join(BENCHES)}, got {name!r}")
        for line in BENCHES[name](Setting(0, arguments.repeats)):
            report(*line)
            what, ours, theirs, promised = line
            numbers = (f"{one:.4g}" for one in (ours, theirs, ours / theirs))
            rows.append(dict(zip(HEADER, (what, *numbers, promised), strict=True)))
    if arguments.out is not None:
        write_csv(arguments.out, HEADER, rows)


if __name__ == "__main__":
    main()
