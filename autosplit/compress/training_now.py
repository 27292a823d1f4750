"""Where a training is between two epochs: saved to a checkpoint, and restored from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.compress.checkpoint_files import TrainingState


@dataclass
class TrainingNow:
    """Where a training is."""

    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    rows: list[dict[str, float]]
    epoch: int = 0
    best_epoch: int = 0


def move_average(average: dict[str, Tensor], module: fx.GraphModule, decay: float) -> None:
    """Move averages of a network's tensors towards them."""
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            average[name] = average[name].lerp(value.detach(), 1 - decay)
        else:
            average[name] = value.detach().clone()


def copied_state(module: fx.GraphModule) -> dict[str, Tensor]:
    """Copies of a network's tensors."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def load_state(module: fx.GraphModule, values: Mapping[str, Tensor]) -> None:
    """Give a network its tensors."""
    module.load_state_dict(dict(values))


def saved_training(
    module: fx.GraphModule, state: TrainingNow, made_of: Mapping[str, Any]
) -> TrainingState:
    """All that a training needs to go on."""
    parts = {"now": copied_state(module), "average": state.average, "best": state.best}
    tensors = {f"{part}.{name}": v for part, values in parts.items() for name, v in values.items()}
    for place, values in state.optimizer.state_dict()["state"].items():
        kept = {key: v for key, v in values.items() if isinstance(v, Tensor)}
        tensors |= {f"optimizer.{place}.{key}": value for key, value in kept.items()}
    tensors["random"] = torch.random.get_rng_state()
    rows = [{k: v for k, v in row.items() if k != "images_per_s"} for row in state.rows]
    numbers = {"rows": [_json(row) for row in rows], "best_epoch": state.best_epoch}
    return TrainingState(state.epoch, made_of, tensors, numbers)


def restore_training(module: fx.GraphModule, state: TrainingNow, saved: TrainingState) -> None:
    """Set everything to what a checkpoint says."""

    def part(name: str) -> dict[str, Tensor]:
        head = f"{name}."
        found = {key: value for key, value in saved.tensors.items() if key.startswith(head)}
        return {key.removeprefix(head): value for key, value in found.items()}

    load_state(module, part("now"))
    state.average, state.best = part("average"), part("best")
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in part("optimizer").items():
        place, _, name = key.partition(".")
        states.setdefault(int(place), {})[name] = value
    known = state.optimizer.state_dict()
    state.optimizer.load_state_dict({**known, "state": states})
    torch.random.set_rng_state(saved.tensors["random"])
    state.rows = [{**row, "held_out": float(row["held_out"])} for row in saved.numbers["rows"]]
    state.epoch, state.best_epoch = saved.epoch, saved.numbers["best_epoch"]


def _json(row: Mapping[str, float]) -> dict[str, Any]:
    """Numbers as JSON holds them: an infinity as text."""
    return {key: value if abs(value) < float("inf") else str(value) for key, value in row.items()}
