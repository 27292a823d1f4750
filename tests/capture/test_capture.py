import math
import re
from dataclasses import replace
from pathlib import Path

import nets
import pytest
import torch
import torch.nn.functional as F
import torchvision
from nets import (
    REQUIRED,
    SIDE,
    Net,
    TwoInputs,
    batch_norm,
    captured,
    fused,
    relative_error,
    required,
)
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from autosplit.capture.capture import capture
from autosplit.capture.layout import BatchLayout
from autosplit.capture.program import Program
from autosplit.errors import CaptureError, DataError, ModelError
from autosplit.graph.graphfile import graph_to_dict
from autosplit.graph.layer import Gemm

HERE = Path(__file__)
FORWARD = re.escape(nets.__file__) + r":\d+"
"""Where the networks made here have their forward."""
IMAGE = (1, 3, 8, 8)


def program_of(network, *shapes):
    return capture(network, [torch.randn(shape) for shape in shapes or (IMAGE,)], "net")


def conv(channels=3, **options):
    return nn.Conv2d(3, channels, 3, padding=1, **options)


def same(program, network, *inputs):
    """Whether a program gives a network's outputs, in order."""
    with torch.no_grad():
        want = network(*(tensor.clone() for tensor in inputs))
    leaves = torch.utils._pytree.tree_leaves(want)
    pairs = zip(program.run(inputs), leaves, strict=True)
    return all(relative_error(got, expected) < 1e-4 for got, expected in pairs)


# ---- the required networks ----


@pytest.mark.parametrize("name", REQUIRED)
def test_the_fused_program_equals_the_network_on_other_images(name):
    found = captured(name)
    (answer,) = found.program.run((found.images,))
    assert relative_error(answer, found.answer) < 1e-4
    assert found.program.batch_size is None


def weighted(network):
    """Module -> its weight, of every module that multiplies by one."""
    weights = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            weights[f"{name}.in_proj"] = module.in_proj_weight
        elif isinstance(module, nn.Conv2d | nn.Linear):
            weights[name] = module.weight
    return weights


@pytest.mark.parametrize("name", REQUIRED)
def test_every_weight_is_a_layer_named_after_its_module(name):
    found = captured(name)
    layers = {layer.name: layer for layer in found.program.graph.layers if layer.weight_elements}
    weights = weighted(found.network)
    assert layers.keys() == weights.keys() == found.program.weights.keys()
    for layer, weight in weights.items():
        assert layers[layer].weight_owner == layer
        assert layers[layer].weight_elements == weight.numel()
        assert layers[layer].weight_channels == len(weight)
        assert found.program.weight(layer).shape == weight.shape
    names = [layer.name for layer in found.program.graph.layers]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", REQUIRED)
def test_parameters_that_stay_in_float_are_counted_once(name):
    """Biases, norms, embeddings: all that is no weight, minus norms that fold into a bias."""
    found = captured(name)
    parameters = sum(value.numel() for value in found.network.parameters())
    folded = 0
    names = {layer.name for layer in found.program.graph.layers}
    for path, module in found.network.named_modules():
        if isinstance(module, nn.BatchNorm2d) and path not in names:
            folded += module.num_features  # scale and shift become one bias
        elif isinstance(module, nn.BatchNorm2d):
            folded -= 2 * module.num_features  # mean and variance are no parameters
    stored = sum(
        layer.fixed_elements + (layer.weight_elements if layer.owns_weight else 0)
        for layer in found.program.graph.layers
    )
    assert stored == parameters - folded + computed_constants(name, found.network)


def computed_constants(name, network):
    """Elements that constants have more, once computed, than the parameters they come from."""
    if name != "swin_t":
        return 0
    blocks = [m for m in network.modules() if hasattr(m, "relative_position_bias_table")]
    pairs = sum(math.prod(block.get_relative_position_bias().shape) for block in blocks)
    table = sum(block.relative_position_bias_table.numel() for block in blocks)
    # One block in each of the first two stages is shifted; their 16 x 16 and 8 x 8 positions are
    # 3 x 3 and 2 x 2 windows of 7 x 7, each with a mask of all pairs.
    return pairs - table + (9 + 4) * 49**2


