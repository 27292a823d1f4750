"""The networks of the zoo: name -> what builds a small one with random weights, and its example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from zoo_audio import AUDIO, normal
from zoo_cases import CASES


@dataclass(frozen=True)
class Exhibit:
    """A network of the zoo.

    Attributes:
        name: With its library in front.
        task: What its answers are.
        build: Makes the network and a function from a number of samples to inputs.
        heavy: Whether it needs so much memory that one such network runs at a time.
    """

    name: str
    task: str
    build: Callable[[], tuple[nn.Module, Callable[[int], Any]]]
    heavy: bool = False


def pictures(side: int, channels: int = 3, *more: int) -> Callable[[int], Tensor]:
    return normal(channels, *more, side, side)


TORCHVISION = (
    "alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161 "
    "densenet169 densenet201 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 "
    "efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_l "
    "efficientnet_v2_m efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet0_5 mnasnet0_75 "
    "mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_16gf "
    "regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf "
    "regnet_y_128gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_400mf "
    "regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet18 resnet34 resnet50 "
    "resnext101_32x8d resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 "
    "shufflenet_v2_x1_5 shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t "
    "swin_v2_b swin_v2_s swin_v2_t vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn "
    "vit_b_16 vit_b_32 vit_h_14 vit_l_16 vit_l_32 wide_resnet101_2 wide_resnet50_2"
).split()
SIDES = {"vit_h_14": 56, "inception_v3": 96, "maxvit_t": 224, "alexnet": 96}
SEGMENTATION = (
    "deeplabv3_mobilenet_v3_large deeplabv3_resnet101 deeplabv3_resnet50 fcn_resnet101 "
    "fcn_resnet50 lraspp_mobilenet_v3_large"
).split()
VIDEO = "mc3_18 mvit_v1_b mvit_v2_s r2plus1d_18 r3d_18 s3d swin3d_b swin3d_s swin3d_t".split()
TIMM = (
    "mobilenetv4_conv_small efficientformer_l1 edgenext_xx_small fastvit_t8 ghostnet_050 "
    "hardcorenas_a lcnet_050 levit_128s mobileone_s0 mobilevit_xxs mobilevitv2_050 pit_ti_224 "
    "poolformer_s12 regnetz_005 repvgg_a0 resnest14d rexnet_100 semnasnet_050 tinynet_e "
    "tf_efficientnet_lite0 xcit_nano_12_p16_224 convnextv2_atto coat_tiny crossvit_tiny_240 "
    "deit_tiny_patch16_224 gmixer_24_224 mixer_s32_224 visformer_tiny cait_xxs24_224 "
    "convmixer_768_32 gcvit_xxtiny eva02_tiny_patch14_224 hrnet_w18_small mambaout_femto "
    "starnet_s1 vit_tiny_patch16_224 swin_s3_tiny_224 tiny_vit_5m_224"
).split()
TIMM_SIDES = {"efficientformer_l1": 224}
HEAVY = ("convnext_large", "regnet_y_128gf", "vit_h_14", "vit_l_16", "vit_l_32")
"""Networks of torchvision of more than 190 million parameters."""
FREE_SIZE = frozenset(
    "mobilenetv4_conv_small efficientformer_l1 edgenext_xx_small fastvit_t8 ghostnet_050 "
    "hardcorenas_a lcnet_050 poolformer_s12 regnetz_005 resnest14d rexnet_100 semnasnet_050 "
    "tinynet_e tf_efficientnet_lite0 convnextv2_atto crossvit_tiny_240 convmixer_768_32 "
    "hrnet_w18_small mambaout_femto starnet_s1 tiny_vit_5m_224".split()
)
"""Networks of timm that are built without the size of their input."""
TRANSFORMERS = (
    "Albert Bert Distilbert Electra Roberta MPNet XLMRoberta ConvBert Deberta DebertaV2 Funnel "
    "ModernBert MobileBert SqueezeBert"
).split()


def _torchvision(name: str) -> tuple[nn.Module, Callable[[int], Any]]:
    from torchvision import models  # noqa: PLC0415 - slow to import

    side = SIDES.get(name, 64)
    options: dict[str, Any] = {"weights": None, "num_classes": 10}
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": False}
    if name.startswith("vit"):
        options["image_size"] = side
    return models.get_model(name, **options), pictures(side)


def _segmentation(name: str) -> tuple[nn.Module, Callable[[int], Any]]:
    from torchvision import models  # noqa: PLC0415 - slow to import

    network = models.get_model(name, weights=None, weights_backbone=None, num_classes=5)
    return network, pictures(64)


def _video(name: str) -> tuple[nn.Module, Callable[[int], Any]]:
    from torchvision import models  # noqa: PLC0415 - slow to import

    frames = 16 if name == "s3d" else 4
    side = 224 if name == "s3d" else 64 if name.startswith("mvit") else 32
    mvit = models.video.mvit
    made = mvit._mvit  # noqa: SLF001 - the one place that the size of an MViT's input comes from
    size = {"spatial_size": (side, side), "temporal_size": frames}
    with patch.object(mvit, "_mvit", lambda **given: made(**given | size)):
        network = models.get_model(name, weights=None, num_classes=10)
    return network, pictures(side, 3, frames)


def _timm(name: str) -> tuple[nn.Module, Callable[[int], Any]]:
    import timm  # noqa: PLC0415 - slow to import

    side = TIMM_SIDES.get(name, 64)
    known = {} if name in FREE_SIZE else {"img_size": side}
    return timm.create_model(name, pretrained=False, num_classes=10, **known), pictures(side)


def _transformer(name: str) -> tuple[nn.Module, Callable[[int], Any]]:
    import transformers  # noqa: PLC0415 - slow to import

    if name == "Funnel":
        network = transformers.FunnelModel(
            transformers.FunnelConfig(
                vocab_size=200, block_sizes=[1, 1], d_model=32, n_head=4, d_head=8, d_inner=64,
                num_decoder_layers=1, return_dict=False,
            )
        )  # fmt: skip
        return network, _tokens
    kind = {"Distilbert": "DistilBert"}.get(name, name)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=200, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, embedding_size=32, return_dict=False, pad_token_id=0,
    )  # fmt: skip
    if name == "MobileBert":
        config.intra_bottleneck_size, config.embedding_size = 32, 32
        config.true_hidden_size = 32
    if name == "Distilbert":
        config.dim, config.n_layers, config.n_heads, config.hidden_dim = 32, 2, 4, 64
    network = getattr(transformers, f"{kind}Model")(config)

    return network, _tokens


def _tokens(n: int) -> dict[str, Tensor]:
    """Token ids, and which of them count."""
    mask = (torch.arange(12) < torch.randint(4, 13, (n, 1))).long()
    mask[0] = 1
    return {"input_ids": torch.randint(1, 200, (n, 12)), "attention_mask": mask}


class Picked(nn.Module):
    """A recurrent layer with a head on its last output."""

    def __init__(self, body: nn.Module, width: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(width, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x)[0][:, -1])  # type: ignore[no-any-return]


class UNet(nn.Module):
    """Encoder and decoder with skips (Ronneberger et al. 2015)."""

    def __init__(self, depth: int = 2, base: int = 8) -> None:
        super().__init__()
        widths = [base * 2**i for i in range(depth + 1)]
        self.first = self.block(3, base)
        self.down = nn.ModuleList(self.block(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in pairwise(widths))
        self.join = nn.ModuleList(self.block(2 * a, a) for a in widths[:-1])
        self.head = nn.Conv2d(base, 4, 1)

    @staticmethod
    def block(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        kept = [self.first(x)]
        for down in self.down:
            kept.append(down(nn.functional.max_pool2d(kept[-1], 2)))
        x = kept.pop()
        for up, join in reversed(list(zip(self.up, self.join, strict=True))):
            x = join(torch.cat([up(x), kept.pop()], 1))
        return self.head(x)  # type: ignore[no-any-return]


OWN: dict[str, tuple[str, Callable[[], tuple[nn.Module, Callable[[int], Any]]]]] = {
    f"recurrent:{kind.__name__.lower()}{'-bi' if both else ''}-{layers}": (
        "classification",
        lambda kind=kind, both=both, layers=layers: (  # type: ignore[misc]
            Picked(kind(20, 16, layers, batch_first=True, bidirectional=both), 32 if both else 16),
            normal(15, 20),
        ),
    )
    for kind in (nn.LSTM, nn.GRU, nn.RNN)
    for both, layers in ((False, 1), (True, 2))
} | {
    "unet:2": ("segmentation", lambda: (UNet(), pictures(32))),
    "unet:3": ("segmentation", lambda: (UNet(3), pictures(32))),
    "unet:1-wide": ("segmentation", lambda: (UNet(1, 16), pictures(32))),
}


def exhibits() -> list[Exhibit]:
    """All networks of the zoo, in the order of the table."""
    found = [Exhibit(name, task, build) for name, (task, build) in (CASES | OWN | AUDIO).items()]
    for library, names, task, build in (
        ("transformers", TRANSFORMERS, "embedding", _transformer),
        ("torchvision", TORCHVISION, "classification", _torchvision),
        ("torchvision", SEGMENTATION, "segmentation", _segmentation),
        ("torchvision", VIDEO, "classification", _video),
        ("timm", TIMM, "classification", _timm),
    ):
        found += [
            Exhibit(f"{library}:{name}", task, partial(build, name), heavy=name in HEAVY)
            for name in names
        ]
    return found
