"""Audio networks of the zoo: front ends with convolutions; encoders of the transformers library."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

Built = tuple[nn.Module, Callable[[int], Any]]


class Spectrogram(nn.Module):
    """A short-time Fourier transform, its logarithm, and a convolutional classifier.

    Args:
        mels: Bands of the mel scale that frequencies are joined to; None: frequencies.
    """

    def __init__(self, mels: int | None = None) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(64))
        self.register_buffer("bands", None if mels is None else _mel_bands(mels, 33, 8000.0))
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.AdaptiveAvgPool2d(1)
        )
        self.head = nn.Linear(8, 6)

    def forward(self, wave: Tensor) -> Tensor:
        found = torch.stft(wave, 64, 32, window=self.window, return_complex=True).abs()
        if self.bands is not None:
            found = self.bands @ found.square()
        return self.head(self.body((found + 1e-3).log()[:, None]).flatten(1))  # type: ignore[no-any-return]


def _mel_bands(mels: int, frequencies: int, highest_hz: float) -> Tensor:
    """Triangles at equal steps of the mel scale, (mels, frequencies)."""
    top = 2595 * math.log10(1 + highest_hz / 700)
    ends = 700 * (10 ** (torch.linspace(0, top, mels + 2) / 2595) - 1)
    hz = torch.linspace(0, highest_hz, frequencies)
    rising = (hz - ends[:-2, None]) / (ends[1:-1] - ends[:-2])[:, None]
    falling = (ends[2:, None] - hz) / (ends[2:] - ends[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp(min=0)


class RawWave(nn.Sequential):
    """Convolutions on the wave itself, after M5 (Dai et al. 2017)."""

    def __init__(self) -> None:
        widths = (1, 16, 16, 32)
        layers: list[nn.Module] = []
        for number, (a, b) in enumerate(pairwise(widths)):
            first = {"kernel_size": 80, "stride": 4} if number == 0 else {"kernel_size": 3}
            layers += [nn.Conv1d(a, b, **first), nn.BatchNorm1d(b), nn.ReLU(), nn.MaxPool1d(4)]
        super().__init__(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 6))


class KeywordSpotter(nn.Sequential):
    """Depthwise separable convolutions on cepstra, after DS-CNN (Zhang et al. 2017)."""

    def __init__(self) -> None:
        layers: list[nn.Module] = [nn.Conv2d(1, 16, (10, 4), 2), nn.BatchNorm2d(16), nn.ReLU()]
        for _ in range(3):
            layers += [nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.BatchNorm2d(16), nn.ReLU()]
            layers += [nn.Conv2d(16, 16, 1), nn.BatchNorm2d(16), nn.ReLU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 12))


class ConvolutionsAndGru(nn.Module):
    """A CRNN: convolutions over time and frequency, then a GRU over time."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, (1, 2), 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d((1, 2))
        )
        self.rnn = nn.GRU(8 * 10, 16, batch_first=True, bidirectional=True)
        self.head = nn.Linear(32, 6)

    def forward(self, x: Tensor) -> Tensor:
        found = self.body(x).transpose(1, 2).flatten(2)
        return self.head(self.rnn(found)[0].mean(1))  # type: ignore[no-any-return]


def normal(*shape: int) -> Callable[[int], Tensor]:
    return lambda n: torch.randn(n, *shape)


WAVE_ENCODERS: dict[str, dict[str, Any]] = {
    "Wav2Vec2": {},
    "Hubert": {"return_dict": True},  # without, the library cannot run it
    "WavLM": {},
    "Data2VecAudio": {},
    "UniSpeech": {},
    "SEW": {"squeeze_factor": 2},
    "Wav2Vec2Conformer": {},
}
"""Encoders of the wave itself, with what differs in their configurations."""
SIZES = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "return_dict": False,
}  # fmt: skip
WAVE_SIZES = {
    "conv_dim": (16, 16, 16), "conv_kernel": (10, 3, 3), "conv_stride": (5, 2, 2),
    "num_feat_extract_layers": 3, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
SPEECH_SIZES = {
    "vocab_size": 100, "d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 4,
    "encoder_ffn_dim": 64, "decoder_layers": 1, "decoder_attention_heads": 4,
    "decoder_ffn_dim": 64, "return_dict": False, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "decoder_start_token_id": 1,
}  # fmt: skip


def _made(kind: str, sizes: dict[str, Any], shape: tuple[int, ...], *, part: bool) -> Built:
    """A network of the transformers library with random weights.

    Args:
        kind: Its name there.
        sizes: What its configuration says.
        shape: Of one sample.
        part: Whether its encoder is taken.
    """
    import transformers  # noqa: PLC0415 - slow to import

    config = getattr(transformers, f"{kind}Config")(**sizes)
    network = getattr(transformers, f"{kind}Model")(config)
    return network.encoder if part else network, normal(*shape)


SPEECH: dict[str, tuple[dict[str, Any], tuple[int, ...], bool]] = {
    kind: (SIZES | WAVE_SIZES | more, (2000,), False) for kind, more in WAVE_ENCODERS.items()
} | {
    "Wav2Vec2Bert": (SIZES | {"feature_projection_input_dim": 20}, (40, 20), False),
    "Whisper": (SPEECH_SIZES | {"num_mel_bins": 20, "max_source_positions": 50}, (20, 100), True),
    "Speech2Text": (
        SPEECH_SIZES | {"input_feat_per_channel": 20, "input_channels": 1, "conv_channels": 32},
        (80, 20),
        True,
    ),
    "Moonshine": (
        {
            "vocab_size": 100, "hidden_size": 32, "encoder_num_hidden_layers": 2,
            "decoder_num_hidden_layers": 1, "encoder_num_attention_heads": 4,
            "decoder_num_attention_heads": 4, "intermediate_size": 64, "return_dict": False,
        },
        (4000,),
        True,
    ),
    "AST": (SIZES | {"max_length": 64, "num_mel_bins": 32}, (64, 32), False),
    "ClapAudio": (
        {
            "patch_embeds_hidden_size": 16, "depths": [1, 1], "num_attention_heads": [2, 2],
            "spec_size": 64, "num_mel_bins": 32, "hidden_size": 32, "window_size": 4,
            "enable_fusion": False, "return_dict": False,
        },
        (1, 128, 32),
        False,
    ),
    "Dac": (
        {
            "encoder_hidden_size": 8, "downsampling_ratios": [2, 4], "decoder_hidden_size": 16,
            "hidden_size": 16,
        },
        (1, 640),
        True,
    ),
}  # fmt: skip
"""Name in the transformers library -> configuration, shape of a sample, if its encoder alone."""
AUDIO: dict[str, tuple[str, Callable[[], Built]]] = {
    "audio:spectrogram": ("classification", lambda: (Spectrogram(), normal(1024))),
    "audio:mel_spectrogram": ("classification", lambda: (Spectrogram(12), normal(1024))),
    "audio:raw_wave": ("classification", lambda: (RawWave(), normal(1, 2048))),
    "audio:keyword_spotter": ("classification", lambda: (KeywordSpotter(), normal(1, 49, 10))),
    "audio:convolutions_gru": ("classification", lambda: (ConvolutionsAndGru(), normal(1, 20, 40))),
} | {
    f"audio:{kind}": ("embedding", partial(_made, kind, sizes, shape, part=part))
    for kind, (sizes, shape, part) in SPEECH.items()
}
