"""Name of a data set -> ``DataSet``; every kind of name has its function in a table at the foot."""

import importlib.util
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from autosplit.data.annotated import read_annotated
from autosplit.data.bundled import FASHION_MNIST, SCENES
from autosplit.data.crops import Crops, draw_crops
from autosplit.data.dirty import USUAL_RULES, LabelRules
from autosplit.data.idx import IdxPair
from autosplit.data.image_folder import read_image_folder
from autosplit.data.images import Images, Label
from autosplit.data.inputs import ONE_FLOAT, InputSpec
from autosplit.data.photos import Photos, of_annotated_size
from autosplit.data.preprocess import ImageToInput
from autosplit.data.python_batches import function_batches
from autosplit.data.python_file import is_python_spec
from autosplit.errors import DataError, MissingExtraError, did_you_mean

DEFAULT_CALIBRATION_IMAGES = 256
CROPS = 50
"""Crops of a demo photo."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """Images to measure the network on, and images to score it on.

    Attributes:
        name: Short name.
        calibration: Images that the statistics are measured on; their labels are not read.
        evaluation: Images that accuracy is measured on.
        classes: Number of classes of the labels; None when it is not known.
        labels: Names of the classes of pictures with boxes; empty for other data.
        shared: Whether calibration and evaluation take the same images.
        left_out: What is wrong with each annotation or picture that is left out.
    """

    name: str
    calibration: Images
    evaluation: Images
    classes: int | None
    labels: tuple[str, ...] = ()
    shared: bool = False
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _AskedData:
    """The arguments of ``load_data``; ``argument`` is the part of the name after the colon."""

    spec: str
    argument: str
    preprocess: ImageToInput
    calibration_images: int | None
    evaluation_images: int | None
    seed: int
    inputs: InputSpec
    rules: LabelRules


def load_data(
    spec: str,
    preprocess: ImageToInput,
    *,
    calibration_images: int | None = None,
    evaluation_images: int | None = None,
    seed: int = 0,
    inputs: InputSpec = ONE_FLOAT,
    calibration: str | None = None,
    rules: LabelRules = USUAL_RULES,
) -> DataSet:
    """Find a data set by name.

    Args:
        spec: One of

            - ``demo``: the 20 labelled ImageNet photos in the package foolbox, which serve for
              calibration and evaluation both;
            - ``demo-crops``: 50 crops without labels of each of these photos; crops of every other
              photo serve for calibration, crops of the other ten for evaluation;
            - ``fashion-mnist``: a bundled sample, 256 training and 1,000 test images;
            - ``fashion-mnist:DIR``: the four IDX files, gzipped or not; calibration takes the
              first images of the training set, evaluation the test set;
            - ``imagefolder:DIR``: one folder of images per class, or ``train`` and ``val``
              folders of such (calibration from the one, evaluation from the other), or a folder
              of images without labels.  Classes are numbered in the order of their names;
            - ``coco:DIR`` or ``coco:FILE``: pictures with boxes in the layout of COCO, Darknet,
              ultralytics or Pascal VOC (``annotated`` says what these are); calibration takes
              training pictures if they are there, else validation pictures;
            - ``scenes``: a bundled sample of such, scenes of garments;
            - ``path/to/file.py:function``: a function without arguments that returns batches,
              ``(inputs, labels)`` or inputs alone, or ``(calibration, evaluation)`` of them as a
              tuple or a dictionary.  Inputs are any nesting of tensors and go into the network
              as they are.
        preprocess: Makes a network input, float32 (C, H, W), of an image.
        calibration_images: How many images to calibrate on at most; when None, 256 images, or all
            images that a function gives.
        evaluation_images: How many images to evaluate on at most; when None, all.
        seed: Decides which photos of a folder are taken when fewer are asked for than there are.
        inputs: What the network takes, where a function gives the batches.
        calibration: Name of other data to calibrate on; None: the calibration part of ``spec``.
        rules: How annotations of boxes are read.

    Raises:
        DataError: The name is unknown, or there are no images, or they cannot be read.
        MissingExtraError: The package with the demo photos is not installed.
    """
    for what, number in (("calibration", calibration_images), ("evaluation", evaluation_images)):
        if number is not None and number < 1:
            raise DataError(f"{spec}: must have at least 1 {what} image, got {number}")
    limits = calibration_images, evaluation_images
    argument = spec.partition(":")[2]
    asked = _AskedData(spec, argument, preprocess, *limits, seed, inputs, rules)
    data = _load_asked(asked)
    if calibration is None or calibration == spec:
        return data
    other = replace(asked, spec=calibration, argument=calibration.partition(":")[2])
    return replace(data, calibration=_load_asked(other).calibration, shared=False)


def _load_asked(asked: _AskedData) -> DataSet:
    data = _builder(asked.spec)(asked)
    _check_parts(data, asked.spec)
    return data


def _builder(spec: str) -> Callable[[_AskedData], DataSet]:
    """The function that makes data sets of a name's kind."""
    name, _, argument = spec.partition(":")
    if is_python_spec(spec):
        return _python_file
    if name in _KINDS and bool(argument) in _KINDS[name][1]:
        return _KINDS[name][0]
    kinds = [
        f"{kind}:DIR" if folder else kind
        for kind, (_, allowed) in _KINDS.items()
        for folder in sorted(allowed)
    ]
    kinds.append("FILE.py:FUNCTION")
    raise DataError(f"data: unknown name {spec!r}{did_you_mean(spec, kinds)}")


