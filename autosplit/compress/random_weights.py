"""Random weights for a network that is trained from scratch, as the layers of PyTorch draw them.

Weights and biases of convolutions and linear layers are uniform within 1 / sqrt(n), n the
number of elements that are summed (LeCun et al. 1998, section 4.6, with PyTorch's factor).  Scales
of norms are 1 and their shifts 0; embeddings are normal.
"""

from __future__ import annotations

import torch
from torch import Tensor, fx

from autosplit.capture.operators import arguments, operator_name
from autosplit.compress.live import LiveNetwork
from autosplit.errors import OptionError


def restart(live: LiveNetwork, seed: int) -> None:
    """Draw all parameters of a network anew, in place, and forget statistics of batch norms.

    Raises:
        OptionError: Nothing says how a parameter is drawn.
    """
    random = torch.Generator().manual_seed(seed)
    values, done = live.tensors, set[str]()
    learned = {name for name, value in values.items() if isinstance(value, torch.nn.Parameter)}
    with torch.no_grad():
        for node in live.calls:
            given = {k: v for k, v in arguments(node).items() if isinstance(v, fx.Node)}
            own = {key: str(n.target) for key, n in given.items() if n.op == "get_attr"}
            for key, target in own.items():
                if target not in done and _draw(operator_name(node), key, own, values, random):
                    done.add(target)
    left = sorted(learned - done)
    if left:
        raise OptionError(
            f"--from-scratch: knows no random values for {left[0]} ({len(left)} such parameters); "
            "train from the weights that the network has"
        )


def _draw(
    name: str, key: str, own: dict[str, str], values: dict[str, Tensor], random: torch.Generator
) -> bool:
    """Draw one argument of an operator; False if it is not known how."""
    value = values[own[key]]
    if "norm" in name:
        fixed = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
        if key in fixed:
            value.fill_(fixed[key])
        return key in fixed
    if name == "embedding" and key == "weight":
        value.normal_(generator=random)
        return True
    if key not in ("weight", "bias") or ("conv" not in name and name != "linear"):
        return False
    weight = values[own["weight"]]
    summed = weight.shape[0] if "transpose" in name else weight.shape[1]
    bound = (summed * weight[0, 0].numel()) ** -0.5
    value.uniform_(-bound, bound, generator=random)
    return True
