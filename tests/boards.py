"""Devices, a link and a small graph whose seconds are counted by hand."""

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link

ARRAY = Device(
    name="array",
    source="made up for a test",
    model="systolic",
    float_bits=16,
    bandwidth_bytes_per_s=1e3,
    clock_hz=1e3,
    rows=2,
    cols=3,
    dataflow="os",
)
BOARD = Device(
    name="board",
    source="made up for a test",
    model="roofline",
    float_bits=32,
    bandwidth_bytes_per_s=1e3,
    peak_macs_per_s={4: 400.0, 8: 200.0, 32: 100.0},
)
BENCH = Device(
    name="bench",
    source="made up for a test",
    model="table",
    float_bits=32,
    table={"conv": 0.5, "relu": 0.125, "fc": 0.25, "out": 0.0},
)
WIRE = Link(name="wire", source="made up for a test", uplink_bps=100.0, rtt_s=0.5)


def graph():
    """image (2, 4, 4) -> conv (3, 4, 4) -> skip = conv + pool; fc and fc2 share a weight."""
    return Graph(
        name="tiny",
        inputs={"image": (2, 4, 4)},
        layers=(
            Layer(
                name="conv",
                kind="conv",
                inputs=("image",),
                input_shapes=((2, 4, 4),),
                output_shape=(3, 4, 4),
                weight_elements=54,
                fixed_elements=3,
                gemms=(Gemm(16, 18, 3),),
                kernel=(3, 3),
            ),
            Layer(
                name="relu",
                kind="activation",
                inputs=("conv",),
                input_shapes=((3, 4, 4),),
                output_shape=(3, 4, 4),
            ),
            Layer(
                name="skip",
                kind="add",
                inputs=("conv", "relu"),
                input_shapes=((3, 4, 4), (3, 4, 4)),
                output_shape=(3, 4, 4),
            ),
            Layer(
                name="fc",
                kind="linear",
                inputs=("skip",),
                input_shapes=((48,),),
                output_shape=(48,),
                weight_elements=48 * 48,
                gemms=(Gemm(1, 48, 48),),
            ),
            Layer(
                name="fc2",
                kind="linear",
                inputs=("fc",),
                input_shapes=((48,),),
                output_shape=(48,),
                weight_elements=48 * 48,
                weight_owner="fc",
                gemms=(Gemm(1, 48, 48),),
            ),
        ),
        outputs=("fc2",),
    )


def uniform(tensors, bits):
    return dict.fromkeys(tensors, bits)


def one_layer(**changes):
    """A graph of one layer that reads (3, 4, 4)."""
    layer = Layer(
        **{
            "name": "it",
            "kind": "add",
            "inputs": ("image",),
            "input_shapes": ((3, 4, 4),),
            "output_shape": (3, 4, 4),
            **changes,
        }
    )
    return Graph("one", {"image": (3, 4, 4)}, (layer,), ("it",)), layer
