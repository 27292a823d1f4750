"""Profiles of this machine for one network: its layers in onnxruntime, and what a message costs.

    python experiments/deployed_profile.py RUN FOLDER

measures the layers of the network of a run folder and writes ``edge.yaml`` and ``cloud.yaml``,
device profiles of model ``table``.  ``write_links`` makes the profiles of shaped links.
"""

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from deployed_links import HEADERS_BYTES, SHARE, Counted
from deployed_side import Row

from autosplit.deploy.profile import (
    NetworkProfile,
    profile_network,
    whole_plan,
    write_profile,
)
from autosplit.files import write_yaml
from autosplit.runs.folder import read_graph
from autosplit.runs.needs import require
from autosplit.runs.network import capture_network, load_network
from autosplit.runs.options import StatsOptions
from autosplit.runs.stamps import resolve
from autosplit.stats.statsfile import read_stats

ROUNDS = 3
"""Times that a network is measured, each in a process of its own."""
LINK_SOURCE = (
    "experiments/deployed.py: tc tbf at {bps:g} bit/s both ways, of which {share:.4f} are left for "
    "TCP in frames of 1,514 bytes; bytes and seconds of a message measured on the link unshaped."
)


def main(run: Path, folder: Path) -> None:
    """Measure the layers of a network as integers and as floats, and what it costs to cross."""
    options = resolve({}, require(run, "stats", "profile"), StatsOptions())
    graph = read_graph(run)
    program = capture_network(load_network(options), equalized=graph.equalized)
    plan = whole_plan(graph, read_stats(run))
    found = fastest([profile_network(program, plan, 1) for _ in range(ROUNDS)])
    for side in ("edge", "cloud"):
        write_profile(graph, found, 1, folder / f"{side}.yaml", f"this_{side}_{graph.name}")


def fastest(rounds: Sequence[NetworkProfile]) -> NetworkProfile:
    """Of each part of a profile the round that took the least: other programs only add to it."""
    widths = zip(*(one.widths for one in rounds), strict=True)
    prices = {
        tensor: (
            min(one.crossings[tensor][0] for one in rounds),
            min(one.crossings[tensor][1] for one in rounds),
        )
        for tensor in rounds[0].crossings
    }
    return NetworkProfile(tuple(min(one, key=lambda w: w.nodes.whole_s) for one in widths), prices)


def link_path(folder: Path, name: str) -> Path:
    """File of the profile of a shaped link."""
    return folder / f"link_{name}.yaml"


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
        paths[name] = link_path(folder, name)
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