def counted_macs(network, images):
    """MACs of a network as torch counts them.

    With gradients and plain attention, because it has fast paths that torch does not count.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(images)
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", REQUIRED)
def test_macs_are_those_that_torch_counts(name):
    found = captured(name)
    macs = sum(layer.macs for layer in found.program.graph.layers)
    assert macs == counted_macs(found.network, found.images[:1])


def test_resnet50_has_its_published_macs():
    program = capture(required("resnet50"), (torch.randn(1, 3, 224, 224),), "resnet50")
    macs = sum(layer.macs for layer in program.graph.layers)
    assert macs == 4_089_184_256
    assert round(macs / 1e9, 3) == torchvision.models.ResNet50_Weights.DEFAULT.meta["_ops"]


@pytest.mark.slow
@pytest.mark.parametrize("name", REQUIRED)
def test_macs_are_the_published_ones(name):
    weights = torchvision.models.get_model_weights(name).DEFAULT
    side = 232 if name == "shufflenet" else 224
    program = capture(required(name, side), (torch.randn(1, 3, side, side),), name)
    macs = sum(layer.macs for layer in program.graph.layers)
    assert macs / 1e9 == pytest.approx(weights.meta["_ops"], abs=6e-4)


@pytest.mark.parametrize("name", REQUIRED)
def test_convolutions_keep_their_window_and_every_layer_its_shape(name):
    found = captured(name)
    layers = found.program.graph.by_name
    outputs = module_outputs(found.network, found.images[:2])
    for path, module in found.network.named_modules():
        if path in layers and isinstance(module, nn.Conv2d):
            layer = layers[path]
            window = (module.kernel_size, module.stride, module.padding, module.groups)
            assert (layer.kernel, layer.stride, layer.padding, layer.groups) == window
            assert (2, *layer.output_shape) == tuple(outputs[path].shape)
        elif path in layers and isinstance(outputs.get(path), torch.Tensor):
            assert 2 * layers[path].output_elements == outputs[path].numel()


def module_outputs(network, images):
    outputs = {}

    def keep(path):
        return lambda module, given, output: outputs.update({path: output})

    hooks = [module.register_forward_hook(keep(path)) for path, module in network.named_modules()]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return outputs


@pytest.mark.parametrize("name", REQUIRED)
def test_every_tensor_is_shown_with_its_samples_apart(name):
    """What a run shows of three images is what it shows of each, one after the other."""
    found = captured(name)
    program = found.program

    def shown(images):
        seen = {}
        program.run((images,), lambda tensor, value: seen.update({tensor: value.clone()}))
        return {tensor: program.samples(tensor, value) for tensor, value in seen.items()}

    together = shown(found.images)
    assert tuple(together) == program.graph.tensors
    alone = shown(found.images[1:2])
    for tensor, value in together.items():
        assert len(value) == 3
        assert value[1].numel() == program.graph.elements(tensor)
        assert relative_error(value[1], alone[tensor][0]) < 1e-4


def test_a_graph_is_the_same_every_time():
    again = capture(required("googlenet"), (torch.randn(1, 3, SIDE, SIDE),), "again")
    first = graph_to_dict(captured("googlenet").program.graph)
    assert {**graph_to_dict(again.graph), "name": first["name"]} == first


def test_resnet18_s_layers_are_those_one_would_name():
    names = [layer.name for layer in captured("resnet18").program.graph.layers]
    assert (
        names[:9]
        == (
            "conv1 maxpool layer1.0.conv1 layer1.0.conv2 layer1.0.add "
            "layer1.1.conv1 layer1.1.conv2 layer1.1.add layer2.0.conv1"
        ).split()
    )
    assert names[-4:] == ["layer4.1.conv2", "layer4.1.add", "avgpool", "fc"]


# ---- what a network may look like ----


def test_a_layer_beside_submodules_does_not_take_the_name_of_their_module():
    block = Net(lambda net, x: net.inner(x) + x, inner=conv(bias=False))
    network = Net(lambda net, x: net.block(x), block=block)
    assert fused(program_of(network)) == ["block.inner=conv2d", "block.add=add"]


class Functional(nn.Module):
    """No module inside: parameters and functions only."""

    def __init__(self):
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.w2 = nn.Parameter(torch.randn(5, 4))

    def forward(self, image):
        return F.linear(F.relu(F.conv2d(image, self.w1)).mean((2, 3)), self.w2)


def test_a_network_of_functions_alone_is_captured():
    program = program_of(Functional())
    assert fused(program) == ["w1=conv2d+relu", "reduce=mean", "w2=linear"]
    assert program.graph.inputs == {"image": (3, 8, 8)}
    assert program.graph.outputs == ("w2",)


def test_a_reused_module_stores_its_weight_once():
    network = Net(lambda net, x: net.conv(net.conv(x)), conv=conv())
    program = program_of(network)
    first, second = program.graph.layers
    assert (first.name, second.name) == ("conv", "conv_2")
    assert first.weight_owner == second.weight_owner == "conv"
    assert (first.owns_weight, second.owns_weight) == (True, False)
    assert (first.fixed_elements, second.fixed_elements) == (3, 0)
    assert first.macs == second.macs == 8 * 8 * 27 * 3
    assert list(program.weights) == ["conv"]


def test_tied_weights_are_one_weight():
    network = Net(lambda net, x: net.b(net.a(x)), a=nn.Linear(8, 8), b=nn.Linear(8, 8))
    network.b.weight = network.a.weight
    program = program_of(network)
    assert [layer.weight_owner for layer in program.graph.layers] == ["a", "a"]
    assert [layer.fixed_elements for layer in program.graph.layers] == [8, 8]


def test_a_name_that_a_module_has_is_not_given_to_another_layer():
    network = Net(
        lambda net, x: net.conv_2(net.conv(net.conv(x))), conv=conv(), conv_2=conv(bias=False)
    )
    names = [layer.name for layer in program_of(network).graph.layers]
    assert len(set(names)) == 3
    assert names[0] == "conv"


def test_a_layer_is_not_called_like_an_input():
    network = Net(lambda net, x: net.x(x), x=conv())
    program = program_of(network)
    assert list(program.graph.inputs) == ["x"]
    assert program.graph.layers[0].name == "x_2"


def test_layers_of_a_module_without_weights_are_named_after_it():
    class Block(nn.Module):
        def forward(self, x):
            return torch.cat([F.max_pool2d(x, 2), F.avg_pool2d(x, 2)], 1)

    network = Net(lambda net, x: net.tail(net.block(x)) + 1, block=Block(), tail=nn.Softmax(1))
    assert fused(program_of(network)) == [  # a module with one layer gives it its own name
        "block.max_pool=max_pool2d",
        "block.avg_pool=avg_pool2d",
        "block.cat=cat",
        "tail=softmax+add",
    ]


OUTPUTS = {
    "a tuple": (lambda net, x: (net.a(x), net.b(x).relu()), ("a", "b")),
    "a dict, in its own order": (lambda net, x: {"z": net.b(x), "y": net.a(x)}, ("b", "a")),
    "nested": (lambda net, x: [{"k": (net.a(x),)}, net.b(x)], ("a", "b")),
    "twice the same": (lambda net, x: (net.a(x),) * 2, ("a",)),
    "a view": (lambda net, x: net.a(x).flatten(1)[:, 3:], ("a",)),
    "two views of one tensor": (lambda net, x: net.a(x).chunk(2, 2), ("a",)),
    "its input too": (lambda net, x: (net.a(x), x), ("a", "x")),
    "a parameter too": (lambda net, x: (net.a(x), net.a.weight * 2), ("a",)),
    "numbers and nothing too": (lambda net, x: (net.a(x), 5, None, x.shape[0]), ("a",)),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_outputs_are(case):
    function, outputs = OUTPUTS[case]
    network = Net(function, a=conv(), b=conv())
    program = program_of(network)
    assert program.graph.outputs == outputs
    images = torch.randn(3, *IMAGE[1:])
    with torch.no_grad():
        leaves = torch.utils._pytree.tree_leaves(network(images))
    wanted = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    for got, want in zip(program.run((images,)), wanted, strict=True):
        assert relative_error(got, want) < 1e-4


def test_several_inputs_are_tensors_each_by_its_name():
    network = TwoInputs(lambda net, x, y: net.a(x) + y, a=conv())
    program = program_of(network, IMAGE, (1, 8))
    assert program.graph.inputs == {"x": (3, 8, 8), "y": (8,)}
    assert program.graph.by_name["add"].inputs == ("a", "y")
    assert same(program, network, torch.randn(8, *IMAGE[1:]), torch.randn(8, 8))


def test_any_number_of_inputs_keeps_the_batch_free():
    class Many(nn.Module):
        def forward(self, *images):
            return torch.cat(images, 1)

    program = program_of(Many(), IMAGE, IMAGE)
    assert program.batch_size is None
    assert program.graph.by_name["cat"].output_shape == (6, 8, 8)


PIECES = {
    "split": lambda net, x: [part * i for i, part in enumerate(net.a(x).split([1, 2], 1), 1)],
    "chunk": lambda net, x: [part.relu() for part in net.a(x).chunk(2, 3)],
    "unbind": lambda net, x: sum(part.exp() for part in net.a(x).unbind(1)),
    "slices": lambda net, x: net.a(x)[:, 1:, ::2] * net.a(x)[:, :-1, 1::2],
}


@pytest.mark.parametrize("case", PIECES)
def test_pieces_of_a_tensor_belong_to_its_producer(case):
    network = Net(PIECES[case], a=conv())
    program = program_of(network)
    assert same(program, network, torch.randn(3, *IMAGE[1:]))
    for layer in program.graph.layers:
        assert layer.kind in ("conv", "mul", "activation", "add")
    assert program.graph.by_name["a"].output_shape == (3, 8, 8)
    assert len(program.graph.readers["a"]) >= 1


def test_a_tensor_read_through_one_view_has_the_shape_of_the_view():
    network = Net(lambda net, x: net.b(net.a(x)[:, :, :4].flatten(1)), a=conv(), b=nn.Linear(96, 2))
    layer = program_of(network).graph.by_name["b"]
    assert (layer.inputs, layer.input_shapes) == (("a",), ((96,),))


def test_a_tensor_read_through_several_views_has_its_own_shape():
    network = Net(lambda net, x: torch.sub(*net.a(x).split([1, 2], 1)), a=conv())
    layer = program_of(network).graph.by_name["sub"]
    assert (layer.inputs, layer.input_shapes) == (("a",), ((3, 8, 8),))


# ---- the batch ----


def test_attention_with_the_batch_second_keeps_samples_apart():
    network = Net(
        lambda net, x: net.attention(*[x.transpose(0, 1)] * 3)[0],
        attention=nn.MultiheadAttention(8, 2),
    )
    program = program_of(network, (1, 5, 8))
    assert program.layouts["attention.in_proj"] == BatchLayout(1)
    assert program.layouts["attention.matmul"] == BatchLayout(0, 2)  # two heads of each sample
    assert program.layouts["attention.out_proj"] == BatchLayout(0, 5, outer=False)
    x = torch.randn(3, 5, 8)
    assert same(program, network, x)
    assert_samples_apart(program, x)


def assert_samples_apart(program, x):
    """Each sample of each tensor is what that sample alone gives."""

    def shown(x):
        seen = {}
        program.run((x,), lambda name, value: seen.update({name: program.samples(name, value)}))
        return seen

    together = shown(x)
    for i in range(len(x)):
        for tensor, value in shown(x[i : i + 1]).items():
            torch.testing.assert_close(together[tensor][i], value[0], rtol=1e-4, atol=1e-5)
            assert value[0].numel() == program.graph.elements(tensor)


MERGED = {
    "outer": (
        lambda net, x: net.linear(x.flatten(0, 1)).view(-1, 6, 5).sum(1),
        BatchLayout(0, 6, outer=True),
    ),
    "inner": (
        lambda net, x: net.linear(x.transpose(0, 1).flatten(0, 1)).view(6, -1, 5).sum(0),
        BatchLayout(0, 6, outer=False),
    ),
    "in the middle": (
        lambda net, x: net.linear(x.unsqueeze(0).flatten(1, 2))[0].view(-1, 6, 5).sum(1),
        BatchLayout(1, 6, outer=True),
    ),
}


@pytest.mark.parametrize("case", MERGED)
def test_a_batch_merged_with_positions_is_found(case):
    function, layout = MERGED[case]
    network = Net(function, linear=nn.Linear(4, 5))
    program = program_of(network, (1, 6, 4))
    assert program.layouts["linear"] == layout
    x = torch.randn(3, 6, 4)
    assert same(program, network, x)
    assert_samples_apart(program, x)


def test_a_batch_layout_finds_the_samples():
    value = torch.arange(12)
    assert BatchLayout(0, 3).samples_first(value).tolist() == value.view(4, 3).tolist()
    inner = BatchLayout(0, 3, outer=False)
    assert inner.samples_first(value).tolist() == value.view(3, 4).t().tolist()
    assert inner.batch(value) == 4
    assert inner.sample_shape((12,)) == (3,)
    second = BatchLayout(1)
    assert second.samples_first(torch.zeros(5, 2, 7)).shape == (2, 5, 1, 7)
    assert second.sample_shape((5, 2, 7)) == (5, 7)
    none = BatchLayout(None)
    assert none.batch(value) == 1
    assert none.samples_first(value).shape == (1, 12)
    assert none.sample_shape((12,)) == (12,)


def test_a_network_that_fixes_the_batch_runs_that_batch_only():
    network = Net(lambda net, x: net.a(x).view(1, 3, 64).sum(2), a=conv())
    program = program_of(network, (4, *IMAGE[1:]))
    assert program.batch_size == 1
    assert program.graph.by_name["a"].output_shape == (3, 8, 8)
    assert same(program, network, torch.randn(IMAGE))


def test_samples_that_are_mixed_are_refused():
    network = Net(lambda net, x: net.a(x).flatten(1) @ x.flatten(1).t(), a=conv())
    with pytest.raises(CaptureError, match=rf"^matmul at {FORWARD}: one axis must grow with the"):
        program_of(network)


def test_an_embedding_s_indices_stay_indices():
    network = Net(lambda net, x: net.words(x).mean(1), words=nn.Embedding(10, 4))
    tokens = torch.tensor([[9, 0, 9, 0]])
    program = capture(network, (tokens,))
    assert fused(program) == ["words=embedding", "reduce=mean"]
    assert program.graph.by_name["words"].fixed_elements == 40
    assert same(program, network, torch.randint(0, 10, (3, 4)))


# ---- saved programs ----


def saved(tmp_path, network, example, **options):
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(network, example, **options), path)
    return torch.export.load(path)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_a_saved_program_has_the_graph_of_its_module(name, tmp_path):
    found = captured(name)
    batch = torch.export.Dim("batch", min=1, max=9)
    loaded = saved(tmp_path, found.network, (found.images[:2],), dynamic_shapes=({0: batch},))
    program = capture(loaded, (found.images[:1],), name)
    assert graph_to_dict(program.graph) == graph_to_dict(found.program.graph)
    assert relative_error(program.run((found.images,))[0], found.answer) < 1e-4


def tiny_transformer():
    torch.manual_seed(0)
    network = torchvision.models.VisionTransformer(
        image_size=16, patch_size=8, num_layers=2, num_heads=2, hidden_dim=12, mlp_dim=20
    )
    return nets.randomize(network).eval()


@pytest.mark.parametrize("name", ["resnet18", "a transformer"])
def test_a_program_saved_in_core_operators_counts_the_same(name):
    network = required(name) if name in REQUIRED else tiny_transformer()
    image = torch.randn(1, 3, *([SIDE] * 2 if name in REQUIRED else [16] * 2))
    whole = capture(network, (image,))
    core = capture(torch.export.export(network, (image,)).run_decompositions(), (image,))
    assert relative_error(core.run((image,))[0], whole.run((image,))[0]) < 1e-4
    for total in (
        lambda graph: sum(layer.macs for layer in graph.layers),
        lambda graph: sum(layer.weight_elements for layer in graph.layers),
        lambda graph: sum(layer.kind == "norm" for layer in graph.layers),
    ):
        assert total(core.graph) == total(whole.graph)


def test_a_program_saved_with_one_batch_size_runs_that_one(tmp_path):
    network = Net(
        lambda net, x: net.linear(net.bn(net.conv(x)).relu().transpose(0, 1).flatten(2).sum(0)),
        conv=conv(4),
        bn=batch_norm(nn.BatchNorm2d, 4),
        linear=nn.Linear(64, 5),
    )
    images = torch.randn(4, *IMAGE[1:])
    program = capture(saved(tmp_path, network, (images,)), (images,), "net")
    assert program.batch_size == 4
    assert program.graph.inputs == {"x": (3, 8, 8)}
    assert program.graph.by_name["conv"].output_shape == (4, 8, 8)
    assert program.graph.by_name["linear"].macs == 5 * 64
    assert same(program, network, images)


def test_a_saved_batch_that_is_second_is_found(tmp_path):
    network = Net(lambda net, x: net.a(x.transpose(0, 1)).sum(0), a=nn.Linear(6, 5))
    x = torch.randn(4, 8, 6)  # eight is a multiple of four
    program = capture(saved(tmp_path, network, (x,)), (x,), "net")
    assert program.layouts["a"] == BatchLayout(1)
    assert program.graph.by_name["a"].output_shape == (8, 5)
    assert program.graph.by_name["a"].macs == 8 * 6 * 5


def test_a_program_saved_in_training_is_refused(tmp_path):
    network = Net(lambda net, x: net.drop(net.a(x)), a=conv(), drop=nn.Dropout()).train()
    with pytest.raises(CaptureError, match="must be exported in eval mode"):
        capture(saved(tmp_path, network, (torch.randn(IMAGE),)), (torch.randn(IMAGE),))


# ---- what is refused, in one line ----


class Branching(nn.Module):
    def forward(self, x):
        if x.sum() > 0:  # the line that is to blame
            return x
        return x * 2


def test_control_flow_on_data_is_one_line_that_names_the_user_s_line(capfd):
    source = HERE.read_text().splitlines()
    line = next(i for i, text in enumerate(source, 1) if "the line that is to blame" in text)
    with pytest.raises(CaptureError) as refusal:
        program_of(Branching())
    text = str(refusal.value)
    assert text.startswith(
        f"net: torch.export must be able to trace the network, failed at {HERE}:{line} in forward: "
    )
    assert "\n" not in text
    assert len(text) < 400
    assert capfd.readouterr() == ("", "")


REFUSED = {
    "several outputs": (
        lambda net, x: torch.add(*x.sort(1)),
        r"sort at {forward}: a layer must have one output tensor, outputs 0, 1 of this operator",
    ),
    "the second output": (
        lambda net, x: x.max(1)[1] + x.mean(),
        r"max at {forward}: a layer must have one output tensor, outputs 1 of this operator",
    ),
    "control flow as an operator": (
        lambda net, x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,)),
        r"cond at {forward}: a network must be plain operators",
    ),
    "a number out of a tensor": (
        lambda net, x: x * x.sum().item(),
        r"item at {forward}: a number must not be read out of a tensor",
    ),
    "nothing computed": (
        lambda net, x: x.flatten(1),
        r"net: must have at least one layer",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused(case):
    function, text = REFUSED[case]
    with pytest.raises(CaptureError) as refusal:
        program_of(Net(function))
    assert re.match(text.format(forward=FORWARD), str(refusal.value))
    assert "\n" not in str(refusal.value)


def test_a_program_that_is_wrong_is_refused(monkeypatch):
    def spoil(graph, attributes):
        for name, value in attributes.items():
            attributes[name] = value * 1.001

    monkeypatch.setattr("autosplit.capture.capture.REWRITES", (spoil,))
    with pytest.raises(CaptureError, match=r"^net: the fused program must equal the network to"):
        program_of(Net(lambda net, x: net.a(x), a=conv()))


def test_a_program_that_is_not_a_number_where_the_network_is_is_refused(monkeypatch):
    def spoil(graph, attributes):
        (name,) = (name for name in attributes if "lifted" in name)
        attributes[name] = attributes[name] * math.nan

    monkeypatch.setattr("autosplit.capture.capture.REWRITES", (spoil,))
    with pytest.raises(CaptureError, match="output 0 differs by nan"):
        program_of(Net(lambda net, x: net.a(x) + torch.tensor([1.0]), a=conv()))


def test_a_batch_goes_in_steps_whose_largest_tensor_is_twenty_megabytes():
    program = program_of(Net(lambda net, x: net.a(x), a=conv()))
    largest = max(map(program.graph.elements, program.graph.tensors))
    batch = [torch.arange(3.0), torch.arange(3.0) + 10]

    assert program.step == 5_000_000 // largest
    assert [len(x) for x, _ in replace(program, batch_size=2).steps(batch)] == [2, 1]
    assert [y.tolist() for _, y in program.steps(batch)] == [[10, 11, 12]]


def test_a_network_that_gives_nan_and_infinity_is_captured():
    network = Net(lambda net, x: torch.stack([net.a(x).log(), net.a(x) * math.inf]), a=conv())
    assert isinstance(program_of(network), Program)


# ---- kinds ----


@torch.library.custom_op("autosplit_tests::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@twice.register_fake
def _(x):
    return torch.empty_like(x)


def test_an_unknown_operator_is_a_layer_whose_kind_is_its_name():
    def sample(net, x):
        grid = torch.zeros(1, 4, 4, 2).expand(x.shape[0], 4, 4, 2)
        return F.grid_sample(torch.ops.autosplit_tests.twice(net.a(x)), grid, align_corners=False)

    program = program_of(Net(sample, a=conv()))
    kinds = [layer.kind for layer in program.graph.layers]
    assert kinds == ["conv", "autosplit_tests.twice", "aten.grid_sampler"]
    assert [layer.macs for layer in program.graph.layers[1:]] == [0, 0]


# ---- matrix multiplications, by hand ----


GEMMS = {
    "a convolution": (
        Net(lambda net, x: net.a(x), a=nn.Conv2d(6, 8, (3, 5), stride=2, groups=2)),
        (1, 6, 9, 11),
        [Gemm(4 * 4, 3 * 3 * 5, 4, 2)],
    ),
    "a convolution in one dimension": (
        Net(lambda net, x: net.a(x), a=nn.Conv1d(6, 8, 3, dilation=2, padding="same")),
        (1, 6, 9),
        [Gemm(9, 6 * 3, 8)],
    ),
    "a depthwise convolution": (
        Net(lambda net, x: net.a(x), a=nn.Conv2d(6, 12, 3, groups=6)),
        (1, 6, 5, 5),
        [Gemm(9, 9, 2, 6)],
    ),
    "a transposed convolution: every input pixel meets every tap": (
        Net(lambda net, x: net.a(x), a=nn.ConvTranspose2d(6, 8, 3, stride=2, groups=2)),
        (1, 6, 4, 4),
        [Gemm(16, 3, 4 * 9, 2)],
    ),
    "a linear layer over rows": (
        Net(lambda net, x: net.a(x), a=nn.Linear(6, 8)),
        (1, 5, 6),
        [Gemm(5, 6, 8)],
    ),
    "a product by a stored matrix": (
        Net(lambda net, x: x @ net.w, w=nn.Parameter(torch.randn(6, 8))),
        (1, 5, 6),
        [Gemm(5, 6, 8)],
    ),
    "a linear layer by a computed matrix": (
        Net(lambda net, x: F.linear(x, net.a.weight + x.mean() * 0.1), a=nn.Linear(6, 8)),
        (1, 5, 6),
        [Gemm(5, 6, 8)],
    ),
    "a product of two tensors, per head": (
        Net(lambda net, x: x @ x.transpose(-1, -2)),
        (1, 3, 5, 6),
        [Gemm(5, 6, 5, 3)],
    ),
    "a product of vectors": (
        Net(lambda net, x: x.unsqueeze(1) @ x.unsqueeze(2)),
        (1, 6),
        [Gemm(1, 6, 1)],
    ),
    "a batched product that is added": (
        Net(lambda net, x: torch.baddbmm(x[:, :, :5], x, x.transpose(1, 2))),
        (1, 5, 6),
        [Gemm(5, 6, 5)],
    ),
    "a sum in index notation": (
        Net(lambda net, x: torch.einsum("bhik,bhjk->bhij", x, x)),
        (1, 3, 5, 6),
        [Gemm(5, 6, 5, 3)],
    ),
    "attention: scores, then values": (
        Net(
            lambda net, x: F.scaled_dot_product_attention(
                x[..., :6], torch.cat([x, x], 2)[..., :6], torch.cat([x, x], 2)
            )
        ),
        (1, 3, 5, 8),
        [Gemm(5, 6, 10, 3), Gemm(5, 10, 8, 3)],
    ),
}


@pytest.mark.parametrize("case", GEMMS)
def test_matrix_multiplications_are_counted(case):
    network, shape, gemms = GEMMS[case]
    program = program_of(network, shape)
    assert [gemm for layer in program.graph.layers for gemm in layer.gemms] == gemms


POOLS = {
    "max": (lambda x: F.max_pool2d(x, 3, 2, 1), ((3, 3), (2, 2), (1, 1))),
    "average": (lambda x: F.avg_pool2d(x, (2, 4)), ((2, 4), (2, 4), (0, 0))),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, (4, 2)), ((2, 4), (2, 4), (0, 0))),
    "with indices": (
        lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
        ((2, 2), (2, 2), (0, 0)),
    ),
    "in one dimension": (lambda x: F.avg_pool1d(x[:, 0], 4, 2), ((4,), (2,), (0,))),
}


@pytest.mark.parametrize("case", POOLS)
def test_pools_keep_their_window(case):
    function, window = POOLS[case]
    (layer,) = program_of(Net(lambda net, x: function(x))).graph.layers
    assert (layer.kernel, layer.stride, layer.padding) == window


# ---- the caller's things are left alone ----


def test_the_caller_s_model_and_example_are_unchanged():
    network = Net(
        lambda net, x: net.bn(net.a(x.relu_())), a=conv(4), bn=batch_norm(nn.BatchNorm2d, 4)
    ).train()
    example = torch.randn(IMAGE)
    before = [value.clone() for value in (*network.state_dict().values(), example)]
    program = capture(network, (example,))
    after = [*network.state_dict().values(), example]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(
        module._forward_hooks or module._forward_pre_hooks for module in network.modules()
    )
    assert same(program, network.eval(), example)


def test_the_program_needs_no_gradients():
    program = program_of(Net(lambda net, x: net.a(x), a=conv()))
    (answer,) = program.run((torch.randn(IMAGE),))
    assert not answer.requires_grad


# ---- what a program is given ----

X = torch.zeros(2, 3, 8, 8)
WRONG = {
    "another number of channels": (
        (X[:, :1],),
        "x: a sample must have the shape 3x8x8 that net .*1x8x8",
    ),
    "another size": ((X[..., 1:],), r"x: .* the shape 3x8x8 .* got 3x8x7; see --input-size$"),
    "one dimension less": ((X[0],), r"x: a sample must have .*, got 8x8; see"),
    "one dimension more": ((X[None],), r"x: a sample must have .*, got 2x3x8x8; see"),
    "a number": ((torch.tensor(1.0),), r"x: a sample must have .*, got a number; see"),
    "whole numbers": (
        (X.byte(),),
        r"x: must be a tensor of the type float32 that net .* got uint8$",
    ),
    "half precision": ((X.half(),), r"x: must be a tensor of the type float32 .* got float16$"),
    "double precision": ((X.double(),), r"x: must be a tensor of the type float32 .* got float64$"),
    "no tensor": (("x",), r"x: must be a tensor of the type float32 .* got str$"),
    "two inputs": ((X, X), r"inputs: must be the 1 that net was captured with \(x\), got 2$"),
    "none": ((), r"inputs: must be the 1 that net was captured with \(x\), got 0$"),
    "no sample": ((X[:0],), r"x: must have at least one sample, got none$"),
}


@pytest.fixture(scope="module")
def one_layer():
    return program_of(Net(lambda net, x: net.a(x), a=conv()))


@pytest.mark.parametrize("case", WRONG)
def test_other_inputs_than_those_it_was_captured_with_are_one_line(one_layer, case):
    inputs, expected = WRONG[case]
    with pytest.raises(DataError, match=f"^{expected}") as error:
        one_layer.run(inputs)
    assert "\n" not in str(error.value)


def test_of_several_inputs_the_wrong_one_is_named():
    program = program_of(TwoInputs(lambda net, x, y: net.a(x) + y, a=conv()), IMAGE, IMAGE)
    with pytest.raises(DataError, match=r"^y: .* got 3x8x7"):
        program.run((X, X[..., 1:]))
    with pytest.raises(DataError, match=r"^inputs: must be the 2 .* \(x, y\), got 1"):
        program.run((X,))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("name", "what"), [("weight", "weight"), ("bias", "bias")])
def test_a_weight_that_is_no_number_names_its_layer(bad, name, what):
    network = Net(lambda net, x: net.b(net.a(x)), a=conv(), b=conv())
    getattr(network.b, name).data.view(-1)[1] = bad
    with pytest.raises(ModelError, match=f"^net: the {what} of layer b must be finite, got NaN"):
        program_of(network)


def test_a_batch_norm_of_negative_variance_names_its_layer():
    network = Net(lambda net, x: net.bn(net.a(x)), a=conv(), bn=nn.BatchNorm2d(3))
    network.bn.running_var[1] = -1
    with pytest.raises(ModelError, match=r"^net: the weight of layer a must be finite, got NaN"):
        program_of(network)


def test_a_mask_may_be_infinite():
    mask = torch.tensor([0.0, -math.inf] * 4)
    program = program_of(Net(lambda net, x: F.softmax(net.a(x) + mask, 3), a=conv()))
    (answer,) = program.run((X,))
    assert answer[..., 1::2].eq(0).all()


# ---- what a batch norm learned ----


def trained(layer, norm, shape, unit=1.0):
    """A layer and its norm, trained on images of one deviation; and such images."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        images = torch.randn(400, *shape) * unit
        network = Net(lambda net, x: net.norm(net.layer(x)), layer=layer, norm=norm)
        norm.momentum = None
        network.train()(images)
    return network.eval(), images


