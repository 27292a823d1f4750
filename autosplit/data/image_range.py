"""Whether images are of the scale that a network takes: each function returns a warning or "".

A warning is no error, because only the person who trained the network knows how images must be
prepared.  But images in 0..255 for a network that takes 0..1 make every plan worthless, and nothing
else would show it.
"""

from __future__ import annotations

from autosplit.stats.stats import TensorStats

ImageRange = tuple[float, float]
"""Least and greatest value of images."""

SLACK = 0.1
"""Images may lie outside of the expected range by this share of the range."""
COVERED = 0.6
"""Images must cover this share of the expected range.  Images in 0..1 cover half of -1..1; one
photo of little contrast covers 0.69 of its range."""
BEYOND = 0.5
"""Evaluation images may lie outside of the calibration images' range by this share of the range."""
WITHIN = 0.25
"""Evaluation images must cover this share of the calibration images' range."""
TIMES = 2.5
"""Largest ratio between two standard deviations that count as alike.  Bundled calibration sets are
within 1.2 times the deviations of training, and single images within 2.5 times; ImageNet's images
in 0..1 are at 1 / 4.4."""
CLOSE = 1.5
"""The same for ``ENOUGH_IMAGES`` images, where nothing but a guess says how they are prepared.  16
bundled images are within 1.13 times; prepared with other means and deviations, they were beyond
1.6 times, or their mean was further off than ``FAR_OFF``."""
FAR_OFF = 0.3
"""The mean of the first batch norm may be off by so many learned deviations; 16 bundled images are
within 0.07."""
ENOUGH_IMAGES = 16
OUTWEIGHS = 0.2
"""One value outweighs the others above this share of the sum of all deviations from the mean; one
value can have half of the sum at most."""
MANY = 1000
"""Among fewer values than these, one may well have that share."""


def warn_of_preparation(found: ImageRange, expected: ImageRange, network: str) -> str:
    """Warn of calibration images that were not prepared as the network's images are.

    Args:
        found: Range of the calibration images.
        expected: Range of images in 0..1 after the network's preparation.
        network: Name of the network.
    """
    if not _unlike(found, expected, SLACK, COVERED):
        return ""
    return (
        f"calibration data: inputs must be prepared as {network} takes them, in about "
        f"{_text(expected)}, got {_text(found)}"
    )


def warn_of_evaluation(found: ImageRange, calibrated: ImageRange) -> str:
    """Warn of evaluation images of another scale than the calibration images.

    Args:
        found: Range of the first evaluation images.
        calibrated: Range of the calibration images.
    """
    if not _unlike(found, calibrated, BEYOND, WITHIN):
        return ""
    return (
        f"evaluation data: inputs must be of the scale of the calibration inputs, "
        f"{_text(calibrated)}, got {_text(found)}"
    )


def warn_of_training_scale(
    deviations: tuple[float, float] | None, found: ImageRange, network: str
) -> str:
    """Warn of calibration images of another scale than the network was trained on.

    Args:
        deviations: The standard deviation that the network's first batch norm sees, and the one
            that it learned, both above 0; None if they are not known.
        found: Range of the calibration images.
        network: Name of the network.
    """
    if deviations is None or 1 / TIMES <= deviations[0] / deviations[1] <= TIMES:
        return ""
    return (
        f"calibration data: inputs must be of the scale that {network} was trained on, got "
        f"{_text(found)}, on which its first batch norm sees a deviation of {deviations[0]:.3g} "
        f"where it learned {deviations[1]:.3g}"
    )


def warn_of_assumed_preparation(
    deviations: tuple[float, float] | None, shift: float | None, network: str, remedy: str
) -> str:
    """Warn of images that were prepared by a guess, and not as the network's training images were.

    Args:
        deviations: Deviations, as ``warn_of_training_scale`` takes them.
        shift: How far the mean of that norm is from the one that it learned, in learned deviations.
        network: Name of the network.
        remedy: What changes the preparation.
    """
    if deviations is None or shift is None:
        return ""
    ratio = deviations[0] / deviations[1]
    if 1 / CLOSE <= ratio <= CLOSE and shift <= FAR_OFF:
        return ""
    return (
        f"calibration data: inputs must be prepared as those that {network} was trained on, its "
        f"first batch norm sees {ratio:.2g} times the deviation that it learned, and a mean "
        f"{shift:.2g} deviations off; {remedy}"
    )


def warn_of_one_value(tensor: str, stats: TensorStats, samples: int) -> str:
    """Warn of calibration images of which one value outweighs all others.

    Args:
        tensor: Name of the network's input.
        stats: Statistics of the input.
        samples: Number of calibration images.
    """
    count = stats.elements * samples
    farthest = max(stats.min, stats.max, key=lambda value: abs(value - stats.mean))
    if count < MANY or abs(farthest - stats.mean) <= OUTWEIGHS * stats.b * count:
        return ""
    return (
        f"calibration data: no value must outweigh all others, {tensor} has {farthest:.3g} among "
        f"{count:,} values; leave that sample out"
    )


def _unlike(found: ImageRange, expected: ImageRange, slack: float, least: float) -> bool:
    """Tell whether a range lies far outside of another one, or covers little of it."""
    length = expected[1] - expected[0]
    outside = max(expected[0] - found[0], found[1] - expected[1])
    return outside > slack * length or found[1] - found[0] < least * length


def _text(found: ImageRange) -> str:
    return f"{found[0]:.3g}..{found[1]:.3g}"
