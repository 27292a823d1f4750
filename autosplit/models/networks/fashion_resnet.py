"""FashionResNet: a small residual network for 28x28 grayscale images.

It has 237,946 weights and costs 19,870,496 multiply-accumulates an image.  The widths grow late
(16, 32, 80 channels) because a weight at 7x7 pixels is 16 times cheaper to run than one at 28x28.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

GARMENTS = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
# Mean and standard deviation of the 60,000 training images of Fashion-MNIST, pixels in 0..1.
MEAN = 0.2860
STD = 0.3530
IMAGE_SIZE = 28


def _conv_bn(channels_in: int, channels_out: int, kernel: int, stride: int) -> nn.Sequential:
    """Return a convolution that keeps the size (but for the stride), then batch normalization."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016, figure 2).

    The shortcut is a 1x1 convolution where the shape changes, and the input itself elsewhere.

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output.
        stride: stride of the first convolution and of the shortcut.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.first = _conv_bn(channels_in, channels_out, 3, stride)
        self.second = _conv_bn(channels_out, channels_out, 3, 1)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = _conv_bn(channels_in, channels_out, 1, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels_in, H, W) to (N, channels_out, H / stride, W / stride)."""
        inner: Tensor = self.second(relu(self.first(features)))
        return relu(inner + self.shortcut(features))


class FashionResNet(nn.Module):
    """Stem, five residual blocks in three stages, global average pool, linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv_bn(1, 16, 3, 1)
        self.stage1 = nn.Sequential(ResidualBlock(16, 16, 1))
        self.stage2 = nn.Sequential(ResidualBlock(16, 32, 2), ResidualBlock(32, 32, 1))
        self.stage3 = nn.Sequential(ResidualBlock(32, 80, 2), ResidualBlock(80, 80, 1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(80, len(GARMENTS))

    def forward(self, images: Tensor) -> Tensor:
        """Map normalized images (N, 1, 28, 28) to logits (N, 10)."""
        features = relu(self.stem(images))
        features = self.stage3(self.stage2(self.stage1(features)))
        logits: Tensor = self.classifier(torch.flatten(self.pool(features), 1))
        return logits


def fashion_resnet() -> nn.Module:
    """Return the network with fresh random weights, in training mode."""
    return FashionResNet()
