"""Quantizers of a training by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from autosplit.compress.quantizers.dorefa import dorefa
from autosplit.compress.quantizers.iao import iao
from autosplit.compress.quantizers.lsq import lsq
from autosplit.compress.quantizers.pact import pact
from autosplit.compress.quantizers.pot import nearest_power, pot

Quantizer = Callable[[Tensor, Tensor, Tensor, int, float], Tensor]
"""Values, logarithm of the step, zero point, width, elements of a step -> values on the grid."""


def final_step(quantizer: str, log_step: Tensor) -> Tensor:
    """The step that a plan holds after a training."""
    return nearest_power(log_step) if quantizer == "pot" else log_step.detach().exp()


STARTS_ELSEWHERE = ("pot",)
"""Quantizers that change the plan before the first step."""
BENDS_WEIGHTS = ("dorefa",)
"""Quantizers that train weights behind a tanh."""
QUANTIZERS: dict[str, Quantizer] = {
    "lsq": lsq,
    "pact": pact,
    "pot": pot,
    "iao": iao,
    "dorefa": dorefa,
}
"""Name -> function."""
