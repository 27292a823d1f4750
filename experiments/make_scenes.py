"""Make a detection data set in COCO's layout: scenes of Fashion-MNIST garments on textures.

A scene has 256x256 pixels and two to six garments of the ten classes.  The garments differ in size
and colour, some are mirrored, and they overlap a little.  Training scenes are made of the 60,000
training garments, validation scenes of the 10,000 test garments.  Scene k of a split depends only
on the seed, the split and k.

    apt install dataset-fashion-mnist
    python experiments/make_scenes.py --out scenes
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_fill_holes

from autosplit.data.idx import read_idx
from autosplit.files import write_bytes
from autosplit.models.networks.fashion_resnet import GARMENTS

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
SIDE = 256
"""Height and width of a scene, pixels."""
LEAST, MOST = 2, 6
"""Least and greatest number of garments of a scene."""
SMALLEST, LARGEST = 32, 152
"""Side of the square that a garment's 28x28 pixels are scaled to, pixels."""
COVERED = 0.2
"""Share of the smaller of two boxes that the other box may cover."""
DARK = 20
"""Pixels of a garment below this value (of 255) are background, except inside the garment."""
SPLITS = {"train": "train", "val": "t10k"}
"""Split of the data set -> the Fashion-MNIST files that the split is made of."""
QUALITY = 90
"""Quality of the JPEG files."""


@dataclass(frozen=True, slots=True, eq=False)
class Garments:
    """Fashion-MNIST: pixels (N, 28, 28), 0..255, and labels (N,), 0..9."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A scene: pixels (256, 256, 3), boxes (n, 4) as left, top, width, height in pixels, labels."""

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.int64]
    labels: NDArray[np.int64]


def read_garments(folder: Path, split: str) -> Garments:
    """Return the garments of 'train' or 'val'."""
    name = SPLITS[split]
    return Garments(
        read_idx(folder / f"{name}-images-idx3-ubyte.gz"),
        read_idx(folder / f"{name}-labels-idx1-ubyte.gz"),
    )


def scene_rng(seed: int, split: str, number: int) -> np.random.Generator:
    """Return the random generator of one scene."""
    return np.random.default_rng([seed, list(SPLITS).index(split), number])


def make_scene(
    garments: Garments, rng: np.random.Generator, canvas: NDArray[np.float32] | None = None
) -> Scene:
    """Return one scene; at least one garment always finds a place.

    Args:
        garments: Garments to choose from.
        rng: Random generator of the scene.
        canvas: Background (256, 256, 3), 0..1, to paint on; None makes a new texture.
    """
    canvas = texture(rng) if canvas is None else canvas
    boxes: list[tuple[int, int, int, int]] = []
    labels: list[int] = []
    for _ in range(rng.integers(LEAST, MOST + 1)):
        chosen = int(rng.integers(len(garments.labels)))
        side = round(SMALLEST * (LARGEST / SMALLEST) ** rng.random())
        colour, cover = cut_out(garments.pixels[chosen], side, rng)
        height, width = cover.shape
        for _ in range(10):
            left, top = rng.integers(SIDE - width + 1), rng.integers(SIDE - height + 1)
            box = int(left), int(top), width, height
            if all(_covered(box, other) <= COVERED for other in boxes):
                place = canvas[top : top + height, left : left + width]
                place += cover[:, :, None] * (colour - place)
                boxes.append(box)
                labels.append(int(garments.labels[chosen]))
                break
    pixels = np.clip(255 * canvas + 0.5, 0, 255).astype(np.uint8)
    return Scene(pixels, np.array(boxes), np.array(labels))


