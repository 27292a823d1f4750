"""Options of ``autosplit search`` and ``autosplit latency``: hardware, methods and limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autosplit.errors import OptionError
from autosplit.runs import kinds
from autosplit.runs.declared.choices import (
    ALL_METHODS,
    CODING_NAMES,
    CUT_NAMES,
    METHOD_NAMES,
    USUAL_METHODS,
    USUAL_WIDTHS,
)
from autosplit.runs.option import check_values, option, options_of

_EDGE = "Edge device: a name from autosplit profiles, or a YAML file."
_CLOUD = "Cloud machine: a name from autosplit profiles, or a YAML file."
_LINKS = (
    "Links from edge to cloud: names from autosplit profiles, YAML files, or rates such as 5mbps."
)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What ``autosplit search`` looks for.

    Raises:
        OptionError: An option cannot have its value, or useful cuts are asked for without a limit.
    """

    edge: str = option(
        "eyeriss",
        kinds.text("DEVICE"),
        "search",
        _EDGE,
        first=True,
    )
    cloud: str = option(
        "tpu_v1",
        kinds.text("DEVICE"),
        "search",
        _CLOUD,
        first=True,
    )
    links: tuple[str, ...] = option(
        ("1mbps", "3mbps", "10mbps", "20mbps"),
        kinds.names("LINK,LINK,..."),
        "search",
        _LINKS,
        flag="--link",
        first=True,
    )
    memory_bytes: int | Literal["device"] | None = option(
        "device",
        kinds.size("device"),
        "limits",
        "Memory limit of the edge half, such as 4MB or 512KiB; device: all memory of the edge "
        "device.",
        none="no limit",
        first=True,
    )
    reserve_bytes: int = option(
        0,
        kinds.size(),
        "limits",
        "Memory of the edge that the search leaves free, such as 784: an escalation keeps there "
        "what it may have to send on.",
    )
    widths: tuple[int, ...] = option(
        USUAL_WIDTHS,
        kinds.widths(8),
        "search",
        "Widths that weights and activations may have, bits.",
    )
    methods: tuple[str, ...] = option(
        USUAL_METHODS,
        kinds.names(
            "METHOD,METHOD,...", (*METHOD_NAMES, ALL_METHODS), "autosplit.search.methods:METHODS"
        ),
        "search",
        f"Methods that make plans: all, or names out of {', '.join(METHOD_NAMES)}.",
    )
    coding: str = option(
        "entropy",
        kinds.choice(*CODING_NAMES),
        "search",
        "Coding of the crossing tensors: entropy-coded where that takes fewer bytes, packed to "
        "their widths, or none, which sends each element in whole bytes.",
    )
    pins: tuple[str, ...] = option(
        (),
        kinds.pins(),
        "search",
        "Pin the widths of layers, as in 'features.0.*:weight=8'. The option may be repeated.",
        flag="--pin",
    )
    front: int | None = option(
        8,
        kinds.count(2),
        "search",
        "Number of plans of the Pareto front to write for each link; the plans are spread evenly "
        "along the front. Beside them, at most as many plans that send a JPEG file are written.",
        none="all",
    )
    variants: tuple[str, ...] | None = option(
        None,
        kinds.names("VARIANT,..."),
        "network",
        "Folders of variants of the network, as autosplit prune writes them: each is measured on "
        "the same data and searched with the same options, and variants.csv has the plans of all "
        "on one front.",
        none="no variants",
    )
    max_weight_bits: float | None = option(
        None,
        kinds.number("BITS", 0),
        "limits",
        "Limit on the mean width of the edge weights, bits.",
        none="no limit",
    )
    max_activation_bits: float | None = option(
        None,
        kinds.number("BITS", 0),
        "limits",
        "Limit on the mean width of the edge activations, bits.",
        none="no limit",
    )
    max_bops: float | None = option(
        None,
        kinds.number("N", 0),
        "limits",
        "Limit on the bit operations of the edge half.",
        none="no limit",
    )
    max_latency_s: float | None = option(
        None,
        kinds.milliseconds(),
        "limits",
        "Limit on the milliseconds from the input to the answer. A plan must keep the limit over "
        "at least one link.",
        none="no limit",
    )
    max_energy_j: float | None = option(
        None,
        kinds.joules(),
        "limits",
        "Limit on the energy of an answer on the edge device, such as 5mJ: computing, memory and "
        "sending. The profiles of the edge device and of each link must say their joules.",
        none="no limit",
    )
    max_distortion: float | None = option(
        None, kinds.number("D", 0), "limits", "Limit on the distortion.", none="no limit"
    )
    cuts: str = option(
        "prefixes",
        kinds.choice(*CUT_NAMES),
        "search",
        "Cuts that a search with a limit (--max-...) considers. prefixes: the first layers of one "
        "fixed order; useful: cuts of any shape.",
    )

    def __post_init__(self) -> None:
        check_values(self)
        limits = [one for one in options_of(type(self)) if one.name.startswith("max_")]
        if self.cuts == "useful" and all(getattr(self, one.name) is None for one in limits):
            flags = ", ".join(one.flag for one in limits)
            raise OptionError(f"cuts: useful cuts need a limit, which must be given: {flags}")


@dataclass(frozen=True, slots=True)
class LatencyOptions:
    """On which hardware ``autosplit latency`` times the plans.

    Raises:
        OptionError: An option cannot have its value.
    """

    edge: str | None = option(
        None,
        kinds.text("DEVICE"),
        "search",
        _EDGE,
        none="the device of autosplit search",
    )
    cloud: str | None = option(
        None,
        kinds.text("DEVICE"),
        "search",
        _CLOUD,
        none="the device of autosplit search",
    )
    links: tuple[str, ...] | None = option(
        None,
        kinds.names("LINK,LINK,..."),
        "search",
        _LINKS,
        none="the links of autosplit search",
        flag="--link",
    )

    def __post_init__(self) -> None:
        check_values(self)
