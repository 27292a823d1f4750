"""Unpacking integers of 1 to 16 bits inside an ONNX graph, with standard operators.

The stream is that of ``halves/wire/pack.py``: element ``i`` is at stream bits ``i * bits`` and on,
its lowest bit first, and stream bit ``k`` is bit ``k % 8`` of byte ``k // 8``.

    widths that divide 8:  (byte >> (0, bits, 2 bits ..)) & (2^bits - 1)
    other widths:          bits of the stream (byte >> (0 .. 7)) & 1, ``bits`` of them an element,
                           times (1, 2, 4 ..), summed by MatMul in float32, which is exact

A runtime folds the nodes of a constant when it loads the file, so that stored weights stay small in
the file and are plain uint8 in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autosplit.graph.memory import packed_bytes

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

_BYTE = 8


@dataclass
class UnpackNodes:
    """Nodes and constants that unpack one tensor.

    Attributes:
        name: First part of all names that are made.
        nodes: The nodes, in order.
        constants: The constants that the nodes read.
    """

    name: str
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def add_to(self, graph: GraphProto) -> None:
        """Put the nodes in front of a graph's own."""
        graph.initializer.extend(self.constants)
        own = list(graph.node)
        del graph.node[:]
        graph.node.extend([*self.nodes, *own])

    def unpack(
        self,
        packed: str,
        bits: int,
        count: int,
        shape: Sequence[int],
        out: str,
        offset: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        """Add the nodes from bytes to integers.

        Args:
            packed: Name of a uint8 tensor, shape (rows, ``packed_bytes(count, bits)``).
            bits: Width of an element, 1..16.
            count: Elements of a row.
            shape: Shape of ``out``; -1 for the rows.
            out: Name of the integers: uint8 up to 8 bits, int32 above.
            offset: Added to the integers, which stay uint8; its shape broadcasts to theirs.
        """
        kind = _tensor_type("UINT8" if bits <= _BYTE else "INT32")
        out_of, flat = out if offset is None else f"{out}/stored", packed
        if _BYTE % bits:
            stream = self._fields(packed, 1)
            used = self._sliced(stream, count * bits)
            grouped = self._made("Reshape", used, self._constant([0, count, bits], np.int64))
            floats = self._made("Cast", grouped, to=_tensor_type("FLOAT"))
            powers = self._constant(2.0 ** np.arange(bits), np.float32)
            flat = self._made("Cast", self._made("MatMul", floats, powers), to=kind)
        elif bits < _BYTE:
            flat = self._fields(packed, bits)
        if bits <= _BYTE and packed_bytes(count, bits) * _BYTE != count * bits and not _BYTE % bits:
            flat = self._sliced(flat, count)
        self._node("Reshape", (flat, self._constant(shape, np.int64)), out_of)
        if offset is not None:  # onnxruntime adds no uint8
            both = out_of, self._constant(offset, np.uint8)
            wide = (self._made("Cast", one, to=_tensor_type("INT32")) for one in both)
            self._node("Cast", (self._made("Add", *wide),), out, to=_tensor_type("UINT8"))

    def _fields(self, packed: str, bits: int) -> str:
        """The fields of ``bits`` bits of every byte, in the order of the stream."""
        last = self._constant([2], np.int64)
        wide = self._made("Unsqueeze", packed, last)
        shifts = self._constant(np.arange(0, _BYTE, bits), np.uint8)
        shifted = self._made("BitShift", wide, shifts, direction="RIGHT")
        masked = self._made("BitwiseAnd", shifted, self._constant((1 << bits) - 1, np.uint8))
        return self._made("Reshape", masked, self._constant([0, -1], np.int64))

    def _sliced(self, flat: str, count: int) -> str:
        """The first ``count`` elements of every row."""
        ends = (self._constant([end], np.int64) for end in (0, count, 1))
        return self._made("Slice", flat, *ends)

    def _constant(self, values: Any, kind: Any) -> str:
        from onnx import numpy_helper

        name = f"{self.name}/c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def _made(self, operator: str, *inputs: str, **attributes: Any) -> str:
        out = f"{self.name}/{len(self.nodes)}"
        self._node(operator, inputs, out, **attributes)
        return out

    def _node(self, operator: str, inputs: Sequence[str], out: str, **attributes: Any) -> None:
        from onnx import helper

        node = helper.make_node(operator, list(inputs), [out], name=out, **attributes)
        self.nodes.append(node)


def _tensor_type(word: str) -> int:
    from onnx import TensorProto

    return int(getattr(TensorProto, word))
