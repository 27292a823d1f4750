"""The manifest of a bundle: what the halves take and give, what was promised, hashes of all files.

A bundle is a folder:

    manifest.yaml                                  this
    edge/PLAN.onnx                                 edge half of each plan that has one
    cloud/model_repository/NETWORK--PLAN/1/model.onnx, ../config.pbtxt
                                                   cloud half of each plan that has one
    README.md                                      the commands
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from autosplit.deploy.coded_inputs import coding_record
from autosplit.deploy.escalation_rule import EscalationRule, rule_from_dict, rule_to_dict
from autosplit.deploy.manifest_types import bundled_plan_problems, type_problems
from autosplit.errors import DataError, FileError
from autosplit.files import check_keys, read_yaml, sha256_of_file, write_yaml
from autosplit.halves.wire.layout import WireLayout, layout_from_list, layout_to_list

MANIFEST = "manifest.yaml"
_PLAN_ID = 16
"""Hexadecimal digits of the digest that tells plans apart, in every message."""
_KEYS = "made_by network task labels preprocess inputs plans files".split()
_PLAN_KEYS = "name edge cloud wire outputs predicted coded".split()


@dataclass(frozen=True)
class TensorOf:
    """An input or an output of a half.

    Attributes:
        name: Name of the tensor in the network: an input, or ``output:<place>``.
        shape: Of one sample, without the batch.
        dtype: numpy's name of its type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class BundledPlan:
    """One plan of a bundle.

    Attributes:
        name: Name of the plan.
        edge: File of the edge half in the bundle; None where nothing is computed on the edge.
        cloud: File of the cloud half; None where nothing is computed in the cloud.
        wire: What a message holds.
        outputs: The network's answers -> ``edge`` or ``cloud``, where each is computed, or
            ``both``.
        predicted: What the search promised: ``edge_memory_bytes``, ``sent_bytes``, and for each
            link ``edge_ms``, ``link_ms``, ``cloud_ms``; of an escalation ``edge_share`` too.
        coded: Entropy-coded tensor -> format of the coding, input that takes it, and SHA-256 of its
            table, as ``coding_record`` derives it from ``wire``.
        rule: Of an escalation, whose edge half answers what it is sure of: when it is.
    """

    name: str
    edge: str | None
    cloud: str | None
    wire: WireLayout
    outputs: Mapping[str, str]
    predicted: Mapping[str, Any] = field(default_factory=dict)
    coded: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rule: EscalationRule | None = None


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds.

    Attributes:
        made_by: Version of autosplit that made it.
        network: Name of the network.
        task: How answers are scored.
        labels: Names of the classes, where they are known.
        preprocess: How a picture becomes an input; None: inputs come as arrays.
        inputs: What the network takes.
        plans: The plans, the best first.
        files: File -> its SHA-256, of all files but the manifest.
    """

    made_by: str
    network: str
    task: str
    labels: tuple[str, ...]
    preprocess: Mapping[str, Any] | None
    inputs: tuple[TensorOf, ...]
    plans: tuple[BundledPlan, ...]
    files: Mapping[str, str]

    def plan(self, name: str | None = None) -> BundledPlan:
        """A plan by name; the first one by default.

        Raises:
            FileError: There is none of that name.
        """
        for plan in self.plans:
            if name in (None, plan.name):
                return plan
        known = ", ".join(plan.name for plan in self.plans)
        raise FileError(f"{MANIFEST}: has no plan {name!r}, has {known}")

    def plan_id(self, plan: BundledPlan) -> str:
        """A digest of both halves of a plan, the same in every copy of the bundle."""
        halves = [self.files.get(one or "", "") for one in (plan.edge, plan.cloud)]
        return sha256(" ".join(halves).encode()).hexdigest()[:_PLAN_ID]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a bundle."""
    data = {
        "made_by": manifest.made_by,
        "network": manifest.network,
        "task": manifest.task,
        "labels": list(manifest.labels),
        "preprocess": None if manifest.preprocess is None else dict(manifest.preprocess),
        "inputs": [
            {"name": one.name, "shape": list(one.shape), "dtype": one.dtype}
            for one in manifest.inputs
        ],
        "plans": [
            {
                "name": plan.name,
                "edge": plan.edge,
                "cloud": plan.cloud,
                "wire": layout_to_list(plan.wire),
                "outputs": dict(plan.outputs),
                "predicted": dict(plan.predicted),
                "coded": {name: dict(one) for name, one in plan.coded.items()},
                **({} if plan.rule is None else {"rule": rule_to_dict(plan.rule)}),
            }
            for plan in manifest.plans
        ],
        "files": dict(manifest.files),
    }
    write_yaml(folder / MANIFEST, "bundle", data)


