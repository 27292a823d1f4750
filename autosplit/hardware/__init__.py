"""Devices and links from profiles, and the seconds that layers, cuts and transfers take.

| formula or method | file |
| --- | --- |
| seconds of a layer: dispatch + max(compute, traffic / bandwidth) | ``seconds.py`` (``layer_s``) |
| seconds of a cut: edge half, link, cloud half | ``prediction.py`` (``predict``) |
| joules of an answer on the edge device | ``energy.py`` (``layer_j``, ``radio_j``) |
| bytes that a layer moves to and from memory | ``traffic.py`` |
| cycles of a systolic array, equal to SCALE-Sim's | ``systolic.py`` |
| peak rates (roofline model) | ``roofline.py`` |
| seconds of entropy coding and of JPEG files | ``coding_seconds.py`` |
| seconds fitted to measured layers; the fit | ``fitted.py``, ``fit.py`` |
| measured seconds by layer and widths, and their CSV file | ``table.py``, ``tablefile.py`` |
| operations of layers without products: norm, softmax, pooling | ``operations.py`` |
| ``Device``, ``load_device``: a profile of a machine | ``device.py`` |
| ``Link``, ``load_link``: rates and round trip; transfer seconds | ``link.py`` |
| checks of the values in a profile | ``checks.py`` |
| shipped profiles by name | ``shipped.py`` |

A new latency model is a function in a module of its own and a line in ``seconds.MODELS``.  No
module here imports torch.
"""

from autosplit.hardware.device import Device, load_device
from autosplit.hardware.link import Link, load_link

__all__ = ["Device", "Link", "load_device", "load_link"]
