"""A captured network: what ``autosplit.capture`` gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from autosplit.errors import ModelError, counted
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import LAYERS_HEADER, layer_rows

if TYPE_CHECKING:
    from pandas import DataFrame
    from PIL.Image import Image
    from torch import Tensor, nn
    from torch.export import ExportedProgram

    from autosplit.capture.program import Program
    from autosplit.models.load import Model


@dataclass(frozen=True, eq=False)
class Net:
    """A captured network.

    Attributes:
        program: Operators of the network, fused into layers; it runs.
        model: The network as it was before, how its images are prepared, and how its answers are
            read.
    """

    program: Program
    model: Model

    @property
    def graph(self) -> Graph:
        """Its layers and the tensors between them."""
        return self.program.graph

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.graph.name

    def to_pandas(self) -> DataFrame:
        """One row per layer, as in ``layers.csv``."""
        from pandas import DataFrame

        return DataFrame(layer_rows(self.graph), columns=list(LAYERS_HEADER)).set_index("name")

    def __repr__(self) -> str:
        layers = self.graph.layers
        macs = sum(layer.macs for layer in layers)
        return f"Net({self.name}: {counted(len(layers), 'layer')}, {macs:,} multiply-accumulates)"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.to_pandas().to_html()}"


def capture(
    model: nn.Module | ExportedProgram | Model | str,
    example: Any = None,
    *,
    batch_axis: int | Sequence[int | None] = 0,
    name: str | None = None,
    preprocess: Callable[[Image], Tensor] | None = None,
    equalize: bool = False,
) -> Net:
    """Capture a network with torch.export and fuse its operators into layers.

    The network is captured in eval mode and stays as it was.  What is captured is checked: its
    output on the example equals the network's.

    Args:
        model: A module, a program of torch.export, what ``autosplit.load_model`` gives, or the name
            or file of a network as ``--model`` takes it, such as ``fashion-resnet``.
        example: One example input, (batch, ...); a tuple with one entry for each argument, or a
            dictionary of arguments by name, each any nesting of tensors.  Needed for a module.
        batch_axis: Axis of the batch in all tensors of the example, or in each; None for a tensor
            that is the same for any batch.
        name: Name of the network; by default that of its class or file.
        preprocess: Makes an input, float32 (C, H, W), of a picture; by default that of the loaded
            network, or for a module the usual one for the shape of its example.
        equalize: Whether weights of neighbouring layers are scaled to each other first.

    Raises:
        ModelError: The model is none of these, or the example is missing or of another type.
        CaptureError: torch.export cannot trace the network, or an operator is not understood.
        DataError: The example does not fit the network.
    """
    from torch import nn
    from torch.export import ExportedProgram

    from autosplit.models.load import Model, load_model
    from autosplit.runs.network import capture_network, warn_of_precision

    if isinstance(model, str):
        model = load_model(model)
    if isinstance(model, Model):
        if example is not None:
            raise ModelError(f"{model.name}: has an example input of its own, takes no other one")
        inputs, loaded = model.example_input, model
    elif isinstance(model, nn.Module | ExportedProgram):
        inputs = _inputs(model, example)
        loaded = replace(_model_of(model, inputs), batch_axis=batch_axis)
    else:
        raise ModelError(
            "model: must be a torch.nn.Module, a torch.export program, a loaded model, or the name "
            f"of a network, got {type(model).__name__}"
        )
    loaded = replace(loaded, name=name or loaded.name, preprocess=preprocess or loaded.preprocess)
    program = capture_network(loaded, inputs, equalized=equalize)
    warn_of_precision(program)
    return Net(program, loaded)


def _model_of(network: nn.Module | ExportedProgram, example: Any) -> Model:
    """A network in memory, as if it had been loaded."""
    from torch.export import ExportedProgram

    from autosplit.models.asked_model import example_preprocess, safe_name
    from autosplit.models.load import Model

    program = network if isinstance(network, ExportedProgram) else None
    module = network.module() if isinstance(network, ExportedProgram) else network
    kind = "program" if program else type(network).__name__
    prepare = example_preprocess(example)
    return Model(safe_name(kind), module, program, example, prepare, "in memory", "")


def _inputs(model: nn.Module | ExportedProgram, example: Any) -> Any:
    """The example input.

    Raises:
        ModelError: It is missing, or something in it is no tensor.
    """
    from torch.export import ExportedProgram

    from autosplit.models.asked_model import example_tensors

    if example is None and isinstance(model, ExportedProgram) and model.example_inputs:
        args, kwargs = model.example_inputs
        example = args or kwargs
    if example_tensors(example):
        return tuple(example) if isinstance(example, list) else example
    found = "nothing" if example is None else type(example).__name__
    if isinstance(example, tuple | list):
        found = f"a {found} of {', '.join(type(x).__name__ for x in example) or 'nothing'}"
    raise ModelError(
        "example: must be an input of the network with its batch dimension, or a tuple or a "
        f"dictionary of its arguments, got {found}"
    )
