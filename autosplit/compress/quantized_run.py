"""A plan's edge half with gradients: weights and activations on grids whose steps are trained.

Steps are kept as their logarithms; ``quantizers/`` says how they are learned.  Zero points stay
those of the plan.  Training starts from the plan as it was finished: each weight is moved into the
cell of its code, at most 0.3 steps from its level.  Nearer to the edge of its cell, a weight that
finishing rounded away from its nearest level would leave the cell with the first steps of an
optimizer.  Weights are learned in units of their first step, and biases in units of their spread,
so that one learning rate suits layers and widths of any scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from autosplit.capture.operators import arguments, weight_argument
from autosplit.capture.program import Program
from autosplit.compress.quantizers.dorefa import bent, largest, unbent
from autosplit.compress.quantizers.registry import BENDS_WEIGHTS, QUANTIZERS, final_step
from autosplit.finish.bias_correction import can_be_corrected
from autosplit.grid.grid import Grid
from autosplit.plan.planfile import PlanFile
from autosplit.quantize.affine import numbers_along, quantize_to_levels

_CELL = 0.3
"""How far from its level, in steps, a weight starts at most."""
_WEIGHT_SHARE = 5.0
"""Learning rate of weights, which have a step as their unit, in that of all else."""
_LEAST_UNIT = 1e-3


class QuantizedRun(nn.Module):
    """The network with a plan's quantized tensors, trainable.

    Args:
        program: The captured network.
        file: The finished plan.
        quantizer: A name of ``QUANTIZERS``.
    """

    def __init__(self, program: Program, file: PlanFile, quantizer: str = "lsq") -> None:
        super().__init__()
        self._quantizer, self._quantize = quantizer, QUANTIZERS[quantizer]
        self._program, self._file = program, file
        self.latent, self.steps = nn.ParameterDict(), nn.ParameterDict()
        self.biases = nn.ParameterDict()
        self._layers: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._tensor_keys: dict[str, str] = {}
        self._zeros: dict[str, Tensor] = {}
        self._units: dict[str, Tensor] = {}
        self._reach: dict[str, Tensor] = {}
        for place, (layer, grid) in enumerate(file.weights.items()):
            if isinstance(grid, Grid):
                self._add_weight(f"{place}", layer, grid)
        self._bias_units: dict[str, Tensor] = {}
        self._readers = self._bias_readers()
        jpeg = program.graph.inputs if file.plan.input_coding is not None else ()
        self._tensors: dict[str, str] = {}
        for place, (tensor, grid) in enumerate(file.activations.items()):
            if isinstance(grid, Grid) and tensor not in jpeg:
                self._tensors[program.nodes[tensor]] = tensor
                self.steps[f"a{place}"] = nn.Parameter(torch.tensor(grid.scale).log())
                self._tensor_keys[tensor] = f"a{place}"

    def _add_weight(self, key: str, layer: str, grid: Grid) -> None:
        program, file = self._program, self._file
        axis, weight = program.weights[layer].axis, program.weight(layer)
        scale, zero = numbers_along(grid, axis, weight.dim())
        levels = (
            torch.from_numpy(file.codes[layer].reshape(weight.shape)).float() - zero
            if layer in file.codes
            else quantize_to_levels(weight, grid, axis)
        )
        assert isinstance(scale, Tensor)
        inside = (weight / scale - levels).clamp(-_CELL, _CELL)
        start, unit = (levels + inside) * scale, scale.clone()
        if self._quantizer in BENDS_WEIGHTS:
            self._reach[key] = largest(start)
            unit = unbent(scale, largest(start).maximum(scale))
            start = unbent(start, self._reach[key])
        self.latent[key] = nn.Parameter(start / unit)
        self._units[key] = unit
        self.steps[key] = nn.Parameter(scale.log())
        self._layers[program.weights[layer].target] = layer
        self._keys[layer] = key
        self._zeros[layer] = torch.as_tensor(zero)

    def _bias_readers(self) -> dict[str, str]:
        """Operator -> layer whose bias is trained; all readers of a weight share it."""
        readers: dict[str, list[fx.Node]] = {}
        for node in self._program.module.graph.nodes:
            weight = weight_argument(node) if node.op == "call_function" else None
            layer = None if weight is None else self._layers.get(str(weight.target))
            if layer is not None:
                readers.setdefault(layer, []).append(node)
        found: dict[str, str] = {}
        for layer, nodes in readers.items():
            if not all(can_be_corrected(node, nodes) for node in nodes):
                continue
            stored = arguments(nodes[0])["bias"]
            channels = len(self._file.weights[layer].scale)  # type: ignore[union-attr]
            own = torch.zeros(channels)
            if stored is not None:
                own = self._program.constant(str(stored.target)).clone()
            if layer in self._file.biases:
                own = torch.from_numpy(self._file.biases[layer].copy())
            unit = own.std(correction=0).clamp_min(_LEAST_UNIT)
            self._bias_units[self._keys[layer]] = unit
            self.biases[self._keys[layer]] = nn.Parameter(own / unit)
            found |= {node.name: layer for node in nodes}
        return found

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The network's outputs, with gradients."""
        found: tuple[Tensor, ...] = _Quantizing(self).run(*inputs)
        return found

    def first_not_finite(self, *inputs: Tensor) -> str:
        """Name of the first tensor that is not finite for some inputs; empty without any."""
        run = _Quantizing(self)
        with torch.no_grad():
            run.run(*inputs)
        return next(iter(run.broken), "")

    def weight(self, layer: str) -> Tensor:
        """A layer's weight on its grid."""
        key, grid = self._keys[layer], self._file.weights[layer]
        assert isinstance(grid, Grid)
        latent = self._values(key)
        elements = latent.numel() / len(grid.scale)
        zero, step = self._zeros[layer], self.steps[key]
        found: Tensor = self._quantize(latent, step, zero, grid.bits, elements)
        return found

    def _values(self, key: str) -> Tensor:
        """A layer's weight before it is put on its grid."""
        found: Tensor = self.latent[key] * self._units[key]
        return bent(found, self._reach[key]) if key in self._reach else found

    def bias(self, key: str) -> Tensor:
        """A layer's bias, by the key of its weight."""
        found: Tensor = self.biases[key] * self._bias_units[key]
        return found

    def groups(self) -> list[dict[str, Any]]:
        """Parameters for an optimizer, with the share of the learning rate that each kind has."""
        kinds = ((self.latent, _WEIGHT_SHARE), (self.steps, 1.0), (self.biases, 1.0))
        return [{"params": list(kind.values()), "share": share} for kind, share in kinds if kind]

    def activation(self, tensor: str, value: Tensor) -> Tensor:
        """An activation on its grid."""
        grid = self._file.activations[tensor]
        assert isinstance(grid, Grid)
        step, zero = self.steps[self._tensor_keys[tensor]], torch.tensor(float(grid.zero_point[0]))
        return self._quantize(value, step, zero, grid.bits, value[0].numel())

    def plan(self) -> PlanFile:
        """The plan with the integers, steps and biases as they are now."""
        weights, activations = dict(self._file.weights), dict(self._file.activations)
        codes, biases = dict(self._file.codes), dict(self._file.biases)
        with torch.no_grad():
            for layer in self._layers.values():
                key, before = self._keys[layer], weights[layer]
                assert isinstance(before, Grid)
                scale = final_step(self._quantizer, self.steps[key]).flatten().numpy()
                grid = Grid(before.bits, scale.astype(np.float32), before.zero_point)
                weights[layer] = grid
                axis = self._program.weights[layer].axis
                levels = quantize_to_levels(self._values(key).detach(), grid, axis)
                codes[layer] = (levels + self._zeros[layer]).to(torch.uint8).numpy()
                if key in self.biases:
                    biases[layer] = self.bias(key).detach().numpy().astype(np.float32)
            for tensor in self._tensors.values():
                old = activations[tensor]
                assert isinstance(old, Grid)
                step = final_step(self._quantizer, self.steps[self._tensor_keys[tensor]]).numpy()
                activations[tensor] = Grid(old.bits, step.astype(np.float32), old.zero_point)
        return replace(
            self._file, weights=weights, activations=activations, codes=codes, biases=biases
        )


