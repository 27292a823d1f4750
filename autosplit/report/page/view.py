"""What the page of a run shows, as one record that any caller can fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autosplit.graph.graph import Graph
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.report.candidate import Candidate, FloatScore
from autosplit.report.page.pictures import PagePicture
from autosplit.report.pick import Pick


@dataclass(frozen=True)
class PageHardware:
    """The hardware that the plans are timed on.

    Attributes:
        edge, cloud: Devices.
        links: Link name -> link.
        widths: Widths that plans may use, bits, ascending.
    """

    edge: Device
    cloud: Device
    links: Mapping[str, Link]
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StageRecord:
    """What a stage left, for the foot of the page.

    Attributes:
        command: The command that does the stage again.
        made_by: Program and version.
        inputs, outputs: What was read and what was written -> SHA-256.
    """

    command: str
    made_by: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers of a bundle on two machines, as ``autosplit infer --out`` wrote them.

    Attributes:
        plan: Name of the plan.
        answers: How many there are.
        edge_ms, link_ms, cloud_ms, total_ms: Medians.
        sent_bytes: Median of the bytes sent.
    """

    plan: str
    answers: int
    edge_ms: float
    link_ms: float
    cloud_ms: float
    total_ms: float
    sent_bytes: float


@dataclass(frozen=True)
class PageView:
    """Everything that the page shows.

    Attributes:
        title: Network and hardware.
        graph: The network.
        hardware: What the plans are timed on.
        candidates: Every plan over every link.
        picks: Link -> its pick, of the links that have one.
        refused: Link without a pick -> why it has none.
        float_score: What the float network scored.
        max_drop: Accuracy points that a pick may lose at most, infinite if that is not limited.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
        rows: Rows of ``summary_full.csv``.
        summary_csv: That file.
        stages: Stage -> what it left.
        answered: What a bundle took, where one was run.
        pictures: What a detector found, float network and plan side by side.
    """

    title: str
    graph: Graph
    hardware: PageHardware
    candidates: Sequence[Candidate]
    picks: Mapping[str, Pick]
    refused: Mapping[str, str]
    float_score: FloatScore
    max_drop: float
    limit_bytes: int | None
    rows: Sequence[Mapping[str, str]]
    summary_csv: bytes
    stages: Mapping[str, StageRecord] = field(default_factory=dict)
    answered: Sequence[Answered] = ()
    pictures: Sequence[PagePicture] = ()

    @property
    def links(self) -> tuple[str, ...]:
        """Names of the links, in order."""
        return tuple(dict.fromkeys(one.link for one in self.candidates))

    def over(self, link: str) -> list[Candidate]:
        """The plans over one link."""
        return [one for one in self.candidates if one.link == link]
