"""What a plan sends over the link: the wire layout that follows from its cut and widths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from autosplit.errors import DataError
from autosplit.graph.graph import Cut
from autosplit.graph.memory import whole_bits
from autosplit.grid.grid import ElementFormat, Grid, Unquantized
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.symbols import Classes
from autosplit.stats.coding import InputCoding

Coded = Mapping[tuple[str, int], tuple[Classes, int]]
"""Tensor and width -> the classes of its channels for entropy coding, and its mean bytes."""


def wire_layout(
    cut: Cut,
    activations: Mapping[str, ElementFormat],
    coding: InputCoding | None = None,
    coded: Coded | None = None,
    *,
    whole: bool = False,
) -> WireLayout:
    """The layout of a plan's messages.

    Args:
        cut: Where the network is cut.
        activations: Edge tensor -> its grid, or the width of the floats that it is sent as.
        coding: How the network's input is sent if as a JPEG file.
        coded: Tensor and width -> the classes of its channels and its mean bytes; what is not here
            is packed.
        whole: Whether each element takes whole bytes: what a tool sends that does no packing.

    Returns:
        Every tensor that the cloud half reads, in the order of the graph.
    """
    graph = cut.graph
    answers = () if cut.edge else graph.outputs  # all-cloud: an input that is an answer crosses
    crossing = {*cut.crossing, *(name for name in graph.inputs if name in answers)}
    tensors = []
    for name in (name for name in graph.tensors if name in crossing):
        grid = activations[name]
        if coding is not None:
            tensors.append(WireTensor(name, graph.shape(name), 8, "jpeg", quality=coding.quality))
        elif isinstance(grid, Grid) and (name, grid.bits) in (coded or {}):
            classes, mean = (coded or {})[name, grid.bits]
            tensor = WireTensor(
                name, graph.shape(name), grid.bits, "entropy", classes=classes, mean_bytes=mean
            )
            tensors.append(tensor)
        else:
            kind = "none" if isinstance(grid, Unquantized) else "packed"
            tensor = WireTensor(name, graph.shape(name), grid.bits, kind)
            tensors.append(_whole(tensor) if whole and kind == "packed" else tensor)
    return WireLayout(tuple(tensors))


def with_orders(derived: WireLayout, found: WireLayout) -> WireLayout:
    """A layout that follows from a plan, with the orders that a file gives.

    The order of the tensors and the order of the axes of each are the file's to say; shapes and
    widths follow from the plan, and so are right after an edit by hand too.  A tensor of integers
    is entropy-coded if the file says so of its width, else packed, to whole bytes if the file
    says so.

    Raises:
        DataError: The file lists other tensors, or orders axes that a tensor does not have.
    """
    if sorted(found.names) != sorted(derived.names):
        raise DataError(
            f"wire: must list the tensors that cross, {', '.join(derived.names) or 'none'}, got "
            f"{', '.join(found.names) or 'none'}; delete the key to have it derived"
        )
    by_name = {tensor.name: tensor for tensor in derived.tensors}
    return WireLayout(tuple(_as_found(by_name[tensor.name], tensor) for tensor in found.tensors))


def _as_found(derived: WireTensor, found: WireTensor) -> WireTensor:
    """One tensor with the order and the coding that a file gives."""
    if found.whole and derived.coding == "packed":
        return _whole(replace(derived, order=found.order))
    if found.coding != "entropy" or (derived.coding, derived.bits) != ("packed", found.bits):
        return replace(derived, order=found.order)
    return replace(
        derived,
        order=found.order,
        coding="entropy",
        classes=found.classes,
        mean_bytes=found.mean_bytes,
    )


def _whole(packed: WireTensor) -> WireTensor:
    """The same tensor with each element in whole bytes."""
    return replace(packed, bits=whole_bits(packed.bits), whole=True)
