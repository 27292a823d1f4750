"""The first layer of a network whose output is not finite."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx


def first_not_finite(module: fx.GraphModule, *inputs: Tensor) -> str:
    """Name of the first layer whose tensor is not finite for some inputs; empty without any."""
    found: list[str] = []

    class Looking(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            value = super().run_node(n)
            parts = value if isinstance(value, tuple | list) else [value]
            floats = [one for one in parts if isinstance(one, Tensor) and one.is_floating_point()]
            if n.op == "call_function" and not all(bool(one.isfinite().all()) for one in floats):
                read = [str(one.target) for one in n.all_input_nodes if one.op == "get_attr"]
                found.append(read[0].rpartition(".")[0] if read else n.name)
            return value

    with torch.no_grad():
        Looking(module).run(*inputs)
    return found[0] if found else ""
