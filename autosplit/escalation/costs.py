"""What an escalation costs: seconds on average and of the slow images, bytes, memory.

    expected seconds = edge + (1 - share) (coding + link + cloud)

The edge half is computed for every image; coding, link and cloud are paid for by those that are
sent on.
Seconds of a transfer grow linearly with its bytes, so the mean over images is that of mean bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autosplit.graph.graph import Cut
from autosplit.graph.memory import tensor_bytes, weight_bytes
from autosplit.hardware.prediction import Prediction

HIGH = 0.95
"""The percentile that is told of latency and of bytes."""


@dataclass(frozen=True, slots=True)
class SentBytes:
    """Bytes that images send, where only some send any.

    Attributes:
        share: Share of the images that the edge answers, which send nothing, 0..1.
        sent: Mean over the images that are sent on; 0 without any.
        mean: Mean over all images.
        high: Their 95th percentile: so many or fewer are sent by 95 % of the images.
    """

    share: float
    sent: float
    mean: float
    high: int

    @classmethod
    def of(cls, answered: Sequence[bool], sizes: Sequence[int]) -> SentBytes:
        """Count the bytes of some images.

        Args:
            answered: Whether the edge answers each image.
            sizes: What each image takes on the wire if it is sent on.
        """
        sent = [size for here, size in zip(answered, sizes, strict=True) if not here]
        paid = [0 if here else size for here, size in zip(answered, sizes, strict=True)]
        high = int(np.quantile(paid, HIGH, method="inverted_cdf"))
        share = sum(answered) / len(paid)
        return cls(share, float(np.mean(sent)) if sent else 0.0, float(np.mean(paid)), high)


def expected_seconds(edge_s: float, share: float, sent_on: Prediction) -> Prediction:
    """Seconds of an image on average.

    Args:
        edge_s: Seconds of the whole network on the edge.
        share: Share of the images that the edge answers, 0..1.
        sent_on: Seconds of coding, on the link and in the cloud of an image that is sent on.
    """
    rest = 1 - share
    here_s = edge_s + rest * sent_on.edge_s
    return Prediction(here_s, rest * sent_on.transfer_s, rest * sent_on.cloud_s)


def memory_bytes(
    whole: Cut,
    kept: Collection[str],
    weight_bits: Mapping[str, int],
    activation_bits: Mapping[str, int],
) -> int:
    """Memory of an edge that keeps some tensors until it knows whether they are sent.

    Args:
        whole: All layers on the edge.
        kept: Tensors that may have to be sent.
        weight_bits: Layer that stores a weight -> its width.
        activation_bits: Tensor -> its width.
    """
    graph = whole.graph
    size = {t: tensor_bytes(graph, t, activation_bits[t]) for t in whole.edge_tensors}
    first = {tensor: graph.rank.get(tensor, 0) for tensor in kept}
    peak = 0
    for step, live in enumerate(whole.live):
        there = {*live, *(tensor for tensor in kept if first[tensor] <= step)}
        peak = max(peak, sum(size[tensor] for tensor in there))
    return weight_bytes(whole, weight_bits) + peak
