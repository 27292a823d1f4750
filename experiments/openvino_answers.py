"""Run the edge halves of a bundle with OpenVINO and compare them with the integers of onnxruntime.

    pip install 'autosplit[openvino]'
    python experiments/openvino_answers.py BUNDLE --source PICTURES

OpenVINO computes with floats between the grids.
"""

from __future__ import annotations

import argparse
import importlib
from itertools import islice
from pathlib import Path

import numpy as np

from autosplit.deploy.extras import need
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.sessions import open_session
from autosplit.deploy.sources import list_sources, read_source

MOST_SAMPLES = 64


def main(bundle: Path, source: Path) -> None:
    """Print a line for each plan: how many integers differ, and of answers how far, and classes."""
    need("openvino", "openvino")
    core = importlib.import_module("openvino").Core()
    manifest = read_manifest(bundle)
    print("plan,samples,integers,different,furthest,answer_difference,same_class")
    for plan in manifest.plans:
        if plan.edge is None:
            continue
        exact = open_session(bundle / plan.edge)
        other = core.compile_model(core.read_model(bundle / plan.edge), "CPU")
        taken = [one.name for one in exact.get_inputs()]
        names = [one.name for one in exact.get_outputs()]
        samples = integers = different = furthest = same = answers = 0
        far = 0.0
        every = (one for path in list_sources(source) for one in read_source(path, manifest, plan))
        for inputs in islice(every, MOST_SAMPLES):
            given = {name: inputs[name] for name in taken}
            found = other(given)
            samples += 1
            for name, want in zip(names, exact.run(names, given), strict=True):
                got = found[name]
                if name.startswith("sent:"):
                    steps = np.abs(want.astype(int) - got.astype(int))
                    integers += want.size
                    different += int((steps > 0).sum())
                    furthest = max(furthest, int(steps.max()))
                else:
                    answers += 1
                    far = max(far, float(np.abs(want - got).max() / np.abs(want).max()))
                    same += int(want.argmax() == got.argmax())
        ends = (f"{far:.3g}", f"{same} of {answers}") if answers else ("", "")
        print(plan.name, samples, integers, different, furthest, *ends, sep=",")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="The bundle.")
    parser.add_argument("--source", type=Path, required=True, help="As for autosplit infer.")
    main(**vars(parser.parse_args()))
