"""A program whose weights can be trained: parameters with gradients through all of it."""

from __future__ import annotations

from dataclasses import replace

from torch import fx, nn

from autosplit.capture.constants import is_learned
from autosplit.capture.program import Program


def trainable(program: Program) -> Program:
    """A copy of a program whose parameters can be trained.

    Its answers are the program's, to the bit, until an optimizer changes a parameter.  From then on
    the new values are what the copy runs on, and what is measured, deployed and hashed of it.  The
    old program keeps its own.

        trained = trainable(program)
        optimizer = torch.optim.SGD(trained.module.parameters(), lr=1e-3)
        loss = loss_of(trained.module(images), labels)  # ``Program.run`` gives no gradients

    Parameters are what the network learned: weights, biases and scales, with batch norms folded
    in.  Buffers, masks and constants stay as they are.

    Args:
        program: The captured network.
    """
    values: dict[str, object] = {}
    learned = learned_targets(program)
    for node in program.module.graph.find_nodes(op="get_attr"):
        target = str(node.target)
        value = program.constant(target)
        values[target] = nn.Parameter(value.clone()) if target in learned else value
    return replace(program, module=fx.GraphModule(values, program.module.graph))


def learned_targets(program: Program) -> set[str]:
    """Targets of the parameters, and of the constants that are computed from some."""
    nodes = program.module.graph.find_nodes(op="get_attr")
    floating = (node for node in nodes if program.constant(str(node.target)).is_floating_point())
    return {str(node.target) for node in floating if is_learned([node])}
