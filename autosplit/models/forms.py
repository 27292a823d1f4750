"""How networks are named, without torch: the forms of a name, and a name that is refused."""

from __future__ import annotations

NETWORK_FORMS = (
    "efficientnet-lite0",
    "efficientnet-lite1",
    "efficientnet-lite2",
    "fashion-resnet",
    "scenes-yolo",
    "torchvision:NAME",
    "torchvision-backbone:NAME",
    "yolo:NAME",
    "yolo:FILE.cfg",
    "timm:NAME",
    "transformers:FOLDER",
    "FILE.py:FUNCTION",
    "FILE.pt2",
)
"""What a person may write behind ``--model``."""


def onnx_refusal(spec: str) -> str:
    """Say why an ONNX file is no network for us, and what to do.

    onnx2torch 1.5.15 (2024) lacks the operator set that ``torch.onnx.export`` writes today;
    onnx2pytorch 0.6.0 and onnx2fx 0.0.1 (2026) compute shapes in tensors, so that
    ``torch.export`` refuses 9 of 10 of their modules or more (tried with torch 2.14 on ResNet-18,
    MobileNetV3, EfficientNet-Lite0, ViT and BERT).
    """
    return (
        f"{spec}: cannot be an ONNX file, for torch.export refuses most of what converters make of "
        "one; save the PyTorch network with torch.export.save to FILE.pt2, or give FILE.py:FUNCTION"
    )
