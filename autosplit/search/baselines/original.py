"""The heuristic of the original Auto-Split, to compare with: method ``autosplit2021``.

Banitalebi-Dehkordi et al., "Auto-Split: a general framework of collaborative edge-cloud AI", KDD
2021 (arXiv 2108.13041), and the program published with it.  It decides one thing after the other:
the cuts that send less than the input, then an average width for the activations, then the weights
with the memory that is left.  Both allocations take per layer what is best at one price of a bit,
so they stop short of their budgets, which is what it gives up.

Three things differ.  Distortion and costs are those of every method here; all-edge and all-cloud
are among its cuts; and of all its plans the unbeaten ones are kept, where it took the fastest
within a limit of distortion.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autosplit.graph.graph import Cut
from autosplit.graph.memory import crossing_bytes, peak_bytes, tensor_bytes
from autosplit.plan.plan import Plan
from autosplit.search.arrays import Floats, Indices, Ints
from autosplit.search.cost import distortion_floor, make_plan
from autosplit.search.pareto import unbeaten
from autosplit.search.problem import Problem, distortion_and_bytes

ORIGINAL = "autosplit2021"
AVERAGE_BITS = (2, 4, 6, 8)
"""Budgets of the activations, bits an element on average."""
_BISECTIONS = 60


def autosplit2021(problem: Problem) -> list[Plan]:
    """Find what the original's heuristic finds.

    Returns:
        The all-cloud plan and those that fit, less what others beat in both seconds and distortion
        on every link.
    """
    plans: list[Plan] = []
    for cut in (problem.graph.prefix(0), *candidate_cuts(problem)):
        seen = set()
        if not problem.allows(cut.edge):
            continue
        for tensors in _activations(problem, cut) if cut.edge else iter([{}]):
            activation_bits = {**dict.fromkeys(cut.graph.inputs, problem.input_bits), **tensors}
            weight_bits = _weights(problem, cut, activation_bits)
            key = tuple(activation_bits.values())
            if weight_bits is None or key in seen:
                continue
            seen.add(key)
            name = f"{ORIGINAL}-cut{len(cut.edge):03d}-{len(seen) - 1:02d}"
            widths = weight_bits, activation_bits
            bound = distortion_floor(problem, cut)
            plans.append(
                make_plan(problem, cut, *widths, name=name, method=ORIGINAL, lower_bound=bound)
            )
    return unbeaten(plans)


def candidate_cuts(problem: Problem) -> list[Cut]:
    """Prefix cuts that send less than the input does when sent at the narrowest width.

    Of those that send the same, the one with the fewest edge layers.
    """
    graph = problem.graph
    input_bytes = sum(tensor_bytes(graph, name, problem.input_bits) for name in graph.inputs)
    inputs = dict.fromkeys(graph.inputs, problem.input_bits)
    widths = {**inputs, **dict.fromkeys(graph.by_name, problem.usable[0])}
    cuts: dict[int, Cut] = {}
    for cut in graph.prefixes()[1:]:
        sent = crossing_bytes(cut, widths)
        if sent < input_bytes:
            cuts.setdefault(sent, cut)
    return sorted(cuts.values(), key=lambda cut: len(cut.edge))


def priced(distortion: Floats, size: Ints, budget: int) -> Indices | None:
    """Choose what is best at one price of size, the lowest price at which all fit the budget.

    The Lagrangian choice (Everett 1963; Shoham & Gersho 1988): optimal for the size that it takes,
    which may be far below the budget.

    Args:
        distortion: Distortion of each choice, shape (N, B).
        size: Size of each choice, shape (N, B), at least 0.
        budget: Most that the sizes may add up to.

    Returns:
        Index of each choice, shape (N,); None where no price keeps the budget.
    """
    if not len(distortion):
        return np.zeros(0, dtype=np.intp) if budget >= 0 else None
    rows = np.arange(len(distortion))

    def choose(price_of_size: float) -> Indices:
        cheapest: Indices = np.argmin(distortion + price_of_size * size, axis=1)
        return cheapest

    def fits(choice: Indices) -> bool:
        return int(size[rows, choice].sum()) <= budget

    if fits(choose(0.0)):
        return choose(0.0)
    best: Indices = np.argmin(size, axis=1)
    if not fits(best):
        return None
    # Sizes are whole, so at the upper price a unit costs more than any distortion it saves.
    low, high = 0.0, 2 * float(np.ptp(distortion, axis=1).max())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        choice = choose(middle)
        if fits(choice):
            high, best = middle, choice
        else:
            low = middle
    return best


def _activations(problem: Problem, cut: Cut) -> Iterator[dict[str, int]]:
    """Widths of the edge layers' outputs: per average three variants, as far as they go."""
    distortion, size = distortion_and_bytes(problem, cut.edge, "activation")
    elements = np.array([cut.graph.elements(name) for name in cut.edge])
    bits = elements[:, None] * np.array(problem.usable)
    sent = np.isin(cut.edge, cut.crossing)
    widest = len(problem.usable) - 1
    for average in AVERAGE_BITS:
        raw = priced(distortion, bits, average * int(elements.sum()))
        if raw is None:
            continue
        for choice in (np.where(sent, raw, widest), _raised(problem, cut, raw, size), raw):
            yield {
                name: problem.usable[index] for name, index in zip(cut.edge, choice, strict=True)
            }


def _raised(problem: Problem, cut: Cut, choice: Indices, size: Ints) -> Indices:
    """Widen what does not cross, in the order of the layers, as far as the peak stays the same."""
    graph, place = cut.graph, {name: i for i, name in enumerate(cut.edge)}
    live = np.zeros((len(cut.live), len(cut.edge)), dtype=np.bool_)
    loads = np.zeros(len(cut.live), dtype=np.int64)
    for step, tensors in enumerate(cut.live):
        for tensor in tensors:
            if tensor in place:
                live[step, place[tensor]] = True
                loads[step] += size[place[tensor], choice[place[tensor]]]
            else:
                loads[step] += tensor_bytes(graph, tensor, problem.input_bits)
    peak, raised = loads.max(), choice.copy()
    for name, i in place.items():
        if name in cut.crossing:
            continue
        now = size[i, choice[i]]
        room = now + peak - loads[live[:, i]].max()
        raised[i] = max(choice[i], np.searchsorted(size[i], room, side="right") - 1)
        loads[live[:, i]] += size[i, raised[i]] - now
    return raised


def _weights(problem: Problem, cut: Cut, activation_bits: dict[str, int]) -> dict[str, int] | None:
    """Widths of the weights with the memory that the activations leave; None if none fit."""
    distortion, size = distortion_and_bytes(problem, cut.weights, "weight")
    left = int(size.max(axis=1, initial=0).sum())
    if problem.limit_bytes is not None:
        peak = peak_bytes(cut, activation_bits)
        left = min(left, problem.limit_bytes - peak - cut.fixed_bits // 8)
    choice = priced(distortion, size, left)
    if choice is None:
        return None
    return {name: problem.usable[i] for name, i in zip(cut.weights, choice, strict=True)}