def texture(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a background (256, 256, 3), 0..1: a colour, noise of three scales, perhaps stripes."""
    canvas = np.broadcast_to(rng.uniform(0.15, 0.85, 3), (SIDE, SIDE, 3)).astype(np.float32)
    for cells, strength in ((4, 0.2), (16, 0.12), (64, 0.07)):
        grid = rng.uniform(-1, 1, (cells, cells, 3)) * strength * rng.random()
        grey = grid.mean(2, keepdims=True)
        grid = grey + (grid - grey) * rng.random()
        canvas += _resize((grid + 1) / 2, SIDE, SIDE) * 2 - 1
    if rng.random() < 0.4:
        angle, period = rng.uniform(0, np.pi), rng.uniform(8, 64)
        place = np.arange(SIDE, dtype=np.float32)
        phase = np.cos(angle) * place[:, None] + np.sin(angle) * place + rng.uniform(0, period)
        waves = np.sin(2 * np.pi / period * phase)
        if rng.random() < 0.5:
            waves = np.clip(4 * waves, -1, 1)
        canvas += rng.uniform(0.02, 0.1) * waves[:, :, None]
    return np.clip(canvas, 0, 1)


def cut_out(
    pixels: NDArray[np.uint8], side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scale, colour and perhaps mirror a garment, and cut it to its bounds.

    Args:
        pixels: A garment (28, 28), 0..255.
        side: Length that 28 pixels are scaled to, pixels.
        rng: Random generator of colour and mirroring.

    Returns:
        Its colours (h, w, 3) and how much it covers (h, w), both 0..1; every border row and column
        has a pixel that is covered at least half.
    """
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    solid = binary_fill_holes(pixels >= DARK)
    cover = _resize(solid.astype(np.float32)[:, :, None], side, side)[:, :, 0]
    grey = _resize(pixels.astype(np.float32)[:, :, None] / 255, side, side)
    rows, columns = np.flatnonzero((cover >= 0.5).any(1)), np.flatnonzero((cover >= 0.5).any(0))
    inside = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    tint = rng.uniform(0.4, 1, 3)
    return 0.1 + (tint / tint.max() - 0.1) * grey[inside], np.clip(2 * cover[inside] - 0.5, 0, 1)


def _resize(values: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Resize (h, w, c) smoothly."""
    channels = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(values[:, :, c], np.float32)).resize(
                (width, height), Image.Resampling.BICUBIC
            )
        )
        for c in range(values.shape[2])
    ]
    return np.stack(channels, 2)


def _covered(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Return the share of the smaller of two boxes that the other box covers."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0, across) * max(0, down) / min(one[2] * one[3], other[2] * other[3])


def scenes(folder: Path, split: str, count: int, seed: int) -> Iterator[Scene]:
    """Yield the first scenes of a split."""
    garments = read_garments(folder, split)
    for number in range(count):
        yield make_scene(garments, scene_rng(seed, split, number))


def write_split(out: Path, split: str, found: Iterator[Scene], seed: int) -> int:
    """Write images and annotations of a split in COCO's layout; return the bytes of the images.

    The ``area`` of a garment is the area of its box, because the garments have no outlines.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    total = 0
    for number, scene in enumerate(found, 1):
        name = f"{number:06d}.jpg"
        stream = io.BytesIO()
        Image.fromarray(scene.pixels).save(stream, "JPEG", quality=QUALITY, optimize=True)
        (out / split).mkdir(parents=True, exist_ok=True)
        write_bytes(out / split / name, stream.getvalue())
        total += len(stream.getvalue())
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
        annotations += [
            {
                "id": len(annotations) + place,
                "image_id": number,
                "category_id": int(label) + 1,
                "bbox": box.tolist(),
                "area": int(box[2] * box[3]),
                "iscrowd": 0,
            }
            for place, (box, label) in enumerate(zip(scene.boxes, scene.labels, strict=True), 1)
        ]
    document = {
        "info": {"description": f"Scenes of Fashion-MNIST garments, {split}, seed {seed}"},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": place, "name": name} for place, name in enumerate(GARMENTS, 1)],
    }
    (out / "annotations").mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, separators=(",", ":")).replace('},{"', '},\n{"')
    write_bytes(out / "annotations" / f"instances_{split}.json", text.encode())
    return total


def main(
    out: Annotated[Path, typer.Option(help="Folder to write the data set to.")],
    data: Annotated[Path, typer.Option(help="Folder of the four IDX .gz files.")] = DEBIAN,
    train: Annotated[int, typer.Option(min=1, help="Number of training scenes.")] = 4000,
    val: Annotated[int, typer.Option(min=1, help="Number of validation scenes.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of every scene.")] = 0,
) -> None:
    """Write scenes of Fashion-MNIST garments, with their boxes, in COCO's layout."""
    for split, count in (("train", train), ("val", val)):
        total = write_split(out, split, scenes(data, split, count, seed), seed)
        typer.echo(f"{split}: {count} scenes, {total:,} bytes of images")


if __name__ == "__main__":
    typer.run(main)
