"""What belongs to a network and is not in its file: a YAML file beside it, ``NAME.autosplit.yaml``.

It says how pictures are prepared, which task the network has, which output is scored, and the names
of its classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autosplit.data.asked_preprocess import AskedPreprocess, adjusted, prepared_numbers
from autosplit.data.preprocess import STYLES, ImageToInput, Preprocess
from autosplit.errors import FileError, OptionError
from autosplit.files import check_keys, read_yaml, write_yaml
from autosplit.models.asked_model import BuiltNetwork

_KEYS = ("preprocess", "task", "output", "classes", "variant")
_NUMBERS = ("whole", "resize", "crop", "mean", "std", "interpolation", "channels")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar says; None and empty where it says nothing.

    Attributes:
        preprocess: Sizes, mean, deviation, interpolation and channels; ``whole``, how whole
            pictures become inputs.
        task: Name of the task.
        output: Name of the output that is scored.
        classes: Names of the classes.
        assumed: Whether the preparation is a guess, as it was for a variant's parent.
    """

    preprocess: Mapping[str, Any]
    task: str | None = None
    output: str | None = None
    classes: tuple[str, ...] = ()
    assumed: bool = False


def sidecar_path(file: Path) -> Path:
    """Return the place of a network's sidecar.

    >>> str(sidecar_path(Path("nets/mine.pt2")))
    'nets/mine.autosplit.yaml'
    """
    return file.with_suffix(".autosplit.yaml")


def write_sidecar(
    file: Path,
    preprocess: ImageToInput,
    *,
    task: str | None = None,
    output: str | None = None,
    classes: Sequence[str] = (),
    variant: Mapping[str, Any] | None = None,
) -> Path:
    """Write what belongs to a network beside its file.

    Args:
        file: File of the network.
        preprocess: Makes an input of a picture.
        task: Name of the task, if it is known.
        output: Name of the output that is scored, if it is known.
        classes: Names of the classes, if they are known.
        variant: What is known of a variant, if the network is one.

    Returns:
        The path of the sidecar.
    """
    data: dict[str, Any] = {}
    numbers = prepared_numbers(preprocess)
    if numbers:
        data["preprocess"] = numbers
    known = {"task": task, "output": output, "classes": list(classes), "variant": variant}
    data |= {key: value for key, value in known.items() if value}
    path = sidecar_path(file)
    write_yaml(path, "network", data)
    return path


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Raises:
        FileError: It is no such file, or says something else; all problems at once.
    """
    data = read_yaml(path, "network")
    problems = check_keys(data, (), _KEYS, where=str(path))
    said = data.get("preprocess", {})
    problems += check_keys(said, (), _NUMBERS, where=f"{path}: preprocess")
    for key in ("task", "output"):
        if not isinstance(data.get(key, ""), str):
            problems.append(f"{path}: {key}: must be text, got {data[key]!r:.60}")
    if not isinstance(data.get("variant", {}), dict):
        problems.append(f"{path}: variant: must be a mapping, got {data['variant']!r:.60}")
    classes = data.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(one, str) for one in classes):
        problems.append(f"{path}: classes: must be a list of names, got {classes!r:.60}")
    if not problems:
        problems = _wrong_numbers(said, path)
    if problems:
        raise FileError("; ".join(problems))
    assumed = bool(data.get("variant", {}).get("assumed"))
    return Sidecar(said, data.get("task"), data.get("output"), tuple(classes), assumed)


def _wrong_numbers(said: Mapping[str, Any], path: Path) -> list[str]:
    problems = []
    for key, least in (("resize", 1), ("crop", 1), ("mean", None), ("std", None)):
        values = said.get(key)
        if values is None:
            continue
        kinds = int if least else (int, float)
        good = (
            isinstance(values, list)
            and values
            and all(
                isinstance(one, kinds)
                and not isinstance(one, bool)
                and abs(one) < 1e6
                and (least is None or one >= least)
                for one in values
            )
        )
        if not good or (least and len(values) != 2):
            what = "two whole numbers of at least 1" if least else "a list of numbers"
            problems.append(f"{path}: preprocess: {key}: must be {what}, got {values!r:.60}")
    texts = {key: said.get(key, "") for key in ("whole", "interpolation", "channels")}
    return problems + [
        f"{path}: preprocess: {key}: must be text, got {value!r:.60}"
        for key, value in texts.items()
        if not isinstance(value, str)
    ]


def with_sidecar(built: BuiltNetwork, spec: str) -> BuiltNetwork:
    """Complete a network by the sidecar of its file, if there is one.

    Args:
        built: The network.
        spec: Name of the network, ``FILE`` or ``FILE.py:FUNCTION``.

    Raises:
        FileError: The sidecar is wrong, or does not suit the network.
    """
    file = Path(spec if Path(spec).is_file() else spec.rpartition(":")[0])
    path = sidecar_path(file) if file.name and file.is_file() else None
    if path is None or not path.is_file():
        return built
    said = read_sidecar(path)
    prepare, assumed = built.preprocess, built.assumed
    if said.preprocess:
        prepare, assumed = _prepared(built, said.preprocess, path), said.assumed
    return replace(
        built,
        preprocess=prepare,
        assumed=assumed,
        labels=said.classes or built.labels,
        task=said.task or built.task,
        output=said.output or built.output,
        definition=built.definition + path.read_bytes(),
    )


def _prepared(built: BuiltNetwork, said: Mapping[str, Any], path: Path) -> ImageToInput:
    """The preparation that a sidecar says.

    Raises:
        FileError: The network takes other pictures.
    """
    asked = AskedPreprocess(
        mean=tuple(said["mean"]) if "mean" in said else None,
        std=tuple(said["std"]) if "std" in said else None,
        interpolation=said.get("interpolation"),
        channels=said.get("channels"),
        preprocess=said.get("whole"),
    )
    if asked.preprocess not in (None, *STYLES):
        raise FileError(f"{path}: preprocess: whole: must be one of {', '.join(STYLES)}")
    try:
        found = adjusted(built.preprocess, asked, built.name)
    except (OptionError, KeyError) as error:
        raise FileError(f"{path}: preprocess: {error}") from error
    if not isinstance(found, Preprocess):
        return found
    crop = tuple(said.get("crop", found.crop))
    if crop != found.crop:
        raise FileError(
            f"{path}: preprocess: crop: must be the size of the network's input, {found.crop}, got "
            f"{crop}"
        )
    return replace(found, resize=tuple(said.get("resize", found.resize)))
