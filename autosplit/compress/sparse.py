"""Sparse training: scales of batch norms pulled towards zero, so that a pruning finds some to take.

The gradient of each scale g gets s sign(g), which is that of the penalty s |g| (Network Slimming,
Liu et al. 2017, eq. 1).  Which scales are pulled is what the pruning that follows reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.live import LiveNetwork
from autosplit.compress.named_prunings import NAMED, threshold_order
from autosplit.compress.residual_blocks import residual_blocks
from autosplit.compress.scores.scores import Scored
from autosplit.compress.scores.slimming import norm_scales
from autosplit.errors import OptionError


@dataclass(frozen=True)
class SparsePull:
    """What is pulled, and how much.

    Attributes:
        live: The network that is trained.
        places: Target of scales -> places of those that are pulled.
        strength: The factor s.
    """

    live: LiveNetwork
    places: Mapping[str, Tensor]
    strength: float

    def __call__(self) -> None:
        """Add to the gradients of the scales."""
        for target, places in self.places.items():
            scale = self.live.value(target)
            if scale.grad is not None:
                scale.grad[places] += self.strength * scale.detach()[places].sign()


def sparse_pull(live: LiveNetwork, pruning: str, strength: float) -> Callable[[], None]:
    """Pull the scales that a pruning by name reads.

    Args:
        live: The network.
        pruning: A name of ``NAMED``.
        strength: The factor s; 0: nothing is pulled.

    Raises:
        OptionError: The network has no scale that the pruning reads.
    """
    if not strength:
        return lambda: None
    if not NAMED[pruning].channels:
        blocks = residual_blocks(live)
        found = {b.scales: torch.arange(len(live.value(b.scales))) for b in blocks if b.scales}
        if not found:
            raise OptionError(
                f"--sparse-on {pruning}: needs residual blocks with batch norms, {live.name} has "
                "none; pull the scales of another pruning, such as slim"
            )
        return SparsePull(live, found, strength)
    channels = channel_groups(live)
    try:
        scores = norm_scales(Scored(live, channels))
    except OptionError as error:
        raise OptionError(
            f"--sparse: needs batch norms with scales, {live.name} has none"
        ) from error
    order = threshold_order(live, channels, pruning, scores)
    places = {}
    for slot, _ in order.scores:
        whole = next(s for s in channels.slots if (s.target, s.node) == (slot.target, slot.node))
        kept = torch.isin(torch.from_numpy(whole.label), torch.from_numpy(slot.label))
        places[slot.target] = kept.nonzero().flatten()
    return SparsePull(live, places, strength)
