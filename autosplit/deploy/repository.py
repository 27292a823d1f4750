"""The cloud halves that a server offers: found by name and version, described, and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from autosplit import __version__
from autosplit.deploy.batcher import Batcher, Ran
from autosplit.deploy.bundle_names import cloud_name
from autosplit.deploy.coded_inputs import coded_tensors, decode_samples
from autosplit.deploy.manifest import BundledPlan, Manifest, read_manifest
from autosplit.deploy.oip import PLAN_ID
from autosplit.deploy.server_metrics import ServerMetrics
from autosplit.deploy.sessions import CloudModel
from autosplit.deploy.tensor_bytes import NAMES, TensorValue, datatype_of
from autosplit.errors import AutoSplitError, DataError
from autosplit.halves.wire.jpeg import decode_jpeg
from autosplit.halves.wire.layout import WireTensor


class UnknownModelError(AutoSplitError):
    """A server has no model or version of a name."""


class OtherPlanError(AutoSplitError):
    """A client has other halves of a plan than the server."""


@dataclass(frozen=True)
class Tensor:
    """An input or output as the protocol describes it.

    Attributes:
        name: Name.
        datatype: The protocol's type.
        shape: With -1 for the batch.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """As the protocol's JSON has it."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True)
class Served:
    """One plan of a bundle on a server.

    Attributes:
        plan: The plan.
        inputs, outputs: What its cloud half takes and gives.
        batcher: Runs it.
        plan_id: Digest of its halves.
    """

    plan: BundledPlan
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    batcher: Batcher
    plan_id: str

    @cached_property
    def coded(self) -> Mapping[str, WireTensor]:
        """Input that takes a tensor entropy-coded -> tensor."""
        return coded_tensors(self.plan.wire)

    @property
    def described(self) -> list[dict[str, Any]]:
        """The inputs as the protocol's JSON has them; a coded one may stand for its packed one."""
        coded = [Tensor(name, "BYTES", (-1,)) for name in self.coded]
        return [tensor.to_dict() for tensor in (*self.inputs, *coded)]

    @property
    def most_bytes(self) -> int:
        """Bytes of the largest request that can be right: one full batch, and room for JSON."""
        sizes = {"FP32": 4, "FP16": 2, "UINT16": 2}
        row = sum(int(np.prod(one.shape[1:])) * sizes.get(one.datatype, 1) for one in self.inputs)
        return 65_536 + self.batcher.most_rows * (2 * row + 1024)

    def check_plan(self, plan_id: str) -> None:
        """See that a client has the same halves.

        Args:
            plan_id: What it says of its own; empty: nothing.

        Raises:
            OtherPlanError: They are others.
        """
        if plan_id not in ("", self.plan_id):
            raise OtherPlanError(
                f"{PLAN_ID}: must be {self.plan_id}, of the halves of {self.plan.name} on the "
                f"server, got {plan_id!r:.40}; copy one bundle to both machines"
            )

    async def infer(self, inputs: Mapping[str, TensorValue], wanted: Sequence[str] = ()) -> Ran:
        """The answers of one request.

        Args:
            inputs: Input -> value.
            wanted: Names of the outputs that are asked for, in order; none: all.

        Raises:
            DataError: The inputs are not those of the half, or it has no such output.
            QueueFullError: Too many requests wait.
        """
        checked, known = self._checked(inputs), [one.name for one in self.outputs]
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise DataError(f"outputs: must be of {', '.join(known)}, got {unknown[0]!r:.80}")
        ran = await self.batcher.run(checked)
        return Ran({name: ran.outputs[name] for name in wanted or known}, ran.run_s)

    def _checked(self, inputs: Mapping[str, TensorValue]) -> dict[str, TensorValue]:
        names = [one.name for one in self.inputs]
        given = [self.coded[name].name if name in self.coded else name for name in inputs]
        if sorted(given) != sorted(names):
            coded = f", or coded {', '.join(self.coded)}" if self.coded else ""
            raise DataError(
                f"inputs: must be {', '.join(names)}{coded}, got {', '.join(inputs) or 'none'}"
            )
        taken = dict(inputs)
        for name, wire in self.coded.items():
            if name in taken:
                taken[wire.name] = self._decoded(name, wire, taken.pop(name))
        found = {one.name: self._value(one, taken[one.name]) for one in self.inputs}
        rows = {name: len(value) for name, value in found.items()}
        if len(set(rows.values())) != 1 or not 0 < min(rows.values()) <= self.batcher.most_rows:
            raise DataError(
                f"inputs: must have one batch of 1 to {self.batcher.most_rows} samples, got {rows}"
            )
        return found

    def _value(self, tensor: Tensor, value: TensorValue) -> TensorValue:
        if value.dtype == object:
            return self._pictures(tensor, value)
        shape = tuple(value.shape)
        if datatype_of(value) != tensor.datatype or shape[1:] != tensor.shape[1:] or not shape:
            raise DataError(
                f"{tensor.name}: must be {tensor.datatype} of shape {list(tensor.shape)}, got "
                f"{datatype_of(value)} of shape {list(shape)}"
            )
        return value

    def _decoded(self, name: str, wire: WireTensor, value: TensorValue) -> TensorValue:
        """Packed rows of coded samples.

        Raises:
            DataError: They are none, or too many.
        """
        if value.dtype != object:
            raise DataError(f"{name}: must be BYTES, got {datatype_of(value)}")
        if value.ndim != 1 or not 0 < value.size <= self.batcher.most_rows:
            raise DataError(
                f"{name}: must be BYTES of shape [batch] with 1 to {self.batcher.most_rows} "
                f"samples, got the shape {list(value.shape)}"
            )
        return decode_samples(self.plan.wire, wire, value)

    def _pictures(self, tensor: Tensor, value: TensorValue) -> TensorValue:
        """Pixels of JPEG files."""
        wire = {one.name: one for one in self.plan.wire.tensors}[tensor.name]
        if wire.coding != "jpeg":
            raise DataError(f"{tensor.name}: must be {tensor.datatype}, got BYTES")
        files = list(value.reshape(-1))[: self.batcher.most_rows + 1]
        return np.stack([decode_jpeg(file, wire.shape) for file in files])