class _Quantizing(fx.Interpreter):
    def __init__(self, run: QuantizedRun) -> None:
        super().__init__(run._program.module)  # noqa: SLF001
        self._run = run
        self.broken: list[str] = []

    def run_node(self, n: fx.Node) -> Any:
        run = self._run
        if n.op == "get_attr":
            layer = run._layers.get(str(n.target))  # noqa: SLF001
            return super().run_node(n).detach() if layer is None else run.weight(layer)
        owner = run._readers.get(n.name)  # noqa: SLF001
        if owner is not None:
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            call = {**_by_name(n, args), **kwargs, "bias": run.bias(run._keys[owner])}  # noqa: SLF001
            value = n.target(**call)  # type: ignore[operator]
        else:
            value = super().run_node(n)
        tensor = run._tensors.get(n.name)  # noqa: SLF001
        if not torch.is_grad_enabled() and not self.broken and not _is_finite_tensor(value):
            self.broken.append(str(tensor or owner or n.name))
        return value if tensor is None else run.activation(tensor, value)


def _by_name(node: fx.Node, args: Sequence[Any]) -> dict[str, Any]:
    """Arguments in order, by the names of the operator."""
    names = [one.name for one in node.target._schema.arguments]  # type: ignore[union-attr]  # noqa: SLF001
    return dict(zip(names, args, strict=False))


def _is_finite_tensor(value: Any) -> bool:
    """Whether a value is no tensor of floats, or has finite elements alone."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return True
    return bool(value.isfinite().all())
