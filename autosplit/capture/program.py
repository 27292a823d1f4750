"""A captured network: its fused program, its graph, and how it is run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.batch_axis import BatchLayout
from autosplit.capture.inputs import OTHER_AXIS, Structure
from autosplit.capture.lookups import lookup_problem
from autosplit.errors import DataError
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import by_x

Watch = Callable[[str, Tensor], None]
Batch = Any
"""Samples: the only input of a network, (n, ...), or all inputs, nested as the example was."""
Batches = Callable[[], Iterator[Batch]]
"""Gives the same batches each time it is called."""
STEP_ELEMENTS = 5_000_000
"""Most elements of the largest tensor of one step: 20 MB.  glibc's malloc gives blocks above 32 MB
back to the system at once, and writing to fresh pages then takes as long as computing."""
_ALIVE = 1e-3
"""A channel counts as switched off below this share of the largest channel's deviation."""


@dataclass(frozen=True, slots=True)
class WeightRef:
    """Where a program stores a weight that can be quantized.

    Attributes:
        target: ``get_attr`` target of the weight.
        axis: Axis of the weight's output channels.
    """

    target: str
    axis: int


@dataclass(frozen=True, slots=True)
class Trained:
    """What a batch norm learned of its training data.

    Attributes:
        node: Name of the node that writes the norm's output.
        deviation: Standard deviation of that output on the training data, per channel, shape (C,).
        mean: Mean of that output on the training data, likewise; None: unknown.
    """

    node: str
    deviation: Tensor
    mean: Tensor | None = None


