"""Train the detector of garments and write the weights that autosplit ships.

The training scenes are made during the training, each used once, of the 60,000 training garments.
The 500 validation scenes of ``make_scenes.py`` are used once, after the training, and influence no
choice.  The written weights are the moving average after the last step.

    apt install dataset-fashion-mnist
    python experiments/train_scenes.py train
    python experiments/train_scenes.py anchors

The loss is the usual loss of YOLO heads since 2020: complete IoU for boxes (Zheng et al. 2020), and
binary cross-entropy for classes and for objectness, whose target is the IoU.  Each garment trains
the anchors of similar shape in its own cell and in the two nearest cells (Jocher's YOLOv5); the
head can reach these cells because of ``scale_x_y=2``.

Two steps make the network easier to quantize.  A term of the loss keeps the outputs of the heads
within a range, because one scale covers a whole tensor and the size of a box is e to the power of
an output; without this term the range grows to 27 within 1,000 steps, and 8 bits then cost 1.7
points of AP.  After the training, the channels that the heads read are scaled to similar ranges.

The file is long because a published set of weights has one script that makes it, with nothing left
out.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from make_scenes import DEBIAN, SIDE, Garments, Scene, make_scene, read_garments, scenes, texture
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torchvision.ops import complete_box_iou_loss
from train_fashion import average

from autosplit.files import write_bytes
from autosplit.models.networks.darknet import Darknet, load_darknet
from autosplit.models.networks.yolo_decode import YoloHead

BUNDLED = Path(__file__).parent.parent / "autosplit" / "bundled" / "scenes"
STRETCH = 3.0
"""A garment trains an anchor if their widths and heights differ at most by this factor."""
BOX, OBJECTNESS, CLASS, RANGE = 3.0, 1.0, 1.0, 0.1
"""Weights of the parts of the loss."""
LOW, HIGH = -4.5, 3.0
"""Range in which the heads' outputs should stay, so that few bits give precise boxes."""
BACKGROUNDS = 400
"""Number of textures that the training scenes share, mirrored at random."""
EQUALIZED = 256
"""Number of training scenes on which the ranges of channels are measured, after training."""
CHECKPOINT = 500
"""Training steps between two checkpoints."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; ``rate`` is the highest learning rate, ``batch`` the scenes per step."""

    steps: int
    batch: int
    rate: float
    decay: float
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The anchors of one head that garments train.

    Attributes:
        place: Image, anchor, row and column of each, (4, n).
        cell: Left and top of the cell in cells, (n, 2).
        boxes: Centre and size of the garment in pixels, (n, 4).
        labels: Class of the garment, (n,).
    """

    place: Tensor
    cell: Tensor
    boxes: Tensor
    labels: Tensor


def training_scenes(garments: Garments, seed: int) -> Iterator[Scene]:
    """Yield training scenes without end."""
    rng = np.random.default_rng([seed, 2])
    backgrounds = [texture(rng).astype(np.float16) for _ in range(BACKGROUNDS)]
    while True:
        canvas = backgrounds[int(rng.integers(BACKGROUNDS))].astype(np.float32)
        flips = tuple(axis for axis in (0, 1) if rng.random() < 0.5)
        yield make_scene(garments, rng, np.flip(canvas, flips))


def batches(found: Iterator[Scene], size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images (N, 3, 256, 256), 0..1, with brightness and contrast changed a little.

    The second part is one row for each garment: image, class, centre and size in pixels, (n, 6).
    """
    rng = np.random.default_rng([seed, 3])
    while True:
        chosen = [next(found) for _ in range(size)]
        pixels = np.stack([scene.pixels for scene in chosen]).astype(np.float32) / 255
        gain, lift = rng.uniform(0.75, 1.25, size), rng.uniform(-0.1, 0.1, size)
        pixels = (pixels - 0.5) * gain[:, None, None, None] + 0.5 + lift[:, None, None, None]
        images = torch.from_numpy(np.clip(pixels, 0, 1).astype(np.float32)).permute(0, 3, 1, 2)
        yield images, torch.from_numpy(np.concatenate(list(map(_rows, range(size), chosen))))


def _rows(image: int, scene: Scene) -> NDArray[np.float32]:
    """Rows of ``batches`` for one scene."""
    boxes = scene.boxes.astype(np.float32)
    centre = boxes[:, :2] + boxes[:, 2:] / 2
    first = np.stack([np.full(len(boxes), image), scene.labels], 1)
    return np.concatenate([first, centre, boxes[:, 2:]], 1).astype(np.float32)


