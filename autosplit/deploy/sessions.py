"""The halves of a bundle as onnxruntime runs them; numpy in, numpy out, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.deploy.manifest import BundledPlan
from autosplit.errors import FileError
from autosplit.halves.wire.layout import WireLayout
from autosplit.halves.wire.message import Message

Arrays = dict[str, npt.NDArray[Any]]
SENT = "sent:"
"""What stands before the name of an edge half's output that crosses."""


def open_session(path: Path, threads: int = 1) -> Any:
    """An onnxruntime session of a file.

    Args:
        path: The model.
        threads: Threads that it computes with.

    Raises:
        FileError: onnxruntime does not take the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # int8 products of two neighbours saturate on processors without VNNI; this keeps them exact
    options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        raise FileError(f"{path}: onnxruntime must take it, {error}") from error


@dataclass(frozen=True)
class EdgeModel:
    """The edge half of a plan.

    Attributes:
        session: onnxruntime's; None where the inputs are sent as pictures.
        layout: What a message holds.
    """

    session: Any
    layout: WireLayout

    @classmethod
    def load(cls, folder: Path, plan: BundledPlan, threads: int = 1) -> EdgeModel:
        """The edge half of a plan of a bundle.

        An escalation that sends pictures makes them of its inputs; its session gives answers alone.

        Raises:
            FileError: The bundle has no such half in ONNX.
        """
        if plan.edge is None:
            if any(wire.coding != "jpeg" for wire in plan.wire.tensors) or not plan.wire.tensors:
                raise FileError(f"{plan.name}: must have an edge half in ONNX; export with it")
            return cls(None, plan.wire)
        pictures = plan.rule is not None and bool(plan.rule.mean)
        layout = WireLayout() if pictures else plan.wire
        return cls(open_session(folder / plan.edge, threads), layout)

    def __call__(self, inputs: Mapping[str, npt.NDArray[Any]]) -> tuple[Message, Arrays]:
        """The message of a batch, and the answers that are computed here.

        Args:
            inputs: Input -> its value, (batch, ...); pixels, uint8, where pictures are sent.
        """
        if self.session is None:
            return Message(self.layout, {name: inputs[name] for name in self.layout.names}), {}
        wanted = [one.name for one in self.session.get_inputs()]
        names = [one.name for one in self.session.get_outputs()]
        values = self.session.run(names, {name: inputs[name] for name in wanted})
        found = dict(zip(names, values, strict=True))
        sent = {}
        for wire in self.layout.tensors:
            value = found[SENT + wire.name]
            if wire.coding == "none":
                kind = np.float16 if wire.bits == 16 else np.float32
                most = np.finfo(kind).max  # what half precision cannot hold is clipped
                value = np.clip(value, -most, most).astype(kind)
            sent[wire.name] = value
        answers = {name: value for name, value in found.items() if not name.startswith(SENT)}
        return Message(self.layout, sent), answers


@dataclass(frozen=True)
class CloudModel:
    """The cloud half of a plan.

    Attributes:
        session: onnxruntime's.
        layout: What a message holds.
    """

    session: Any
    layout: WireLayout

    @classmethod
    def load(cls, folder: Path, plan: BundledPlan, threads: int = 1) -> CloudModel:
        """The cloud half of a plan of a bundle.

        Raises:
            FileError: Nothing of the plan is computed in the cloud, or not in ONNX.
        """
        if plan.cloud is None:
            raise FileError(f"{plan.name}: must have a cloud half in ONNX, has none")
        return cls(open_session(folder / plan.cloud, threads), plan.wire)

    def __call__(self, message: Message) -> Arrays:
        """The answers that are computed in the cloud, by ``output:<place>``."""
        return self.run(server_inputs(message))

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """The answers of inputs as a server takes them."""
        names = [one.name for one in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, dict(inputs)), strict=True))


def server_inputs(message: Message) -> Arrays:
    """Tensors of a message as the cloud half takes them: integers packed to their widths.

    Returns:
        Tensor -> uint8 (batch, bytes of a sample) for coding ``packed`` and ``entropy``, else the
        numbers.
    """
    return {
        wire.name: message.rows(wire.name)
        if wire.coding in ("packed", "entropy")
        else message.tensors[wire.name]
        for wire in message.layout.tensors
    }