def ratio_of(program, images):
    found, learned = program.deviations((images,))
    return found / learned


NORMS = {
    "folded into a convolution": (conv(4), nn.BatchNorm2d(4), (3, 8, 8)),
    "folded into a linear layer": (nn.Linear(6, 5), nn.BatchNorm1d(5), (6,)),
    "first in the network": (nn.Identity(), nn.BatchNorm2d(3), (3, 8, 8)),
    "without scale and shift": (conv(4), nn.BatchNorm2d(4, affine=False), (3, 8, 8)),
    "with a large epsilon": (conv(4), nn.BatchNorm2d(4, eps=2.0), (3, 8, 8)),
}


@pytest.mark.parametrize("case", NORMS)
@pytest.mark.parametrize("factor", [0.1, 1.0, 255.0])
def test_the_first_norm_sees_the_factor_by_which_images_are_scaled(case, factor):
    network, images = trained(*NORMS[case])
    if network.norm.affine:
        with torch.no_grad():
            network.norm.weight.copy_(torch.linspace(-5, -2, len(network.norm.weight)))
    program = capture(network, (images[:1],))

    assert ratio_of(program, images * factor) == pytest.approx(factor, rel=0.02)


def test_both_deviations_are_those_of_what_the_norm_writes():
    """Channels of 1, 2 and 3 times what was learned, which the norm's scale makes 5, 6 and 7."""
    network = Net(lambda net, x: net.norm(x), norm=nn.BatchNorm2d(3, eps=0.0))
    with torch.no_grad():
        network.norm.weight.copy_(torch.tensor([5.0, 6.0, 7.0]))
        network.norm.running_var.fill_(4.0)
    signs = torch.tensor([-1.0, 1.0]).repeat(8).view(1, 1, 4, 4)
    images = signs * torch.tensor([2.0, 4.0, 6.0]).view(1, 3, 1, 1)
    program = capture(network, (images,))

    assert program.deviations((images,)) == (pytest.approx(12), pytest.approx(6))


