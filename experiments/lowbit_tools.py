"""Post-training quantization tools, each a function with the same arguments."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from scenes_bits import make_plan, weight_widths
from torch import Tensor, nn

from autosplit.capture.capture import capture
from autosplit.capture.program import Program
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import sensitivity
from autosplit.evaluate.outputs import plan_outputs
from autosplit.finish.effort import EFFORTS
from autosplit.finish.layerwise import recover
from autosplit.halves.deployed import deploy

Logits = Callable[[Tensor], Tensor]


class WidthError(Exception):
    """The tool lacks the width, or leaves layers in floating point."""


@dataclass(frozen=True)
class ToolJob:
    """What a tool is to quantize, and how coarsely.

    Attributes:
        module: The float network.
        example: One input, shape (1, C, H, W).
        calibration: Batches of inputs.
        weight_bits: Average width of the weights.
        activation_bits: Width of every activation.
        effort: Effort of autosplit; other tools ignore it.
    """

    module: nn.Module
    example: Tensor
    calibration: list[Tensor]
    weight_bits: float
    activation_bits: int
    effort: str = ""

    def width(self) -> int:
        """The width of every weight."""
        if self.weight_bits != int(self.weight_bits):
            raise WidthError(f"no uniform width is {self.weight_bits}")
        return int(self.weight_bits)


@dataclass(frozen=True)
class Made:
    """A quantized network.

    Attributes:
        logits: Function that runs the network on a batch.
        search_s: Seconds from the float network to the widths; None if the tool does not tell.
        total_s: Seconds from the float network to the quantized network.
    """

    logits: Logits
    search_s: float | None
    total_s: float


def mixed(job: ToolJob) -> Made:
    """Quantize with autosplit: widths of least distortion within both averages."""
    return _ours(job, "mixed")


def uniform(job: ToolJob) -> Made:
    """Quantize with autosplit: all weights at one width."""
    job.width()
    return _ours(job, "uniform")


def _ours(job: ToolJob, kind: str) -> Made:
    start = time.perf_counter()
    program: Program = capture(job.module, (job.example,), "network")
    stats = measure(program, lambda: iter(job.calibration))
    if kind == "mixed":
        finished = EFFORTS[job.effort].rounding != "nearest"
        stats = sensitivity(program, lambda: iter(job.calibration), stats, finished=finished)
    bits = job.weight_bits if kind == "mixed" else job.width()
    widths = weight_widths(program, stats, kind, bits)
    searched = time.perf_counter() - start
    file = make_plan(program, stats, "lowbit", widths, job.activation_bits, kind)
    file = recover(program, file, lambda: iter(job.calibration), EFFORTS[job.effort])
    deployed = deploy(program, file)
    total = time.perf_counter() - start
    return Made(lambda images: plan_outputs(deployed, images)[0], searched, total)


def plain(module: nn.Module, example: Tensor) -> nn.Module:
    """Copy a network; every convolution becomes torch's own class, which other tools recognize.

    The convolution of EfficientNet-Lite is a subclass that pads its own input.  An even padding
    becomes the padding of the convolution; an uneven padding becomes a layer before it.

    Raises:
        ValueError: The answers differ by more than 1e-5 of the greatest answer.
    """
    found = copy.deepcopy(module)
    for name, layer in list(found.named_modules()):
        if isinstance(layer, nn.Conv2d) and type(layer) is not nn.Conv2d:
            found.set_submodule(name, _plain(layer))
    with torch.no_grad():
        exact, same = module(example), found(example)
    off = float((same - exact).abs().max() / exact.abs().max())
    if not off <= 1e-5:
        raise ValueError(f"plain: the copy must answer as the network, differs by {off:.1e}")
    return found


def _plain(layer: nn.Conv2d) -> nn.Module:
    before = getattr(layer, "static_padding", None)
    sides = before.padding if isinstance(before, nn.ZeroPad2d) else (0, 0, 0, 0)
    left, right, top, bottom = sides
    even = (left, top) == (right, bottom)
    own = tuple(layer.padding)
    conv = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        tuple(layer.stride),
        (own[0] + top, own[1] + left) if even else own,
        layer.dilation,
        layer.groups,
        bias=layer.bias is not None,
    )
    conv.weight, conv.bias = layer.weight, layer.bias
    return conv if even else nn.Sequential(nn.ZeroPad2d(sides), conv)


def torchao(job: ToolJob) -> Made:
    """Quantize with torchao: pt2e, x86 Inductor quantizer, its observers, narrower integers."""
    from torchao.quantization.pt2e import quantize_pt2e  # noqa: PLC0415 - not always there
    from torchao.quantization.pt2e.quantizer import (  # noqa: PLC0415
        x86_inductor_quantizer as x86,
    )

    given = x86.get_default_x86_inductor_quantization_config()
    bits = job.width()
    weight = replace(given.weight, quant_min=-(2 ** (bits - 1)), quant_max=2 ** (bits - 1) - 1)
    activation = replace(given.input_activation, quant_max=2**job.activation_bits - 1)
    config = replace(
        given, input_activation=activation, output_activation=activation, weight=weight
    )
    module = plain(job.module, job.example)
    start = time.perf_counter()
    batch = job.calibration[0][:2]
    dynamic = ({0: torch.export.Dim("n", min=1, max=4096)},)
    # strict: otherwise a rectifier that a module calls twice counts as one layer of two outputs
    exported = torch.export.export(module, (batch,), dynamic_shapes=dynamic, strict=True).module()
    quantizer = x86.X86InductorQuantizer().set_global(config)
    prepared = quantize_pt2e.prepare_pt2e(exported, quantizer)
    with torch.no_grad():
        for images in job.calibration:
            prepared(images)
    converted = quantize_pt2e.convert_pt2e(prepared)
    total = time.perf_counter() - start
    layers = sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in job.module.modules())
    done = sum("dequantize_per_channel" in str(node.target) for node in converted.graph.nodes)
    if done < layers:  # it knows convolutions by their class, and says nothing of others
        raise WidthError(f"it quantized {done} of {layers} layers")
    return Made(converted, 0.0, total)


def mct(job: ToolJob) -> Made:
    """Quantize with Sony's toolkit: all weights at one width."""
    return _mct(job, (job.width(),))


