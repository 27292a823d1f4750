"""Train FashionResNet on Fashion-MNIST and write the weights that autosplit ships.

The script trains on all 60,000 training images.  The written weights are the moving average after
the last step.  The 10,000 test images are used once, after the training, and influence no choice.

    apt install dataset-fashion-mnist
    python experiments/train_fashion.py
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from autosplit.data.idx import read_idx
from autosplit.files import write_bytes
from autosplit.models.networks.fashion_resnet import IMAGE_SIZE, MEAN, STD, fashion_resnet

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
BUNDLED = Path(__file__).parent.parent / "autosplit" / "bundled" / "fashion_resnet.safetensors"
BACKGROUND = -MEAN / STD
MAX_SHIFT = 2
CUTOUT = 8


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; ``rate`` is the highest learning rate, ``batch`` the images per step."""

    epochs: int
    batch: int
    rate: float
    seed: int


def read_split(folder: Path, split: str) -> tuple[Tensor, Tensor]:
    """Return the normalized images (N, 1, 28, 28) and the labels (N,) of 'train' or 't10k'."""
    pixels = read_idx(folder / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")
    images = torch.from_numpy(pixels.astype(np.float32) / 255)[:, None]
    return (images - MEAN) / STD, torch.from_numpy(labels.astype(np.int64))


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip, shift and cut a square out of each image independently; images (N, 1, H, W)."""
    count = len(images)
    place = torch.arange(IMAGE_SIZE)
    flip = torch.rand(count, 1, generator=generator) < 0.5
    shift = torch.randint(0, 2 * MAX_SHIFT + 1, (2, count, 1), generator=generator)
    rows = place + shift[0]
    columns = torch.where(flip, IMAGE_SIZE - 1 - place, place) + shift[1]
    padded = pad(images[:, 0], [MAX_SHIFT] * 4, value=BACKGROUND)
    moved = padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    centre = torch.randint(0, IMAGE_SIZE, (2, count, 1), generator=generator)
    inside = (place - centre + CUTOUT // 2).div(CUTOUT, rounding_mode="floor") == 0
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return moved.masked_fill(hole, 0.0)[:, None]


def average(shadow: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    """Move the shadow weights and batch statistics towards those of the network, in place."""
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            shadow[name].lerp_(value, 1 - decay)
        else:
            shadow[name].copy_(value)


def top1(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of images whose largest logit is at the label, in 0..1."""
    network.eval()
    with torch.inference_mode():
        found = [network(batch).argmax(1) for batch in torch.split(images, 500)]
    return (torch.cat(found) == labels).float().mean().item()


def train(network: nn.Module, images: Tensor, labels: Tensor, recipe: Recipe) -> dict[str, Tensor]:
    """Train with SGD, one cycle of the learning rate, and return the averaged state dict."""
    network.train().to(memory_format=torch.channels_last)
    steps = len(images) // recipe.batch
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    optimizer = torch.optim.SGD(
        [{"params": decayed, "weight_decay": 5e-4}, {"params": plain, "weight_decay": 0.0}],
        lr=recipe.rate,
        momentum=0.9,
        nesterov=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, steps * recipe.epochs, pct_start=0.2, cycle_momentum=False
    )
    shadow = {name: value.clone() for name, value in network.state_dict().items()}
    generator = torch.Generator().manual_seed(recipe.seed)
    done, start = 0, time.perf_counter()
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(images), generator=generator)[: steps * recipe.batch]
        total = 0.0
        for chosen in torch.split(order, recipe.batch):
            inputs = augment(images[chosen], generator)
            # bfloat16 halves the time where the processor multiplies it natively.
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(inputs.contiguous(memory_format=torch.channels_last))
            loss = cross_entropy(logits.float(), labels[chosen], label_smoothing=0.1)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            done += 1
            average(shadow, network, min(0.998, (1 + done) / (10 + done)))
            total += loss.item()
        seconds = time.perf_counter() - start
        typer.echo(f"epoch {epoch + 1}  loss {total / steps:.4f}  {seconds:.0f} s", err=True)
    return shadow


def main(
    data: Annotated[Path, typer.Option(help="Folder of the four IDX .gz files.")] = DEBIAN,
    out: Annotated[Path, typer.Option(help="The safetensors file to write.")] = BUNDLED,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the images.")] = 16,
    batch: Annotated[int, typer.Option(min=1, help="Images per step.")] = 256,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Train FashionResNet, print its top-1 on the test images and write the weights."""
    # One thread: its sums always run in the same order, and it shares a machine well.
    torch.set_num_threads(1)
    recipe = Recipe(epochs, batch, rate, seed)
    torch.manual_seed(seed)
    network = fashion_resnet()
    network.load_state_dict(train(network, *read_split(data, "train"), recipe))
    accuracy = top1(network, *read_split(data, "t10k"))
    arguments = " ".join(f"--{name} {value}" for name, value in asdict(recipe).items())
    record = asdict(recipe) | {
        "command": f"python experiments/train_fashion.py {arguments}",
        "top1": round(accuracy, 4),
    }
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    # One key, because safetensors writes several in an order that changes from run to run.
    write_bytes(out, save(weights, {"training": json.dumps(record, sort_keys=True)}))
    typer.echo(f"top-1 on the 10,000 test images: {100 * accuracy:.2f} %")


if __name__ == "__main__":
    typer.run(main)
