"""Options of the commands for detectors: ``autosplit detect`` and ``autosplit anchors``."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.declared.choices import PREPROCESS_NAMES
from autosplit.runs.declared.shared import run_folder_option, source_option
from autosplit.runs.option import option


@dataclass(frozen=True, slots=True)
class DetectOptions:
    """What ``autosplit detect`` draws."""

    source: str | None = source_option(
        "Picture, video, folder of both, pattern such as 'photos/*.jpg', list of files FILE.txt, "
        "number of a camera, or address of a stream."
    )
    out: str | None = option(
        None,
        kinds.text("FOLDER"),
        "output",
        "Folder for the drawings, detections.csv and times.csv.",
        required=True,
    )
    run: str | None = run_folder_option("no run folder; the network is that of --model")
    plan: str | None = option(
        None,
        kinds.text("NAME|FILE.yaml"),
        "network",
        "Plan to compare with the float network: a file, or a name in the run folder.",
        none="the pick of the run folder",
    )
    score: float = option(
        0.25, kinds.number("SCORE", 0, 1), "evaluation", "Least score of a box that is drawn."
    )
    iou: float = option(
        0.45,
        kinds.number("OVERLAP", 0, 1),
        "evaluation",
        "Overlap (IoU) from which non-maximum suppression drops the weaker of two boxes.",
    )
    frames: int | None = option(
        None, kinds.count(1), "data", "Largest number of frames of a video.", none="all frames"
    )


@dataclass(frozen=True, slots=True)
class AnchorsOptions:
    """What ``autosplit anchors`` clusters."""

    data: str | None = option(
        None,
        kinds.text("DATA"),
        "data",
        "Pictures with boxes: coco:DIR, coco:FILE or scenes. The boxes of the training pictures "
        "are taken; if there are none, those of the validation pictures.",
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