def mct_mixed(job: ToolJob) -> Made:
    """Quantize with Sony's toolkit: widths 2, 4 and 8 of its platform within the memory."""
    if job.weight_bits == 8:
        raise WidthError("mixed precision at 8 bits is its uniform width")
    return _mct(job, (8, 4, 2))


def mct_affine(job: ToolJob) -> Made:
    """Quantize with Sony's toolkit: any step of activations instead of powers of two."""
    return _mct(job, (job.width(),), "UNIFORM")


def _mct(job: ToolJob, widths: tuple[int, ...], method: str = "POWER_OF_TWO") -> Made:
    import model_compression_toolkit as toolkit  # noqa: PLC0415 - slow, and not always there
    from model_compression_toolkit.target_platform_capabilities.tpc_models.imx500_tpc.v1_0 import (  # noqa: PLC0415
        tpc,
    )

    base, _, other = tpc.get_op_quantization_configs()
    bits: dict[str, Any] = {
        "activation_quantization_method": tpc.QuantizationMethod[method],
        "activation_n_bits": job.activation_bits,
        "supported_input_activation_n_bits": (job.activation_bits,),
    }
    kernel = tpc.KERNEL_ATTR
    each = [
        base.clone_and_edit(attr_to_edit={kernel: {tpc.WEIGHTS_N_BITS: width}}, **bits)
        for width in widths
    ]
    platform = tpc.generate_tpc(other.clone_and_edit(**bits), each[0], each, "lowbit")
    weights = sum(
        layer.weight.numel()
        for layer in job.module.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    )
    memory = toolkit.core.ResourceUtilization(weights_memory=weights * job.weight_bits / 8)
    config = toolkit.core.CoreConfig(
        mixed_precision_config=toolkit.core.MixedPrecisionQuantizationConfig(
            num_of_images=min(32, sum(map(len, job.calibration)))
        )
    )
    module = plain(job.module, job.example)
    start = time.perf_counter()
    quantized, _ = toolkit.ptq.pytorch_post_training_quantization(
        module,
        lambda: ([images] for images in job.calibration),
        target_resource_utilization=memory if len(widths) > 1 else None,
        core_config=config,
        target_platform_capabilities=platform,
    )
    return Made(quantized.cpu().eval(), None, time.perf_counter() - start)


TOOLS: dict[str, Callable[[ToolJob], Made]] = {
    "ours mixed": mixed,
    "ours uniform": uniform,
    "torchao": torchao,
    "mct": mct,
    "mct affine": mct_affine,
    "mct mixed": mct_mixed,
}
