"""Seconds of each layer as onnxruntime runs it on this machine, as profiles of model ``table``."""

from pathlib import Path

import onnxruntime

from autosplit.capture.program import Program
from autosplit.deploy.profile import ProfiledWidth, profile_floats, profile_integers
from autosplit.files import write_csv, write_yaml
from autosplit.plan.planfile import PlanFile

SOURCE = (
    "Measured by experiments/deployed.py on the machine that it ran on: medians of onnxruntime "
    "{version} on one thread, {runs} runs, batch 1."
)


def write_profiles(program: Program, file: PlanFile, folder: Path) -> None:
    """Measure a network's layers as integers and as floats.

    Args:
        program: The captured network.
        file: A plan that computes all of it on the edge, at 8 bits.
        folder: Gets ``edge.yaml`` and ``cloud.yaml`` with their tables.
    """
    _write(folder, "edge", profile_integers(program, file, 1))
    _write(folder, "cloud", profile_floats(program, 1))


def _write(folder: Path, name: str, found: ProfiledWidth) -> None:
    layers = found.times.layers
    rows = [{"layer": one, "seconds": seconds} for one, seconds in layers.items()]
    write_csv(folder / f"{name}.csv", ("layer", "seconds"), rows)
    about = {
        "name": f"this_{name}",
        "source": SOURCE.format(version=onnxruntime.__version__, runs=found.nodes.runs),
        "model": "table",
        "table": f"{name}.csv",
        "float_bits": 32,
    }
    write_yaml(folder / f"{name}.yaml", "device", about)
