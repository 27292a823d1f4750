"""A folder of images, sorted into one folder per class or unsorted -> files with labels."""

from dataclasses import dataclass
from pathlib import Path

from autosplit.errors import DataError

# The suffixes that torchvision.datasets.ImageFolder reads.
SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
PhotoFiles = list[tuple[Path, int | None]]
"""Files, each with the number of its class, or None."""


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The files of an image folder.

    Attributes:
        calibration: Files of the folder ``train`` inside it, or all files where there is none.
        evaluation: Files of the folder ``val`` inside it, or all files where there is none.
        classes: Names of the classes, in the order of their numbers; empty for unsorted files.
    """

    calibration: PhotoFiles
    evaluation: PhotoFiles
    classes: tuple[str, ...]


def read_image_folder(folder: Path) -> ImageFolder:
    """List the files of a folder, classes numbered in the order of their names.

    Raises:
        DataError: There is no such folder, or ``val`` has a class that ``train`` lacks.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: must be a folder of images, there is none")
    splits = [folder / name for name in ("train", "val") if (folder / name).is_dir()]
    train, val = (splits[0], splits[-1]) if splits else (folder, folder)
    classes = tuple(sorted(path.name for path in train.iterdir() if path.is_dir()))
    extra = {path.name for path in val.iterdir() if path.is_dir()} - set(classes)
    if extra:
        raise DataError(f"{val}: must have the classes of {train}, also has {min(extra)!r}")
    return ImageFolder(_files(train, classes), _files(val, classes), classes)


def _files(folder: Path, classes: tuple[str, ...]) -> PhotoFiles:
    """List the images of each class in torchvision's order, or those of an unsorted folder."""
    if not classes:
        return [(path, None) for path in sorted(folder.iterdir()) if _is_image(path)]
    files: PhotoFiles = []
    for label, name in enumerate(classes):
        inside = sorted((folder / name).rglob("*"), key=lambda path: (str(path.parent), path.name))
        files += [(path, label) for path in inside if _is_image(path)]
    return files


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()
