"""Options of the command ``prune``."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.errors import OptionError
from autosplit.runs import kinds
from autosplit.runs.declared.choices import PRUNING_NAMES, SCORE_NAMES_OF_UNITS
from autosplit.runs.declared.shared import images_option, variant_folder_option
from autosplit.runs.option import check_values, option


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """What ``autosplit prune`` takes away.

    Raises:
        OptionError: An option cannot have its value.
    """

    method: str = option(
        "greedy",
        kinds.choice(*PRUNING_NAMES),
        "search",
        "How channels are chosen. greedy: those that lose least for the multiply-accumulates that "
        "they save; normal, shortcut, slim and regular: those below one threshold of the score, "
        "each with its own rule for residual sums; layer: whole residual blocks; layer-channel: "
        "as slim, then blocks.",
    )
    ratio: float | None = option(
        None,
        kinds.number("SHARE", 0, 1),
        "limits",
        "With --method greedy: share of the prunable channels that are pruned, 0 to 1.",
        none="another option says how much",
    )
    percent: float | None = option(
        None,
        kinds.number("SHARE", 0, 1),
        "limits",
        "With a method that has a threshold: share of the channels whose scores lie below the "
        "threshold, 0 to 1.",
        none="another option says how much",
    )
    blocks: int | None = option(
        None,
        kinds.count(1),
        "limits",
        "With --method layer and layer-channel: number of residual blocks that are dropped.",
        none="no block is dropped",
    )
    multiple: int = option(
        8,
        kinds.count(2),
        "limits",
        "With --method regular: the number of channels that a layer keeps is a multiple of this.",
    )
    target_macs: float | None = option(
        None,
        kinds.number("MACS", 0),
        "limits",
        "Multiply-accumulates that are left: a number, or up to 1 a share of those before.",
        none="no such target",
    )
    target_latency_s: float | None = option(
        None,
        kinds.milliseconds(),
        "limits",
        "Milliseconds that the pruned network may take on --edge, by the latency model of the "
        "device with all tensors at 8 bits.",
        none="no such target",
    )
    edge: str = option(
        "eyeriss",
        kinds.text("DEVICE"),
        "search",
        "Edge device of --target-latency: a name from autosplit profiles, or a YAML file.",
    )
    score: str = option(
        "distortion",
        kinds.choice(
            *SCORE_NAMES_OF_UNITS, registry="autosplit.compress.scores.registry:UNIT_SCORES"
        ),
        "search",
        "What says which channels go first. distortion: the change of the network's answers; "
        "taylor: of the loss; l1: magnitude of filters; bn-gamma: scales of batch norms; fpgm: "
        "distance to the other filters.",
    )
    min_channels: int = option(
        1, kinds.count(1), "limits", "Channels that every layer keeps at least."
    )
    refit: bool = option(
        True,
        kinds.switch(),
        "search",
        "Whether weights, biases and statistics of batch norms are fit to the whole network's "
        "outputs on calibration images.",
    )
    images: int | None = images_option()
    out: str = variant_folder_option()

    def __post_init__(self) -> None:
        check_values(self)
        goals, blocks = _TAKES[self.method]
        given = {
            "--ratio": self.ratio,
            "--percent": self.percent,
            "--target-macs": self.target_macs,
            "--target-latency": self.target_latency_s,
            "--blocks": self.blocks,
        }
        known = [name for name, value in given.items() if value is not None]
        takes = [*goals, *(["--blocks"] if blocks else [])]
        strange = [name for name in known if name not in takes]
        if strange and strange[0] in ("--ratio", "--percent", "--blocks"):
            raise OptionError(
                f"prune: --method {self.method} takes {', '.join(takes)}, got {strange[0]}"
            )
        if blocks and self.blocks is None:
            raise OptionError(f"prune: --method {self.method} needs --blocks")
        count = len([name for name in known if name != "--blocks"])
        if count != bool(goals):
            names = f"one of {', '.join(goals[:-1])} and {goals[-1]}" if goals else "no other goal"
            raise OptionError(f"prune: {names} must be given, got {count}")


_TARGETS = ("--target-macs", "--target-latency")
_THRESHOLD = ("--percent", *_TARGETS), False
_TAKES: dict[str, tuple[tuple[str, ...], bool]] = {
    "greedy": (("--ratio", *_TARGETS), False),
    "normal": _THRESHOLD,
    "shortcut": _THRESHOLD,
    "slim": _THRESHOLD,
    "regular": _THRESHOLD,
    "layer": ((), True),
    "layer-channel": (("--percent", *_TARGETS), True),
}
"""Method of pruning -> its goals, of which one is given, and whether it takes ``--blocks``."""
