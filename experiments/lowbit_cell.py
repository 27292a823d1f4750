"""Measure one cell of the table of accuracy against bits.

``lowbit.py`` starts one process for each cell, with its description in JSON.

python experiments/lowbit_cell.py CELL   (a JSON object)
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lowbit_tools import TOOLS, Logits, ToolJob, WidthError
from peak import peak_bytes
from PIL import Image
from torch import Tensor

from autosplit.data.datasets import load_data
from autosplit.data.photo_file import read_photo
from autosplit.data.photos import Photos
from autosplit.data.preprocess import Preprocess
from autosplit.models.load import Model, load_model

Batches = list[tuple[Tensor, Tensor | None]]


def crops(photos: Photos, preprocess: Preprocess, count: int, size: int) -> Iterator[Tensor]:
    """Yield batches of seeded square crops; a side is 40 to 100 % of the photo's shorter side."""
    random = np.random.default_rng(0)
    found = []
    pictures = [read_photo(path).convert("RGB") for path, _ in photos.files]
    for i in range(count):
        picture = pictures[i % len(pictures)]
        side = int(random.uniform(0.4, 1.0) * min(picture.size))
        left, top = (int(random.integers(length - side + 1)) for length in picture.size)
        cut = picture.crop((left, top, left + side, top + side))
        if random.random() < 0.5:
            cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        found.append(preprocess(cut))
    return iter(torch.stack(found).split(size))


def test_batches(network: dict[str, Any], model: Model) -> Batches:
    """Yield the labelled images, then the crops, which have no labels, if the network has any."""
    data = load_data(network["test"], model.preprocess).evaluation
    batches: Batches = list(data.batches(network["batch"]))  # type: ignore[arg-type]
    if "crops" in network:
        assert isinstance(data.source, Photos)
        cut = crops(data.source, model.preprocess, network["crops"], network["batch"])
        batches += [(images, None) for images in cut]
    return batches


def run(logits: Logits, batches: Batches) -> Tensor:
    """Class scores of all images, shape (images, classes)."""
    with torch.no_grad():
        return torch.cat([logits(images) for images, _ in batches])


def float_scores(path: Path, model: Model, batches: Batches) -> Tensor:
    """Class scores of the float network, computed once."""
    if not path.exists():
        found = run(model.module, batches).numpy()
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, found)
    return torch.from_numpy(np.load(path))


def measures(exact: Tensor, rough: Tensor, batches: Batches) -> dict[str, float]:
    """Compute top-1 and its drop in points; agreement and divergence, on crops if there are any.

    The divergence is the mean KL divergence of the quantized network's classes from the float
    network's, in nats.
    """
    labels = torch.cat([labels for _, labels in batches if labels is not None])
    seen = len(labels)
    top1 = [float((x[:seen].argmax(1) == labels).double().mean()) for x in (exact, rough)]
    compared = slice(seen, None) if len(exact) > seen else slice(0, None)
    x, y = exact[compared].double(), rough[compared].double()
    kl = torch.nn.functional.kl_div(
        y.log_softmax(1), x.log_softmax(1), log_target=True, reduction="batchmean"
    )
    return {
        "images": len(x),
        "top1": top1[1],
        "drop": 100 * (top1[0] - top1[1]),
        "agreement": float((x.argmax(1) == y.argmax(1)).double().mean()),
        "kl": float(kl),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cell", type=json.loads, metavar="CELL", help="what to measure, JSON")
    cell = parser.parse_args().cell
    torch.set_num_threads(1)
    network = cell["network"]
    model = load_model(network["model"])
    given = load_data(network["calibration"], model.preprocess).calibration
    calibration = [images for images, _ in given.batches(64)]
    job = ToolJob(
        model.module,
        calibration[0][:1],
        calibration,
        cell["weight_bits"],
        cell["activation_bits"],
        cell.get("effort", ""),
    )
    try:
        made = TOOLS[cell["tool"]](job)
    except (WidthError, ImportError) as error:
        Path(cell["out"]).write_text(json.dumps({"left_out": str(error)}))
        return
    peak = peak_bytes()
    batches = test_batches(network, model)
    exact = float_scores(Path(cell["reference"]), load_model(network["model"]), batches)
    row = measures(exact, run(made.logits, batches), batches)
    row |= {"search_s": made.search_s, "total_s": made.total_s, "peak_bytes": peak}
    Path(cell["out"]).write_text(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