def test_of_several_norms_the_first_counts():
    network, images = trained(conv(3), nn.BatchNorm2d(3), (3, 8, 8))
    second = nn.BatchNorm2d(3)
    second.running_var.fill_(100.0)
    both = Net(lambda net, x: net.second(torch.relu(net.first(x))), first=network, second=second)
    program = capture(both, (images[:1],))

    assert ratio_of(program, images) == pytest.approx(1, rel=0.02)


def test_channels_that_are_switched_off_do_not_count():
    """Three of four channels learned to be constant."""
    network, images = trained(conv(4), nn.BatchNorm2d(4), (3, 8, 8))
    with torch.no_grad():
        network.norm.weight.copy_(torch.tensor([1e-6, 1.0, 0.0, -1e-5]))
    program = capture(network, (images[:1],))

    assert ratio_of(program, images * 3) == pytest.approx(3, rel=0.02)
    network.norm.weight.data.zero_()
    assert capture(network, (images[:1],)).deviations((images,)) is None


@pytest.mark.parametrize(
    "norm",
    [nn.BatchNorm2d(4), nn.BatchNorm2d(4, track_running_stats=False), nn.GroupNorm(2, 4)],
    ids=["not trained", "of the batch", "of the sample"],
)
def test_a_norm_that_learned_nothing_says_nothing(norm):
    network = Net(lambda net, x: net.norm(net.layer(x)), layer=conv(4), norm=norm)

    assert program_of(network).deviations((torch.ones(IMAGE),)) is None


def test_weights_have_a_digest_that_every_bit_changes():
    network = Net(lambda net, x: net.b(net.a(x)), a=conv(), b=conv(4))
    first = program_of(network).weights_sha256

    assert program_of(network).weights_sha256 == first
    for tensor in network.state_dict().values():
        last = tensor.view(-1)[-1:]
        before = last.clone()
        last.copy_(torch.nextafter(before, torch.tensor(torch.inf)))
        assert program_of(network).weights_sha256 != first
        last.copy_(before)


@pytest.mark.parametrize("value", [True, 3, 1j], ids=repr)
def test_a_constant_of_any_type_counts_in_the_digest(value):
    network = Net(lambda net, x: net.a(x) + torch.where(net.flag != 0, x, 0), a=conv())
    digests = []
    for flag in (value, 0 * value):
        network.register_buffer("flag", torch.tensor(flag))
        digests.append(program_of(network).weights_sha256)

    assert digests[0] != digests[1]
