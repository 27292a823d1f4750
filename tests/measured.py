"""A plan of one width, with the grids that were measured."""

from autosplit.distortion.measure import measure
from autosplit.grid.grid import WIDTHS
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile


def plan_for(program, images, weight_bits, activation_bits=8, count=None, stats=None):
    """A plan at one width each, with the first layers on the edge.

    Nothing is measured at other widths; ``stats`` are taken if measured before.
    """
    graph = program.graph
    cut = graph.prefix(len(graph.layers) if count is None else count)
    weights = dict.fromkeys(cut.weights, weight_bits)
    activations = dict.fromkeys(cut.edge_tensors, activation_bits)
    plan = Plan("p", "test", cut.edge, weights, activations, 0.0, 0.0, 0, 0)
    widths = sorted({weight_bits, activation_bits} & {*WIDTHS})
    stats = stats or measure(program, lambda: iter([images]), widths)
    return PlanFile(plan, *plan_grids(plan, stats, graph.integers), graph.name, "")