@dataclass(frozen=True)
class Repository:
    """All cloud halves of a bundle.

    Attributes:
        manifest: The bundle's.
        served: Plan -> its cloud half.
        metrics: What the server counts.
    """

    manifest: Manifest
    served: Mapping[str, Served]
    metrics: ServerMetrics = field(default_factory=ServerMetrics)

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        threads: int = 1,
        workers: int = 2,
        most_rows: int = 16,
        wait_s: float = 0.0,
        most_waiting: int = 256,
    ) -> Repository:
        """Open the cloud halves of a bundle.

        Args:
            folder: The bundle.
            threads: Threads that one run computes with.
            workers: Runs at a time.
            most_rows: Samples that run together at most.
            wait_s: Time that a request waits for others to run with, seconds.
            most_waiting: Requests of a plan that wait at most.

        Raises:
            FileError: The bundle is not as it was exported.
        """
        manifest = read_manifest(folder)
        pool = ThreadPoolExecutor(workers)
        served = {}
        for plan in manifest.plans:
            if plan.cloud is None:
                continue
            model = CloudModel.load(folder, plan, threads)
            # twice as many batches as threads: a thread finds its next one without the event loop
            batcher = Batcher(model, pool, most_rows, wait_s, most_waiting, 2 * workers)
            inputs = tuple(_tensor(one) for one in model.session.get_inputs())
            outputs = tuple(_tensor(one) for one in model.session.get_outputs())
            plan_id = manifest.plan_id(plan)
            served[plan.name] = Served(plan, inputs, outputs, batcher, plan_id)
        return cls(manifest, served)

    @property
    def network(self) -> str:
        """Name of the network; its versions are the plans."""
        return self.manifest.network

    def find(self, model: str, version: str = "") -> Served:
        """The cloud half of a name.

        Args:
            model: The network, or ``NETWORK--PLAN``.
            version: Name of the plan where the model is the network; empty: the first one.

        Raises:
            UnknownModelError: There is none.
        """
        if model == self.network:
            if not version and self.served:
                return next(iter(self.served.values()))
            if version in self.served:
                return self.served[version]
        for name, one in self.served.items():
            if model == cloud_name(self.network, name) and version in ("", "1"):
                return one
        raise UnknownModelError(
            f"model: must be {self.network} in a version of {', '.join(self.served) or 'none'}, "
            f"got {model!r:.80} {version!r:.80}"
        )

    def metadata(self, model: str, version: str = "") -> dict[str, Any]:
        """The protocol's description of a model."""
        one = self.find(model, version)
        return {
            "name": model,
            "versions": list(self.served) if model == self.network else ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": one.described,
            "outputs": [tensor.to_dict() for tensor in one.outputs],
        }

    def server(self) -> dict[str, Any]:
        """The protocol's description of the server."""
        return {"name": "autosplit", "version": __version__, "extensions": ["binary_tensor_data"]}


_KINDS = {
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


def _tensor(one: Any) -> Tensor:
    sides = (side if isinstance(side, int) else -1 for side in one.shape)
    return Tensor(one.name, NAMES[_KINDS[one.type]], tuple(sides))
