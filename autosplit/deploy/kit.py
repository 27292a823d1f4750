"""The kit: models of small networks that are measured on a device, and the profile fitted to them.

A folder has everything: the models, a script that needs onnxruntime and numpy alone, and the layers
of each network.  The script's ``result.json`` is checked before it is used: its own checksum, and
the SHA-256 of every model.
"""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autosplit.capture.capture import capture
from autosplit.deploy import measure_models
from autosplit.deploy.extras import need
from autosplit.deploy.kit_networks import NETWORKS, kit_network
from autosplit.deploy.measure_models import BESIDE_FILE, OPTIMIZED, checksum
from autosplit.deploy.node_seconds import layer_times, measure_fresh, read_measured, scaled_nodes
from autosplit.deploy.profile import (
    INT8_WEIGHTS,
    INTEGER_BITS,
    REAL_BITS,
    floats_of,
    integers_of,
    warn_of_load,
    whole_plan,
)
from autosplit.distortion.measure import measure
from autosplit.errors import DataError
from autosplit.files import read_json, sha256_of_file, write_json, write_yaml
from autosplit.graph.graphfile import graph_from_dict, graph_to_dict
from autosplit.hardware.fit import TimedLayer, fit_error, fit_layers
from autosplit.hardware.fitted import LANES
from autosplit.progress import Progress, silent

RESULT, LAYERS = "result.json", "kit.json"
SCRIPT = "measure_models.py"
KIT_PASSES = 3
"""Times that the kit is measured; the fastest of each model counts."""
_REFERENCE_OF = 1
"""The network whose floats run beside all others."""
_README = f"""\
Copy this folder to the device and run there, with onnxruntime and numpy installed:

    python {SCRIPT} . --threads 1 --passes 3

It takes at most some minutes, and writes {RESULT}.  Copy {RESULT} back into this folder, and run:

    autosplit profile --kit FOLDER --out device.yaml
"""


@dataclass(frozen=True, slots=True)
class FittedKit:
    """What the kit found.

    Attributes:
        fit: Width -> family -> kind of work -> seconds of a unit.
        layers: Layers that were measured, at each width.
        error: Median of the relative errors of the fit, of layers of more than 20 microseconds.
        drift: Largest change of the machine's speed over the kit.
        about: Runtime, machine and threads, as the result has them.
    """

    fit: Mapping[int, Mapping[str, Mapping[str, float]]]
    layers: int
    error: float
    drift: float
    about: Mapping[str, Any]


def write_kit(folder: Path, progress: Progress = silent, networks: int = NETWORKS) -> None:
    """Write the folder that is measured on a device.

    Args:
        folder: The kit.
        progress: Shows how far it is.
        networks: How many of the kit's networks; fewer in tests.
    """
    need("export", "onnx", "onnxruntime", "onnxscript")
    import onnx

    folder.mkdir(parents=True, exist_ok=True)
    graphs = {}
    with progress("kit: networks", networks) as advance:
        for place in range(networks):
            network, inputs = kit_network(place)
            program = capture(network, inputs, f"kit{place:02}")
            stats = measure(program, partial(iter, [inputs]), (INTEGER_BITS,))
            plan = whole_plan(program.graph, stats)
            name = program.graph.name
            onnx.save(integers_of(program, plan), folder / f"{name}-{INTEGER_BITS}.onnx")
            onnx.save(floats_of(program), folder / f"{name}-{REAL_BITS}.onnx")
            graphs[name] = graph_to_dict(program.graph)
            advance(1)
    beside = min(_REFERENCE_OF, networks - 1)
    shutil.copy(folder / f"kit{beside:02}-{REAL_BITS}.onnx", folder / BESIDE_FILE)
    shutil.copy(str(measure_models.__file__), folder / SCRIPT)
    write_json(folder / LAYERS, "kit", {"networks": graphs, "models": _hashes(folder)})
    (folder / "README.txt").write_text(_README, encoding="utf-8")


def profile_kit(folder: Path, threads: int, out: Path, progress: Progress = silent) -> FittedKit:
    """Make the kit where there is none, measure it where that is not done, and fit a profile to it.

    Args:
        folder: The kit.
        threads: Threads that onnxruntime computes with, where the kit is measured here.
        out: The profile, a YAML file.
        progress: Shows how far it is.

    Raises:
        DataError: The result is not that of this kit, was edited, or is too noisy.
        FileError: A file of the kit is missing or broken.
    """
    if not (folder / LAYERS).is_file():
        write_kit(folder, progress)
    if not (folder / RESULT).is_file():
        need("export", "onnxruntime")
        warn_of_load()
        with progress("kit: measuring", 1) as advance:
            measure_fresh(folder, threads, KIT_PASSES)
            advance(1)
    found = read_kit(folder)
    write_fitted(found, out)
    return found


