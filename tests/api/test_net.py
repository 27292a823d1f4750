"""``autosplit.capture``: what it takes, and what it refuses in one line."""

import subprocess
import sys

import pytest
import torch
from small_net import IMAGES, module, searched
from torch import nn

import autosplit
from autosplit.errors import AutoSplitError


def test_a_captured_network_answers_as_its_module():
    with torch.no_grad():
        want = module()(IMAGES)

    (got,) = searched().net.program.run((IMAGES,))

    assert torch.allclose(got, want, atol=1e-5)


def test_layers_are_a_table_whose_macs_are_counted_by_hand():
    table = searched().net.to_pandas()

    # 8x8 pixels x 9 x 4 filters, 4x4 x 36 x 6, 96 x 5
    assert table["macs"].sum() == 64 * 9 * 4 + 16 * 36 * 6 + 96 * 5
    assert "3 layers, 6,240 multiply-accumulates" in repr(searched().net)


def test_a_bundled_network_is_captured_by_its_name():
    net = autosplit.capture("fashion-resnet")

    assert (net.name, len(net.graph.layers)) == ("fashion_resnet", 20)


def test_a_network_of_several_inputs_is_captured():
    class Sum(nn.Module):
        def forward(self, a, b):
            return torch.relu(a) + b

    net = autosplit.capture(Sum(), (torch.randn(2, 3), torch.randn(2, 3)))

    assert len(net.graph.inputs) == 2


@pytest.mark.parametrize(
    ("model", "example", "expected"),
    [
        (module(), None, "example: must be an input of the network .* got nothing"),
        (module(), "text", "example: must be an input of the network .* got str"),
        (module(), [1.0, 2.0], "got a list of float, float"),
        (3, IMAGES, "model: must be a torch.nn.Module.* got int"),
        ("no-such-network", None, "no-such-network"),
    ],
)
def test_what_is_no_network_or_no_example_is_one_clear_line(model, example, expected):
    with pytest.raises(AutoSplitError, match=expected) as caught:
        autosplit.capture(model, example)

    assert len(str(caught.value).splitlines()) == 1


ORDERS = [
    "import autosplit; f = autosplit.capture",
    "import autosplit.capture.program; import autosplit; f = autosplit.capture",
    "from autosplit.capture.capture import capture; import autosplit; f = autosplit.capture",
    "import autosplit; f = autosplit.capture; import autosplit.capture.layers",
    "from autosplit import capture as f",
]


@pytest.mark.parametrize("order", ORDERS)
def test_a_package_is_called_as_a_function_in_any_order_of_imports(order):
    code = (
        f"{order}\n"
        "import torch\n"
        "print(f(torch.nn.Linear(3, 2), torch.zeros(1, 3)))\n"
        "print((f.__doc__ or '').splitlines()[0])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.splitlines() == [
        "Net(Linear: 1 layers, 6 multiply-accumulates)",
        "Capture a network with torch.export and fuse its operators into layers.",
    ]


def test_the_import_is_light():
    code = (
        "import sys, time; s = time.perf_counter(); import autosplit; "
        "assert not {'torch', 'pandas', 'numpy'} & set(sys.modules); "
        "assert autosplit.Problem and autosplit.search and autosplit.Front; "
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "False"


def test_every_public_name_is_there_and_an_unknown_one_is_no_attribute():
    for name in autosplit.__all__:
        assert getattr(autosplit, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'serch'"):
        autosplit.serch
