"""Export plans as a bundle: ONNX files of both halves, a manifest, and the commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autosplit import __version__
from autosplit.capture.program import Program
from autosplit.deploy.bundle_bytes import predicted_bytes
from autosplit.deploy.bundle_names import cloud_name
from autosplit.deploy.bundle_readme import bundle_readme
from autosplit.deploy.c_header import c_header
from autosplit.deploy.cloud_onnx import cloud_onnx
from autosplit.deploy.coded_inputs import coding_record
from autosplit.deploy.device_archive import FOR_CODED, REQUIREMENTS, client_archive
from autosplit.deploy.edge_onnx import edge_onnx
from autosplit.deploy.escalation_rule import EscalationRule
from autosplit.deploy.manifest import BundledPlan, Manifest, TensorOf, write_manifest
from autosplit.deploy.mobile_forms import pte_bytes, tflite_bytes
from autosplit.deploy.pt2 import cloud_pt2, edge_pt2, pt2_bytes
from autosplit.deploy.serving_files import (
    MLSERVER_CODE,
    MLSERVER_MODULE,
    MLSERVER_SERVER,
    kserve_service,
    mlserver_settings,
)
from autosplit.deploy.triton import triton_config
from autosplit.escalation.escalation import Escalation
from autosplit.files import sha256_of_file, write_bytes, write_text
from autosplit.halves.deployed import deploy
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Progress, silent

if TYPE_CHECKING:
    from onnx import ModelProto

    from autosplit.models.load import Model

REPOSITORY = "cloud/model_repository"
FORMS = ("onnx", "pt2", "c", "pte", "tflite")
"""Forms of a half: ONNX for onnxruntime; a program of torch.export; the integers as a C header; for
ExecuTorch; for LiteRT."""


@dataclass(frozen=True)
class EscalatedFiles:
    """What an escalation is exported of.

    Attributes:
        escalation: When the edge answers.
        whole: The plan that runs the whole network on the edge, with its grids.
        sent_on: The plan of the samples that are sent on.
        predicted: As ``BundledPlan`` has it.
    """

    escalation: Escalation
    whole: PlanFile
    sent_on: PlanFile
    predicted: Mapping[str, Any]


@dataclass(frozen=True)
class Exporter:
    """Writes bundles of one network.

    Attributes:
        program: The captured network.
        model: How its pictures are prepared, and its labels.
        task: How its answers are scored.
        forms: Some of ``FORMS``.
    """

    program: Program
    model: Model
    task: str
    forms: Sequence[str] = ("onnx",)

    def export(
        self,
        files: Sequence[PlanFile | EscalatedFiles],
        folder: Path,
        progress: Progress = silent,
    ) -> Manifest:
        """Write a bundle.

        Args:
            files: The plans with their grids, and escalations, the best first.
            folder: The bundle; made, or filled anew.
            progress: Shows how far it is.

        Raises:
            PlanError: A plan is for a network with other layers or weights.
            ModelError: ONNX has no form of an operator.
        """
        written: list[str] = []
        plans = []
        with progress("export: halves", len(files)) as advance:
            for file in files:
                if isinstance(file, PlanFile):
                    plans.append(self._plan(file, folder, written))
                else:
                    plans.append(self._escalation(file, folder, written))
                advance(1)
        write = _Writer(folder, written)
        if any(plan.cloud is not None for plan in plans):
            write(f"{REPOSITORY}/settings.json", MLSERVER_SERVER.encode())
        if "onnx" in self.forms:
            needed = (*REQUIREMENTS, *((FOR_CODED,) if any(p.coded for p in plans) else ()))
            write("edge/requirements.txt", "".join(f"{one}\n" for one in needed).encode())
            write("edge/client.pyz", client_archive())
        name = self.program.graph.name
        readme = bundle_readme(
            name,
            __version__,
            [plan.name for plan in plans],
            served=any(plan.cloud is not None for plan in plans),
            client="onnx" in self.forms,
        )
        write_text(folder / "README.md", readme)
        written.append("README.md")
        manifest = Manifest(
            made_by=f"autosplit {__version__}",
            network=name,
            task=self.task,
            labels=tuple(self.model.labels),
            preprocess=preprocess_record(self.model.preprocess),
            inputs=tuple(self._inputs()),
            plans=tuple(plans),
            files={one: sha256_of_file(folder / one) for one in sorted(written)},
        )
        write_manifest(folder, manifest)
        return manifest

    def _inputs(self) -> Iterable[TensorOf]:
        places = self.program.module.graph.find_nodes(op="placeholder")
        for name, node in zip(self.program.graph.inputs, places, strict=True):
            kind = str(node.meta["val"].dtype).removeprefix("torch.")
            yield TensorOf(name, tuple(self.program.graph.shape(name)), kind)

    def _plan(self, file: PlanFile, folder: Path, written: list[str]) -> BundledPlan:
        plan = file.plan
        both = deploy(self.program, file)
        on_edge = [name for name in both.edge.half.writes if name.startswith("output:")]
        on_cloud = list(both.cloud.half.writes)
        write = _Writer(folder, written)
        on_device = plan.input_coding is None
        edge = cloud = None
        if "onnx" in self.forms:
            edge = self._edge_onnx(file, write) if on_device else None
            cloud = self._cloud_onnx(plan.name, file, write) if on_cloud else None
        if on_device:
            self._of_reference(file, write)
        if "pt2" in self.forms and on_cloud:
            write(f"cloud/{plan.name}.pt2", pt2_bytes(cloud_pt2(self.program, file)))
        if "c" in self.forms and on_device:
            write(f"edge/{plan.name}.h", c_header(self.program, file).encode())
        return BundledPlan(
            name=plan.name,
            edge=edge,
            cloud=cloud,
            wire=both.layout,
            outputs={
                **dict.fromkeys(on_edge, "edge"),
                **dict.fromkeys(on_cloud, "cloud"),
            },
            predicted=_promised(file, both.crossing_bytes)
            | predicted_bytes(self.program.graph, plan),
            coded=coding_record(both.layout),
        )

    def _escalation(self, files: EscalatedFiles, folder: Path, written: list[str]) -> BundledPlan:
        """The whole network on the edge, which gives what it may send, and the cloud half."""
        about, sent_on = files.escalation, files.sent_on
        both = deploy(self.program, sent_on)
        coding = sent_on.plan.input_coding
        kept = None if coding is not None else self.program.graph.cut(sent_on.plan.edge)
        write = _Writer(folder, written)
        model = edge_onnx(self.program, files.whole, kept)
        edge = write(f"edge/{about.name}.onnx", _serialized(model))
        cloud = self._cloud_onnx(about.name, sent_on, write)
        rule = EscalationRule(
            about.score,
            about.temperature,
            about.threshold.value,
            f"output:{about.output}",
            () if coding is None else coding.mean,
            () if coding is None else coding.std,
        )
        return BundledPlan(
            name=about.name,
            edge=edge,
            cloud=cloud,
            wire=both.layout,
            outputs=dict.fromkeys(both.cloud.half.writes, "both"),
            predicted=dict(files.predicted),
            coded=coding_record(both.layout),
            rule=rule,
        )

    def _of_reference(self, file: PlanFile, write: _Writer) -> None:
        """Forms of the edge half that are made of the integer reference."""
        known = {"pt2": pt2_bytes, "pte": pte_bytes, "tflite": tflite_bytes}
        for form, make in known.items():
            if form in self.forms:
                data = make(edge_pt2(self.program, file))
                write(f"edge/{file.plan.name}.{form}", data)

    def _edge_onnx(self, file: PlanFile, write: _Writer) -> str:
        model = edge_onnx(self.program, file)
        return write(f"edge/{file.plan.name}.onnx", _serialized(model))

    def _cloud_onnx(self, plan: str, file: PlanFile, write: _Writer) -> str:
        """The cloud half of a plan and what servers need beside it."""
        name = cloud_name(self.program.graph.name, plan)
        place = f"{REPOSITORY}/{name}"
        model = cloud_onnx(self.program, file)
        write(f"{place}/config.pbtxt", triton_config(name, model).encode())
        write(f"{place}/model-settings.json", mlserver_settings(name).encode())
        write(f"{place}/{MLSERVER_MODULE}.py", MLSERVER_CODE.encode())
        write(f"cloud/kserve/{name}.yaml", kserve_service(name).encode())
        return write(f"{place}/1/model.onnx", _serialized(model))


def preprocess_record(preprocess: Callable[..., Any]) -> dict[str, Any] | None:
    """How a picture becomes an input, as plain data; None of a preparation of one's own."""
    kinds = {"Preprocess": "crop", "Letterbox": "letterbox"}
    kind = kinds.get(type(preprocess).__name__)
    if kind is None or not is_dataclass(preprocess):
        return None
    values = {one.name: getattr(preprocess, one.name) for one in fields(preprocess)}
    return {"kind": kind} | {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.name.lower() if hasattr(value, "name") else value


def _promised(file: PlanFile, sent: float) -> dict[str, Any]:
    """What the search promised of a plan."""
    plan = file.plan
    links: Mapping[str, Any] = {
        link: {
            "edge_ms": 1e3 * one.edge_s,
            "link_ms": 1e3 * one.transfer_s,
            "cloud_ms": 1e3 * one.cloud_s,
        }
        for link, one in plan.predictions.items()
    }
    size = float(np.round(sent, 1)) if isinstance(sent, float) else sent
    return {"edge_memory_bytes": plan.edge_memory_bytes, "sent_bytes": size, "links": links}


@dataclass(frozen=True)
class _Writer:
    """Writes files of a bundle and keeps their names."""

    folder: Path
    written: list[str]

    def __call__(self, name: str, data: bytes) -> str:
        write_bytes(self.folder / name, data)
        self.written.append(name)
        return name


def _serialized(model: ModelProto) -> bytes:
    data: bytes = model.SerializeToString(deterministic=True)
    return data