@dataclass(frozen=True)
class Program:
    """A captured network: the fused program that runs, and the graph that describes it.

    Attributes:
        graph: The layers, in the order in which the program runs them.
        module: The operators, batch norms folded; takes the network's inputs and gives a tuple of
            its outputs.
        nodes: Tensor (network input or layer) -> name of the node that writes it.
        weights: Layer that stores a weight -> where the weight is.
        layouts: Tensor -> where its batch dimension is.
        batch_size: The only batch size that the program can run; None if it can run any.
        cast_from: Types other than float32 that the network computes in; the program computes in
            float32.
        trained: What the first batch norm with trained statistics learned; None without one.
        structure: How the inputs nest; None: one tensor for each, in order.
        answers: Names of the outputs, from ``answers.answer_names``.
        masked: Inputs that may be minus infinity, which hides something.
    """

    graph: Graph
    module: fx.GraphModule
    nodes: Mapping[str, str]
    weights: Mapping[str, WeightRef]
    layouts: Mapping[str, BatchLayout]
    batch_size: int | None = None
    cast_from: tuple[str, ...] = ()
    trained: Trained | None = None
    structure: Structure | None = None
    answers: tuple[str, ...] = ()
    masked: frozenset[str] = frozenset()

    def flatten(self, batch: Batch) -> tuple[Tensor, ...]:
        """The network's inputs as ``run`` takes them.

        Args:
            batch: Inputs that nest as the example did, or a flat sequence of them.

        Raises:
            DataError: They nest in another way.
        """
        if isinstance(batch, Tensor):
            return (batch,)
        if self.structure is None:
            return tuple(batch)
        return self.structure.flatten(batch)

    def count(self, inputs: Sequence[Tensor]) -> int:
        """Number of samples in some inputs."""
        pairs = zip(self.graph.inputs, inputs, strict=False)
        return next(
            self.layouts[name].batch(value)
            for name, value in pairs
            if self.layouts[name].axis is not None
        )

    @property
    def step(self) -> int:
        """Samples to run at a time: few enough that memory is used again, or the fixed batch."""
        graph = self.graph
        largest = max(map(graph.elements, (*graph.inputs, *graph.by_name)))
        return self.batch_size or max(1, STEP_ELEMENTS // largest)

    def steps(self, batch: Batch, most: int | None = None) -> Iterator[tuple[Tensor, ...]]:
        """A batch of the network's inputs, ``step`` samples at a time.

        Args:
            batch: One tensor, or one for each input.
            most: Most samples at a time, at least one; a fixed batch size takes precedence.
        """
        size = self.step
        if most is not None and self.batch_size is None:
            size = max(min(size, most), 1)
        inputs = self.flatten(batch)
        steps = -(-self.count(inputs) // size)
        axes = [self.layouts[name].axis for name in self.graph.inputs]
        parts = [
            [value] * steps if axis is None else value.split(size, axis)
            for value, axis in zip(inputs, axes, strict=True)
        ]
        return zip(*parts, strict=True)

    @property
    def is_trainable(self) -> bool:
        """Whether its parameters can be trained, so that its numbers may change."""
        return any(True for _ in self.module.parameters())

    @property
    def weights_sha256(self) -> str:
        """Hex digest of all numbers that the program stores, bit for bit, in order of first use."""
        return self._digest_now() if self.is_trainable else self._digest

    @cached_property
    def _digest(self) -> str:
        return self._digest_now()

    def _digest_now(self) -> str:
        digest, nodes = hashlib.sha256(), self.module.graph.nodes
        for name in dict.fromkeys(str(node.target) for node in nodes if node.op == "get_attr"):
            value = self.constant(name).contiguous()
            digest.update(f"{value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.view(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def weight(self, layer: str) -> Tensor:
        """The float weight that a layer stores."""
        return self.constant(self.weights[layer].target)

    def constant(self, target: str) -> Tensor:
        """The value of a parameter or a constant by its ``get_attr`` target, without gradients."""
        value: Tensor = getattr(self.module, target)
        return value.detach()

    def samples(self, tensor: str, value: Tensor) -> Tensor:
        """A tensor's value with the batch first: shape (batch, ...), one row per sample."""
        return self.layouts[tensor].samples_first(value)

    def run(self, inputs: Sequence[Tensor], watch: Watch | None = None) -> tuple[Tensor, ...]:
        """Run the program, showing ``watch`` every tensor by its name as it is written.

        Args:
            inputs: The network's inputs, each (batch, ...).
            watch: Called with the name and the value of each input and each layer's output; it
                must not change the value.

        Raises:
            DataError: An input is missing, or no tensor of the type and shape that the network was
                captured with.
        """
        self._check_inputs(inputs)
        tensor_of = {node: tensor for tensor, node in self.nodes.items()}
        with torch.no_grad():
            return _Watched(self.module, tensor_of, watch).run(*inputs)  # type: ignore[no-any-return]

    def deviations(self, inputs: Sequence[Tensor]) -> tuple[float, float] | None:
        """Standard deviations of the first batch norm's output: on some inputs, and as learned.

        The two tell whether inputs are scaled as they were in training.

        Args:
            inputs: The network's inputs, each (batch, ...).

        Returns:
            Both deviations of one channel, the one where their ratio is the median over all
            channels that are not switched off; None without such a norm or channel.
        """
        found, alive = self._first_norm(inputs)
        if self.trained is None or found is None or not alive.any():
            return None
        learned = self.trained.deviation[alive]
        deviations = found.double().std(1, correction=0)[alive]
        middle = (deviations / learned).median(0).indices
        return float(deviations[middle]), float(learned[middle])

    def shift(self, inputs: Sequence[Tensor]) -> float | None:
        """How far the mean of the first batch norm's output is from the one that it learned.

        Args:
            inputs: The network's inputs, each (batch, ...).

        Returns:
            In learned standard deviations, the median over channels that are not switched off;
            None without such a norm or channel.
        """
        found, alive = self._first_norm(inputs)
        trained = self.trained
        if trained is None or trained.mean is None or found is None or not alive.any():
            return None
        moved = (found.double().mean(1) - trained.mean).abs() / trained.deviation
        return float(moved[alive].median())

    def _first_norm(self, inputs: Sequence[Tensor]) -> tuple[Tensor | None, Tensor]:
        """Output of the first batch norm, (channels, values), and which channels are in use."""
        if self.trained is None:
            return None, torch.zeros(0, dtype=torch.bool)
        part = fx.Graph()
        copied: dict[fx.Node, fx.Node] = {}
        for node in self.module.graph.nodes:
            copied[node] = part.node_copy(node, copied.__getitem__)
            if node.name == self.trained.node:
                part.output(copied[node])
                break
        with torch.no_grad():
            value = fx.GraphModule(self.module, part)(*inputs)
        value = value[0] if isinstance(value, tuple) else value
        learned = self.trained.deviation
        return value.movedim(1, 0).flatten(1), learned > _ALIVE * learned.max()

    def _check_inputs(self, inputs: Sequence[Any]) -> None:
        """Refuse inputs of another number, type or shape than those of the capture."""
        about, names = f"that {self.graph.name} was captured with", list(self.graph.inputs)
        if len(inputs) != len(names):
            raise DataError(
                f"inputs: must be the {len(names)} {about} ({', '.join(names)}), got {len(inputs)}"
            )
        nodes = (node for node in self.module.graph.nodes if node.op == "placeholder")
        for name, node, value in zip(names, nodes, inputs, strict=True):
            dtype, found = node.meta["val"].dtype, getattr(value, "dtype", type(value).__name__)
            if dtype != found:
                text = str(dtype).removeprefix("torch.")
                raise DataError(
                    f"{name}: must be a tensor of the type {text} {about}, got "
                    f"{str(found).removeprefix('torch.')}"
                )
            shape, sample = self.graph.inputs[name], self.layouts[name].sample_shape(value.shape)
            if tuple(sample) != shape:
                remedy = "see --input-size" if len(shape) == 3 else OTHER_AXIS
                raise DataError(
                    f"{name}: a sample must have the shape "
                    f"{by_x(shape) or 'of a number'} {about}, got "
                    f"{by_x(sample) or 'a number'}; {remedy}"
                )
            if not value.numel():
                raise DataError(f"{name}: must have at least one sample, got none")


class _Watched(fx.Interpreter):
    """Runs a program, frees each value after its last reader, and shows the named tensors."""

    def __init__(
        self, module: fx.GraphModule, tensor_of: Mapping[str, str], watch: Watch | None
    ) -> None:
        super().__init__(module)
        self._tensor_of = tensor_of
        self._watch = watch

    def run_node(self, n: fx.Node) -> Any:
        try:
            value = super().run_node(n)
        except (IndexError, RuntimeError) as error:
            problem = lookup_problem(n, self.env)
            if not problem:
                raise
            self.extra_traceback = False  # the line says where
            raise DataError(problem) from error
        if n.op == "get_attr":  # torch multiplies by a matrix that takes gradients in another order
            return value.detach()
        if self._watch is not None and n.name in self._tensor_of:
            self._watch(self._tensor_of[n.name], value)
        return value
