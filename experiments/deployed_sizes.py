"""Print predicted and real bytes of the files of a bundle.

    python experiments/deployed_sizes.py RUN BUNDLE

A row is an edge half: its weights packed at their widths, with 4 bytes for each bias, as the search
counts them; its ONNX file; and the promise that the file has at most 1.03 times the packed weights
and 60 kB.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from autosplit.deploy.manifest import read_manifest
from autosplit.graph.memory import packed_bytes
from autosplit.runs.folder import read_graph, read_plans

FACTOR, BESIDE = 1.03, 60_000


def main(run: Path, bundle: Path) -> None:
    """Print the table."""
    graph, manifest = read_graph(run), read_manifest(bundle)
    files = read_plans(run, graph, [plan.name for plan in manifest.plans])
    print("plan,weights_bytes,bias_bytes,edge_file_bytes,most_bytes,kept,cloud_file_bytes")
    for plan in manifest.plans:
        searched = files[plan.name].plan
        layers = [graph.by_name[name] for name in searched.edge]
        weights = sum(
            packed_bytes(layer.weight_elements, searched.weight_bits[layer.name])
            for layer in layers
            if layer.name in searched.weight_bits
        )
        biases = 4 * sum(layer.fixed_elements for layer in layers)
        sizes = [
            0 if name is None else (bundle / name).stat().st_size
            for name in (plan.edge, plan.cloud)
        ]
        most = round(FACTOR * weights) + BESIDE
        print(plan.name, weights, biases, sizes[0], most, sizes[0] <= most, sizes[1], sep=",")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="Run folder that the plans are of.")
    parser.add_argument("bundle", type=Path, help="The bundle.")
    main(**vars(parser.parse_args()))