def read_manifest(folder: Path, *, check: bool = True) -> Manifest:
    """Read the manifest of a bundle.

    Args:
        folder: The bundle.
        check: Whether every file is compared with its hash.

    Raises:
        FileError: The manifest is wrong, or a file is missing or was changed.
    """
    path = folder / MANIFEST
    data = read_yaml(path, "bundle")
    problems = check_keys(data, _KEYS, where=str(path))
    plans = [] if problems else data["plans"]
    if not problems:
        problems += type_problems(data, str(path))
        if not isinstance(plans, list) or not plans:
            problems.append(f"{path}: plans must be a list, got {plans!r:.60}")
            plans = []
    for place, entry in enumerate(plans):
        where = f"{path}: plans[{place}]"
        wrong = check_keys(entry, _PLAN_KEYS, ("rule",), where=where)
        problems += wrong or bundled_plan_problems(entry, data["files"], where)
    if problems:
        raise FileError("; ".join(problems))
    manifest = Manifest(
        made_by=data["made_by"],
        network=data["network"],
        task=data["task"],
        labels=tuple(data["labels"]),
        preprocess=data["preprocess"],
        inputs=tuple(TensorOf(i["name"], tuple(i["shape"]), i["dtype"]) for i in data["inputs"]),
        plans=tuple(_plan(entry, path) for entry in data["plans"]),
        files=data["files"],
    )
    for plan in manifest.plans:
        if plan.coded != coding_record(plan.wire):
            raise FileError(
                f"{path}: {plan.name}: coded must be the tables of wire, with their SHA-256, was "
                "changed; export the plan again"
            )
    for name, digest in manifest.files.items():
        _check_file(folder, name, digest if check else None)
    return manifest


def _plan(entry: Mapping[str, Any], path: Path) -> BundledPlan:
    """A plan as the manifest holds it.

    Raises:
        FileError: Its wire or its rule is none, or the rule is for another network.
    """
    try:
        read = {**entry, "wire": layout_from_list(entry["wire"])}
    except DataError as error:
        raise FileError(f"{path}: {entry['name']}: {error}") from error
    if "rule" in entry:
        rule = rule_from_dict(entry["rule"], f"{path}: {entry['name']}: rule")
        if rule.output not in entry["outputs"]:
            known = ", ".join(entry["outputs"])
            raise FileError(
                f"{path}: {entry['name']}: rule: output must be one of {known}, got "
                f"{rule.output!r:.40}"
            )
        read["rule"] = rule
    return BundledPlan(**read)


def _check_file(folder: Path, name: str, digest: str | None) -> None:
    """See that a file of a bundle is inside it and is what it was.

    Raises:
        FileError: It is not.
    """
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        raise FileError(f"{folder / MANIFEST}: files must lie in the bundle, got {name!r}")
    path = folder / pure
    if not path.is_file():
        raise FileError(f"{path}: must be in the bundle, is missing; export the plan again")
    if digest is not None and sha256_of_file(path) != digest:
        raise FileError(f"{path}: must be as it was exported, was changed; export the plan again")
