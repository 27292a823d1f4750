"""Imports point down: which module may know which, and that the search needs no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "autosplit"
ORDER = (
    # numbers and files: no torch from here ...
    "errors files progress graph jpeg profiles stats scale options plan effort quantized "
    "latency task coco darknet_lists detection "
    "search.relaxation search.problem search.pareto search.thin search.cuts "
    "search.states search.prefixes search.allocate search.weights search.activations "
    "search.division search.price search.seconds "
    "search.mincut search.joint_pool search.joint_priced "
    "search.joint_labels search.joint_front search.ideals search.joint_milp search.joint_limits "
    "search.joint_sides search.joint search.limited search.baselines search.ours "
    "search.original search.overrides search.methods "
    "looks report runfolder summary sweepfile sweeptask sweepfigure sweepjobs pack "
    # ... to here
    "fakequant clipping operators fuse precision layout layers capture equalize measure partition "
    "answers replay rounding columns gain sensitivity integers learned matching recover pyfile idx "
    "images "
    "evaluate lapq finishing records "
    "networks.fashion_resnet networks.yolo_decode networks.darknet_activations "
    "networks.darknet_cfg networks.darknet_layers networks.darknet networks.darknet_weights "
    "preprocess saved modelspec detectors models data boxscore scoring "
    "drawing stages detect sweep cli"
).split()
RANK = {name: rank for rank, name in enumerate(ORDER)}
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.rglob("[!_]*.py")
}
WITHOUT_TORCH = (*ORDER[: RANK["fakequant"]], "stages", "sweep", "cli")


def imports(path):
    """Modules of the package that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            inside = module in ("autosplit", "autosplit.search")
            names = [f"{module}.{alias.name}" for alias in node.names] if inside else [module]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            if name.startswith(("autosplit.", ".")) and name != "autosplit.__version__":
                yield name.removeprefix("autosplit.")


def test_every_module_has_a_place():
    assert set(FILES) == set(ORDER)


@pytest.mark.parametrize("name", sorted(FILES))
def test_imports_point_down(name):
    above = [found for found in imports(FILES[name]) if RANK.get(found, 999) >= RANK.get(name, 0)]
    assert above == []


def test_the_search_and_the_command_line_start_without_torch():
    modules = ", ".join(f"autosplit.{name}" for name in WITHOUT_TORCH)
    code = (
        f"import sys, {modules}; print([m for m in ('torch', 'torchvision') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
