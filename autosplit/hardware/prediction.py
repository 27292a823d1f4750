"""Seconds of a plan over one link, as a latency model predicts them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds that one plan is predicted to take over one link.

    Attributes:
        edge_s: Time of the edge half on the edge device.
        transfer_s: Time on the link: crossing tensors up, and the answer down if that is priced.
        cloud_s: Time of the cloud half on the cloud device.
    """

    edge_s: float
    transfer_s: float
    cloud_s: float

    @property
    def latency_s(self) -> float:
        """Seconds from the input to the answer."""
        return self.edge_s + self.transfer_s + self.cloud_s