def read_kit(folder: Path) -> FittedKit:
    """Fit what was measured of a kit.

    Args:
        folder: The kit, with the result that came back.

    Raises:
        DataError: The result is not that of this kit, was edited, or is too noisy.
        FileError: A file of the kit is missing or broken.
    """
    kit = read_json(folder / LAYERS, "kit")
    result = _result(folder / RESULT, kit["models"])
    usual_s = statistics.median(one["reference_s"] for one in result["models"].values())
    timed = list(_timed(kit["networks"], result, usual_s))
    speeds = [one["reference_s"] / usual_s for one in result["models"].values()]
    fit = fit_layers(timed)
    about = {key: result[key] for key in ("onnxruntime", "machine", "threads")}
    drift = max(abs(speed - 1) for speed in speeds)
    return FittedKit(fit, len(timed) // 2, fit_error(fit, timed), drift, about)


def _timed(
    networks: Mapping[str, Any], result: Mapping[str, Any], usual_s: float
) -> Iterator[TimedLayer]:
    """Every layer at every width, at the machine's usual speed."""
    measured = read_measured(result)
    for name, data in networks.items():
        graph = graph_from_dict(data, name)
        for bits in (INTEGER_BITS, REAL_BITS):
            one = measured[f"{name}-{bits}"]
            speed = usual_s / result["models"][f"{name}-{bits}"]["reference_s"]
            times = layer_times(scaled_nodes(one.nodes, one.whole_s), list(graph.by_name))
            for layer in graph.layers:
                yield TimedLayer(layer, bits, speed * times.layers[layer.name])


def _result(path: Path, models: Mapping[str, str]) -> dict[str, Any]:
    """The result of a kit.

    Raises:
        DataError: It is none, was edited, or is of other models.
    """
    found = read_json(path, "measured")
    if found.get("checksum") != checksum({"schema": "autosplit/measured/1", **found}):
        raise DataError(
            f"{path}: must be as {SCRIPT} wrote it, its checksum is of other content; measure again"
        )
    problem = _shape_problem(found, models)
    if problem:
        raise DataError(f"{path}: {problem}; run {SCRIPT} of this kit again")
    return found


def _shape_problem(found: Mapping[str, Any], models: Mapping[str, str]) -> str:
    """What keeps a result from being one of all models of a kit; empty if nothing does."""
    if found.get("files") != models:
        return "must be of the models of this kit, is of other ones"
    absent = sorted({"onnxruntime", "machine", "threads", "models"} - found.keys())
    if absent:
        return f"must have {', '.join(absent)}"
    for name in sorted(one.removesuffix(".onnx") for one in models if one != BESIDE_FILE):
        measured = found["models"].get(name)
        if measured is None:
            return f"must have all models of the kit, has no {name}"
        if not all(measured.get(key, 0) > 0 for key in ("whole_s", "runs", "reference_s")):
            return f"{name}: must have seconds, runs and seconds of the reference above 0"
    return ""


def _hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of the models."""
    paths = (path for path in folder.glob("*.onnx") if not path.name.endswith(OPTIMIZED))
    return {path.name: sha256_of_file(path) for path in sorted(paths)}


def write_fitted(found: FittedKit, out: Path) -> None:
    """Write a device profile of model ``fitted``."""
    runtime = f"onnxruntime {found.about['onnxruntime']}"
    about = {
        "name": out.stem,
        "source": f"Fitted by autosplit profile --kit to {found.layers} layers measured in "
        f"{runtime} on {found.about['machine']}, threads: {found.about['threads']}, batch 1; "
        f"median error of a layer of the kit {100 * found.error:.0f} %. Seconds of a unit of "
        f"work, channels padded to {LANES}.",
        "model": "fitted",
        "fit": {bits: {k: dict(v) for k, v in one.items()} for bits, one in found.fit.items()},
        "float_bits": REAL_BITS,
        "int8_weights": INT8_WEIGHTS,
        "runtime": runtime,
    }
    write_yaml(out, "device", about, 2)


def kit_words(found: FittedKit) -> str:
    """What was found, in two lines."""
    families = sorted({name for one in found.fit.values() for name in one})
    return (
        f"{found.layers} layers at {INTEGER_BITS} and {REAL_BITS} bits, median error of a layer "
        f"{100 * found.error:.0f} %; the machine's speed changed by up to "
        f"{100 * found.drift:.0f} %\nfamilies: {', '.join(families)}"
    )