def match(garments: Tensor, head: YoloHead, rows: int, columns: int) -> Matches:
    """Find the anchors that garments train: of similar shape, in their cell and the nearest two."""
    anchors = torch.tensor(head.anchors)
    ratio = garments[:, None, 4:] / anchors
    alike = torch.maximum(ratio, 1 / ratio).amax(2) < STRETCH
    which, anchor = alike.nonzero(as_tuple=True)
    found = garments[which]
    centre = found[:, 2:4] * torch.tensor([columns / SIDE, rows / SIDE])
    inside = centre % 1
    step = torch.where(inside < 0.5, -1, 1)
    cells, kept = [], []
    for offset in (step * 0, step * torch.tensor([1, 0]), step * torch.tensor([0, 1])):
        cell = centre.long() + offset
        limits = torch.tensor([columns, rows])
        good = ((cell >= 0) & (cell < limits)).all(1)
        cells.append(cell[good])
        kept.append(good.nonzero()[:, 0])
    cell, keep = torch.cat(cells), torch.cat(kept)
    found, anchor = found[keep], anchor[keep]
    place = torch.stack([found[:, 0].long(), anchor, cell[:, 1], cell[:, 0]])
    return Matches(place, cell, found[:, 2:], found[:, 1].long())


def loss_of(outputs: Sequence[Tensor], heads: Sequence[YoloHead], garments: Tensor) -> Tensor:
    """Return the loss per trained anchor; outputs as the network gives them, garments (n, 6)."""
    total, count = torch.zeros(()), 0
    for output, head in zip(outputs, heads, strict=True):
        raw = output.float().unflatten(1, (len(head.anchors), -1)).movedim(2, -1)
        rows, columns = raw.shape[2:4]
        found = match(garments, head, rows, columns)
        chosen = raw[tuple(found.place)]
        target = torch.zeros_like(raw[..., 4])
        if len(chosen):
            boxes = _boxes(chosen, found, head, SIDE / columns)
            miss = complete_box_iou_loss(boxes, _corners(found.boxes))
            target[tuple(found.place)] = (1 - miss).detach().clamp(0, 1)
            classes = torch.nn.functional.one_hot(found.labels, head.classes).float()
            total = total + BOX * miss.sum()
            total = total + CLASS * cross_entropy(chosen[:, 5:], classes, reduction="sum")
        outside = (raw - HIGH).clamp(min=0) + (LOW - raw).clamp(min=0)
        total = total + RANGE * outside.square().sum()
        total = total + OBJECTNESS * cross_entropy(raw[..., 4], target, reduction="sum")
        count += len(chosen)
    return total / max(count, 1)


def _boxes(raw: Tensor, found: Matches, head: YoloHead, pixels: float) -> Tensor:
    """Decode the boxes of matched anchors as ``yolo_decode`` does: left, top, right, bottom."""
    stretch = head.scale_x_y
    centre = (raw[:, :2].sigmoid() * stretch - (stretch - 1) / 2 + found.cell) * pixels
    size = raw[:, 2:4].clamp(max=4).exp() * torch.tensor(head.anchors)[found.place[1]]
    return _corners(torch.cat([centre, size], 1))


def _corners(boxes: Tensor) -> Tensor:
    """Centre and size -> left, top, right, bottom."""
    return torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)


def start(network: Darknet) -> None:
    """Set the biases of the heads so that every anchor starts with an objectness of 0.01."""
    for head in network.heads:
        bias = getattr(network, str(head.layer - 1)).bias.detach().view(len(head.anchors), -1)
        bias.zero_()
        bias[:, 4:] = -float(np.log(99))
        bias[:, 5:] = -float(np.log(9))


def train(network: Darknet, garments: Garments, recipe: Recipe, out: Path) -> dict[str, Tensor]:
    """Train with AdamW, a cosine of the learning rate, and return the averaged state dict."""
    start(network)
    network.train().to(memory_format=torch.channels_last)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, recipe.steps, pct_start=0.05, cycle_momentum=False
    )
    shadow = {name: value.clone() for name, value in network.state_dict().items()}
    data = batches(training_scenes(garments, recipe.seed), recipe.batch, recipe.seed)
    begun, total = time.perf_counter(), 0.0
    for step in range(1, recipe.steps + 1):
        images, found = next(data)
        # bfloat16 halves the time where the processor multiplies it natively.
        with torch.autocast("cpu", torch.bfloat16):
            outputs = network(images.contiguous(memory_format=torch.channels_last))
        loss = loss_of(outputs, network.heads, found)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        average(shadow, network, min(0.999, (1 + step) / (10 + step)))
        total += loss.item()
        if step % 50 == 0:
            seconds = time.perf_counter() - begun
            typer.echo(f"step {step}  loss {total / 50:.4f}  {seconds:.0f} s", err=True)
            total = 0.0
        if step % CHECKPOINT == 0:
            write_bytes(out, save({k: v.contiguous() for k, v in shadow.items()}))
    return shadow