def _check_parts(data: DataSet, spec: str) -> None:
    for what, images in (("calibration", data.calibration), ("evaluation", data.evaluation)):
        if not len(images):
            raise DataError(f"{spec}: must hold images for {what}, there are none")


def _demo_photos(spec: str) -> list[Path]:
    found = importlib.util.find_spec("foolbox")
    if found is None or found.origin is None:
        raise MissingExtraError(
            f"{spec}: needs the photos of the package foolbox, "
            "install it with: pip install 'autosplit[demo]'"
        )
    return sorted((Path(found.origin).parent / "data").glob("imagenet_*.jpg"))


def _demo(asked: _AskedData) -> DataSet:
    paths = _demo_photos(asked.spec)
    photos = [(path, int(path.stem.rpartition("_")[2])) for path in paths]
    return DataSet(
        "demo",
        _sample(photos, asked.calibration_images, asked),
        _sample(photos, asked.evaluation_images, asked),
        1000,
        shared=True,
    )


def _demo_crops(asked: _AskedData) -> DataSet:
    paths = _demo_photos(asked.spec)
    limits = asked.calibration_images or DEFAULT_CALIBRATION_IMAGES, asked.evaluation_images
    calibration, evaluation = (
        Images(Crops(draw_crops(paths[part::2], CROPS, part), asked.preprocess), limits[part])
        for part in (0, 1)
    )
    return DataSet("demo-crops", calibration, evaluation, None)


def _fashion_mnist(asked: _AskedData) -> DataSet:
    folder = Path(asked.argument) if asked.argument else FASHION_MNIST
    calibration, evaluation = (
        IdxPair(
            _idx_file(folder, f"{split}-images-idx3-ubyte"),
            _idx_file(folder, f"{split}-labels-idx1-ubyte"),
            asked.preprocess,
        )
        for split in ("train", "t10k")
    )
    return DataSet(
        "fashion-mnist",
        Images(calibration, asked.calibration_images or DEFAULT_CALIBRATION_IMAGES),
        Images(evaluation, asked.evaluation_images),
        10,
    )


def _idx_file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"{folder}: must hold the file {name} or {name}.gz, has neither")


def _image_folder(asked: _AskedData) -> DataSet:
    folder = Path(asked.argument)
    found = read_image_folder(folder)
    calibration_images = asked.calibration_images or DEFAULT_CALIBRATION_IMAGES
    return DataSet(
        folder.resolve().name,
        _sample(found.calibration, calibration_images, asked),
        _sample(found.evaluation, asked.evaluation_images, asked),
        len(found.classes) or None,
        shared=found.calibration == found.evaluation,
    )


def _coco(asked: _AskedData) -> DataSet:
    folder = Path(asked.argument) if asked.argument else SCENES
    train, val = read_annotated(folder, asked.rules)
    left_out = [*(train or val).left_out, *val.left_out]
    parts = []
    for pictures, limit in (
        (train or val, asked.calibration_images or DEFAULT_CALIBRATION_IMAGES),
        (val, asked.evaluation_images),
    ):
        chosen = _chosen(pictures.files, limit, asked)
        sound, wrong = of_annotated_size(chosen, str(folder), asked.rules)
        left_out += wrong
        parts.append(Images(Photos(sound, asked.preprocess)))
    return DataSet(
        folder.resolve().name,
        parts[0],
        parts[1],
        len(val.classes),
        labels=val.classes,
        shared=train is None,
        left_out=tuple(dict.fromkeys(left_out)),
    )


def _sample(
    photos: Iterable[tuple[Path, Label | None]], limit: int | None, asked: _AskedData
) -> Images:
    """Take photos at random."""
    return Images(Photos(_chosen(photos, limit, asked), asked.preprocess))


def _chosen(
    photos: Iterable[tuple[Path, Label | None]], limit: int | None, asked: _AskedData
) -> tuple[tuple[Path, Label | None], ...]:
    """Take files at random, for the first ones of a folder are all of one class."""
    chosen = list(photos)
    if limit is not None and limit < len(chosen):
        places = sorted(random.Random(asked.seed).sample(range(len(chosen)), limit))  # noqa: S311
        chosen = [chosen[place] for place in places]
    return tuple(chosen)


def _python_file(asked: _AskedData) -> DataSet:
    calibration, evaluation = function_batches(asked.spec, asked.seed, asked.inputs)
    axes = asked.inputs.axes
    return DataSet(
        asked.spec.rpartition(":")[2],
        Images(calibration, asked.calibration_images, axes),
        Images(evaluation, asked.evaluation_images, axes),
        None,
        shared=calibration.same_parts,
    )


_KINDS: dict[str, tuple[Callable[[_AskedData], DataSet], set[bool]]] = {
    "demo": (_demo, {False}),
    "demo-crops": (_demo_crops, {False}),
    "fashion-mnist": (_fashion_mnist, {False, True}),
    "imagefolder": (_image_folder, {True}),
    "coco": (_coco, {True}),
    "scenes": (_coco, {False}),
}
"""Kind of data set -> its function, and whether an argument may or must follow a colon."""
