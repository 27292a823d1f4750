"""Profiles of this machine for one network: its layers in onnxruntime, and what a message costs.

    python experiments/deployed_profile.py RUN FOLDER

measures the layers of the network of a run folder and writes ``edge.yaml`` and ``cloud.yaml``,
device profiles of model ``table``.  ``write_links`` makes the profiles of shaped links.
"""

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnxruntime
from deployed_links import HEADERS_BYTES, SHARE, Counted
from deployed_side import Row

from autosplit.deploy.profile import (
    INT8_WEIGHTS,
    INTEGER_BITS,
    ProfiledWidth,
    profile_floats,
    profile_integers,
    whole_plan,
)
from autosplit.files import write_csv, write_yaml
from autosplit.graph.graph import Graph
from autosplit.hardware.tablefile import WIDTHS_HEADER
from autosplit.runs.folder import read_graph
from autosplit.runs.needs import require
from autosplit.runs.network import capture_network, load_network
from autosplit.runs.options import StatsOptions
from autosplit.runs.stamps import resolve
from autosplit.stats.statsfile import read_stats

SOURCE = (
    "Measured by experiments/deployed.py on the machine that it ran on: medians of onnxruntime "
    "{version} on one thread, {runs} runs, batch 1."
)
LINK_SOURCE = (
    "experiments/deployed.py: tc tbf at {bps:g} bit/s both ways, of which {share:.4f} are left for "
    "TCP in frames of 1,514 bytes; bytes and seconds of a message measured on the link unshaped."
)


def main(run: Path, folder: Path) -> None:
    """Measure the layers of a network as integers and as floats."""
    options = resolve({}, require(run, "stats", "profile"), StatsOptions())
    graph = read_graph(run)
    program = capture_network(load_network(options), equalized=graph.equalized)
    plan = whole_plan(graph, read_stats(run))
    integers, reals = profile_integers(program, plan, 1), profile_floats(program, 1)
    rows = [
        {
            "layer": layer.name,
            "weight_bits": INTEGER_BITS if layer.weight_elements else 0,
            "activation_bits": INTEGER_BITS,
            "seconds": integers.times.layers[layer.name],
        }
        for layer in graph.layers
    ]
    write_csv(folder / "edge.csv", WIDTHS_HEADER, rows)
    _write(folder, "edge", graph, integers, {"int8_weights": INT8_WEIGHTS}, 2)
    rows = [{"layer": name, "seconds": one} for name, one in reals.times.layers.items()]
    write_csv(folder / "cloud.csv", ("layer", "seconds"), rows)
    _write(folder, "cloud", graph, reals, {}, 1)


def _write(
    folder: Path,
    side: str,
    graph: Graph,
    found: ProfiledWidth,
    kept: Mapping[str, str],
    version: int,
) -> None:
    runs = found.nodes.runs
    about = {
        "name": f"this_{side}_{graph.name}",
        "source": SOURCE.format(version=onnxruntime.__version__, runs=runs),
        "model": "table",
        "table": f"{side}.csv",
        "float_bits": 32,
        **kept,
    }
    write_yaml(folder / f"{side}.yaml", "device", about, version)


def write_links(
    folder: Path, links: Mapping[str, float], raw: Sequence[Row], jpeg: Sequence[Row], wire: Counted
) -> dict[str, Path]:
    """Profiles of shaped links, from answers over the same link without a shaper.

    Args:
        folder: Gets ``link_NAME.yaml``.
        links: Name -> rate of the shaper, bits per second.
        raw: Answers of a plan that sends the network's input as it is.
        jpeg: Answers of a plan that sends it as a JPEG file.
        wire: What the first of these plans sent and got, an answer, beside its tensors.
    """
    message_s = _beside(raw)
    paths = {}
    for name, bps in links.items():
        paths[name] = folder / f"link_{name}.yaml"
        about = {
            "name": name,
            "source": LINK_SOURCE.format(bps=bps, share=SHARE),
            "uplink_bps": SHARE * bps,
            "downlink_bps": SHARE * bps,
            "message_bytes": wire.up_bytes + HEADERS_BYTES,  # of a packet that is not full
            "reply_bytes": wire.down_bytes + HEADERS_BYTES,
            "message_s": message_s,
            "jpeg_s": max(_beside(jpeg) - message_s, 0.0),
        }
        write_yaml(paths[name], "link", about)
    return paths


def _beside(answers: Sequence[Row]) -> float:
    """Median seconds of an answer beside its two halves."""
    return 1e-3 * statistics.median(float(one["own_ms"]) + float(one["link_ms"]) for one in answers)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="Run folder, after its statistics.")
    parser.add_argument("folder", type=Path, help="Folder for the profiles.")
    main(**vars(parser.parse_args()))