@torch.no_grad()
def equalize(network: Darknet, images: Tensor) -> None:
    """Scale the channels that each head reads so that their ranges are even, in place.

    What the network computes stays the same, for a leaky ReLU of a scaled number is scaled as
    much: the channel's batch norm is divided by its range, and its weights in the head are
    multiplied by it (cross-layer equalization, Nagel et al. 2019, all of it on the activations).
    One channel with a large range would otherwise make the steps of all others coarse.

    Args:
        network: In eval mode; the layer before each head's convolution has a batch norm and a
            leaky ReLU, and the head is its only reader.
        images: Images on which the ranges are measured, (N, 3, 256, 256).
    """
    for head in network.heads:
        before, last = (getattr(network, str(head.layer - back)) for back in (2, 1))
        peaks: list[Tensor] = []
        hook = before.register_forward_hook(
            lambda _module, _inputs, output, found=peaks: found.append(output.abs().amax((0, 2, 3)))
        )
        try:
            for batch in torch.split(images, 32):
                network(batch)
        finally:
            hook.remove()
        scale = torch.stack(peaks).amax(0)
        scale = (scale / scale.mean()).clamp_min(0.01)
        before.norm.weight /= scale
        before.norm.bias /= scale
        last.weight *= scale[:, None, None]


def kmeans(sizes: NDArray[np.float64], count: int, seed: int) -> NDArray[np.float64]:
    """Cluster ``sizes`` (n, 2) into ``count`` widths and heights by IoU; the best of 5 runs.

    Returns:
        The widths and heights, ordered by the longer one.
    """
    tries = [_kmeans(sizes, count, seed + place) for place in range(5)]
    centres = max(tries, key=lambda found: float(_iou(sizes, found).max(1).mean()))
    return centres[np.argsort(centres.max(1))]


def _kmeans(sizes: NDArray[np.float64], count: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    centres = sizes[rng.choice(len(sizes), count, replace=False)]
    for _ in range(200):
        nearest = _iou(sizes, centres).argmax(1)
        groups = [sizes[nearest == place] for place in range(count)]
        pairs = zip(groups, centres, strict=True)
        centres = np.array([np.median(group, 0) if len(group) else old for group, old in pairs])
    return centres


def _iou(sizes: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU of boxes about one centre, (n, 2) and (k, 2) -> (n, k)."""
    common: NDArray[np.float64] = np.minimum(sizes[:, None], centres).prod(2)
    union: NDArray[np.float64] = sizes.prod(1)[:, None] + centres.prod(1) - common
    return common / union


@app.command("anchors")
def anchors_command(
    data: Annotated[Path, typer.Option(help="Folder of the four IDX .gz files.")] = DEBIAN,
    count: Annotated[int, typer.Option(min=1, help="Number of anchors.")] = 6,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Print anchors for the cfg: k-means of the boxes of 1,500 training scenes."""
    boxes = np.concatenate([scene.boxes for scene in scenes(data, "train", 1500, seed)])
    centres = kmeans(boxes[:, 2:].astype(np.float64), count, seed)
    typer.echo(",  ".join(f"{width:.0f},{height:.0f}" for width, height in centres))


@app.command("train")
def train_command(
    data: Annotated[Path, typer.Option(help="Folder of the four IDX .gz files.")] = DEBIAN,
    cfg: Annotated[Path, typer.Option(help="The network's cfg file.")] = BUNDLED / "scenes.cfg",
    out: Annotated[Path, typer.Option(help="The safetensors file to write.")] = BUNDLED
    / "scenes.safetensors",
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 2200,
    batch: Annotated[int, typer.Option(min=1, help="Scenes per step.")] = 32,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    decay: Annotated[float, typer.Option(help="Weight decay.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Train the detector and write its weights."""
    # One thread: its sums always run in the same order, and it shares a machine well.
    torch.set_num_threads(1)
    recipe = Recipe(steps, batch, rate, decay, seed)
    torch.manual_seed(seed)
    network = load_darknet(cfg)
    network.load_state_dict(train(network, read_garments(data, "train"), recipe, out))
    pixels = np.stack([scene.pixels for scene in scenes(data, "train", EQUALIZED, seed)])
    equalize(network.eval(), torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
    arguments = " ".join(f"--{name} {value}" for name, value in asdict(recipe).items())
    record = asdict(recipe) | {"command": f"python experiments/train_scenes.py train {arguments}"}
    # One key, because safetensors writes several in an order that changes from run to run.
    kept = {name: value.contiguous() for name, value in network.state_dict().items()}
    write_bytes(out, save(kept, {"training": json.dumps(record, sort_keys=True)}))
    typer.echo(f"{sum(value.numel() for value in network.parameters()):,} weights in {out}")


if __name__ == "__main__":
    app()
