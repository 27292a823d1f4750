"""Draw a short video with a plan of the bundled detector: ``docs/images/detection.gif``.

    autosplit stats --model scenes-yolo --data scenes --calibration-images 16 --run results/clip
    autosplit search --memory 500KB --link 1mbps --methods autosplit2021 --run results/clip
    autosplit latency --run results/clip
    python experiments/detect_clip.py --run results/clip --plan autosplit2021-cut003-03

The video slides over bundled scenes that stand side by side; ``autosplit detect`` draws it with
the picked plan of the run folder, or with ``--plan``.  The drawn video is then made smaller.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageSequence

from autosplit.cli.app import main as autosplit
from autosplit.data.bundled import SCENES

NUMBERS = (64, 65, 66)
"""Validation scenes of the video."""
STEP, SHOWN_MS = 128, 900
"""Pixels between two frames, and how long each is shown."""


def clip() -> list[Image.Image]:
    """The frames: a window of one scene that slides over all."""
    scenes = [Image.open(SCENES / "val" / f"{number:06}.jpg").convert("RGB") for number in NUMBERS]
    width, height = scenes[0].size
    strip = Image.new("RGB", (width * len(scenes), height))
    for place, scene in enumerate(scenes):
        strip.paste(scene, (place * width, 0))
    lefts = range(0, strip.width - width + 1, STEP)
    return [strip.crop((left, 0, left + width, height)) for left in lefts]


def save_gif(frames: list[Image.Image], path: Path, colours: int = 128) -> None:
    """Write frames as a GIF that repeats."""
    small = [frame.convert("RGB").quantize(colours, Image.Quantize.MAXCOVERAGE) for frame in frames]
    small[0].save(
        path, save_all=True, append_images=small[1:], duration=SHOWN_MS, loop=0, optimize=True
    )


def main() -> None:
    root = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", default="results/scenes_yolo", help="run folder of scenes-yolo")
    parser.add_argument("--plan", help="its plan (default: the pick)")
    parser.add_argument("--out", type=Path, default=root / "docs" / "images" / "detection.gif")
    parser.add_argument("--width", type=int, default=760, help="pixels of the drawn frames")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, drawn = Path(folder) / "scenes.gif", Path(folder) / "drawn"
        save_gif(clip(), source, 256)
        words = ["detect", "--run", arguments.run, "--source", str(source), "--out", str(drawn)]
        status = autosplit(words + (["--plan", arguments.plan] if arguments.plan else []))
        if status:
            sys.exit(status)
        with Image.open(drawn / "scenes.gif") as found:
            height = round(arguments.width * found.height / found.width)
            frames = [
                frame.convert("RGB").resize((arguments.width, height), Image.Resampling.LANCZOS)
                for frame in ImageSequence.Iterator(found)
            ]
    save_gif(frames, arguments.out)
    print(f"figure: {arguments.out}, {len(frames)} frames, {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
