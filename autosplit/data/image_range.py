"""Whether images are of the scale that a network takes: each function gives a warning, or nothing.

What is wrong here is no error, for nobody but who trained the network knows; but images in 0..255
for a network that takes 0..1 make every plan worthless without another sign.
"""

from __future__ import annotations

from autosplit.stats.stats import TensorStats

Range = tuple[float, float]
"""Least and greatest value."""

SLACK = 0.1
"""Share of the range expected that images may lie outside of it."""
COVERED = 0.6
"""Share that they must cover; in 0..1, of -1..1, they cover half, one flat photo 0.69."""
BEYOND = 0.5
"""Share of the calibration images' range that others may lie outside of it."""
WITHIN = 0.25
"""Share that they must cover."""
TIMES = 2.5
"""Between deviations that are alike: of the calibration sets that come along they are within 1.2
times those of training, of single images within 2.5; ImageNet's images in 0..1 are at 1 / 4.4."""
OUTWEIGHS = 0.2
"""Share of all deviations from the mean, of which one value alone can have half."""
MANY = 1000
"""Of fewer values, one may well have that share."""


def against_preparation(found: Range, expected: Range, network: str) -> str:
    """Warn of calibration images that were not prepared as the network's images are.

    Args:
        found: Of the calibration images.
        expected: Of images in 0..1 when they are prepared.
        network: Its name.
    """
    if not _unlike(found, expected, SLACK, COVERED):
        return ""
    return (
        f"calibration data: images must be prepared as {network} takes them, in about "
        f"{_text(expected)}, got {_text(found)}"
    )


def against_calibration(found: Range, calibrated: Range) -> str:
    """Warn of evaluation images of another scale than the calibration images.

    Args:
        found: Of the first evaluation images.
        calibrated: Of the calibration images.
    """
    if not _unlike(found, calibrated, BEYOND, WITHIN):
        return ""
    return (
        f"evaluation data: images must be of the scale of the calibration images, "
        f"{_text(calibrated)}, got {_text(found)}"
    )


def against_training(deviations: tuple[float, float] | None, found: Range, network: str) -> str:
    """Warn of calibration images of another scale than the network was trained on.

    Args:
        deviations: That the network's first batch norm sees, and that it learned, above 0; None if
            they are not known.
        found: Of the calibration images.
        network: Its name.
    """
    if deviations is None or 1 / TIMES <= deviations[0] / deviations[1] <= TIMES:
        return ""
    return (
        f"calibration data: images must be of the scale that {network} was trained on, got "
        f"{_text(found)}, on which its first batch norm sees a deviation of {deviations[0]:.3g} "
        f"where it learned {deviations[1]:.3g}"
    )


def of_one_value(tensor: str, stats: TensorStats, samples: int) -> str:
    """Warn of calibration images of which one value outweighs all others."""
    count = stats.elements * samples
    farthest = max(stats.min, stats.max, key=lambda value: abs(value - stats.mean))
    if count < MANY or abs(farthest - stats.mean) <= OUTWEIGHS * stats.b * count:
        return ""
    return (
        f"calibration data: no value must outweigh all others, {tensor} has {farthest:.3g} among "
        f"{count:,} values; leave that image out"
    )


def _unlike(found: Range, expected: Range, slack: float, least: float) -> bool:
    """Whether a range lies far outside of another one, or covers little of it."""
    length = expected[1] - expected[0]
    outside = max(expected[0] - found[0], found[1] - expected[1])
    return outside > slack * length or found[1] - found[0] < least * length


def _text(found: Range) -> str:
    return f"{found[0]:.3g}..{found[1]:.3g}"
