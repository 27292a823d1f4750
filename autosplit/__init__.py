"""Where to cut a network between an edge device and the cloud, and the bits of its edge half.

From Python::

    import autosplit

    net = autosplit.capture(model, example)
    stats = autosplit.measure(net, batches)
    problem = autosplit.Problem(net.graph, stats, edge="raspberry_pi_4", cloud="nvidia_t4",
                                links=["3mbps"], memory="4MiB")
    front = autosplit.search(problem)
    scores = autosplit.evaluate(net, front, data)
    pick = front.pick("3mbps", scores, max_drop=1.0)

``autosplit.run(model=..., data=...)`` does all of it in a run folder, as the command line does.
``autosplit.read_sweep(file)`` reads the table that ``autosplit sweep`` wrote.
Nothing below is imported before it is used, so ``import autosplit`` is fast and needs no torch.

The packages, in order: a package imports only from packages that come before it in this table.  The
``__init__.py`` of each is its map: it names the file of each formula and method.

| package | holds |
| --- | --- |
| ``graph`` | layers, cuts; live memory, bytes on the wire, mean widths, bit operations |
| ``halves.wire`` | messages: the tensors of a cut as bytes, packed integers, JPEG files |
| ``grid`` | the integer grid, histograms, clipping rules |
| ``hardware`` | profiles of devices and links; roofline, systolic cycles, measured tables |
| ``stats`` | what was measured of each tensor |
| ``plan`` | plans, their files, checks, pins |
| ``search`` | knapsack, Lagrangian bounds, MILP, min-cut, baselines |
| ``capture`` | ``torch.export``, batch norm folding, fusion into layers, im2col |
| ``data``, ``models`` | data sets and networks by name |
| ``quantize`` | affine quantizer, GPTQ, coordinate descent, straight-through estimator |
| ``distortion`` | KL divergence, Fisher information, moments, distortion metrics |
| ``halves`` | edge half, cloud half, exact integers |
| ``finish`` | AdaRound, bias correction, joint clipping |
| ``evaluate`` | tasks, accuracy, average precision, early stopping |
| ``escalation`` | answers of the edge where it is sure, of the cloud where not |
| ``report`` | the pick, tables, the Pareto figure, the HTML page of a run |
| ``runs`` | run folders, options, the five stages |
| ``api`` | the functions and objects of ``import autosplit`` |
| ``compress`` | pruned variants of a network, and plans trained with their integers (QAT) |
| ``deploy`` | bundles of both halves as ONNX files, the server, the client of a device |
| ``sweep`` | many networks, devices and links in one table |
| ``detect`` | drawings of a detector's boxes |
| ``cli`` | the command line |
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autosplit.api.data import load_data
    from autosplit.api.evaluation import evaluate
    from autosplit.api.front import Front, search
    from autosplit.api.measurement import measure
    from autosplit.api.net import Net, capture
    from autosplit.api.problem import Problem
    from autosplit.api.run import Run, open_run, run
    from autosplit.api.scores import Scores
    from autosplit.errors import AutoSplitError
    from autosplit.hardware.device import Device, load_device
    from autosplit.hardware.link import Link, load_link
    from autosplit.models.load import load_model
    from autosplit.report.pick import Pick
    from autosplit.sweep.table import SweepTable, read_sweep

__version__ = "0.2.0"
__all__ = [
    "AutoSplitError",
    "Device",
    "Front",
    "Link",
    "Net",
    "Pick",
    "Problem",
    "Run",
    "Scores",
    "SweepTable",
    "capture",
    "evaluate",
    "load_data",
    "load_device",
    "load_link",
    "load_model",
    "measure",
    "open_run",
    "read_sweep",
    "run",
    "search",
]

_PLACES = {
    "AutoSplitError": "errors",
    "Device": "hardware.device",
    "Front": "api.front",
    "Link": "hardware.link",
    "Net": "api.net",
    "Pick": "report.pick",
    "Problem": "api.problem",
    "Run": "api.run",
    "Scores": "api.scores",
    "SweepTable": "sweep.table",
    "load_data": "api.data",
    "load_device": "hardware.device",
    "load_link": "hardware.link",
    "load_model": "models.load",
    "measure": "api.measurement",
    "open_run": "api.run",
    "read_sweep": "sweep.table",
    "run": "api.run",
}
"""Public name -> module that has it."""
_PACKAGES = ("capture", "evaluate", "search")
"""Public functions whose names are packages too; ``callable_package`` says how that works."""


def __getattr__(name: str) -> Any:
    """Import what a public name stands for, at its first use."""
    if name in _PACKAGES:
        return import_module(f"autosplit.{name}")
    if name in _PLACES:
        value = getattr(import_module(f"autosplit.{_PLACES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'autosplit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
