"""Layers of a fused program: their names, shapes, counts and products."""

import math

import pytest
import torch
import torch.nn.functional as F
import torchvision
from captures import IMAGE, conv, program_of, same
from nets import (
    REQUIRED,
    Net,
    captured,
    fused,
    required,
)
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from autosplit.capture.capture import capture
from autosplit.graph.layer import Gemm


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


def test_a_layer_beside_submodules_does_not_take_the_name_of_their_module():
    block = Net(lambda net, x: net.inner(x) + x, inner=conv(bias=False))
    network = Net(lambda net, x: net.block(x), block=block)
    assert fused(program_of(network)) == ["block.inner=conv2d", "block.add=add"]


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


def test_an_embedding_s_indices_stay_indices():
    network = Net(lambda net, x: net.words(x).mean(1), words=nn.Embedding(10, 4))
    tokens = torch.tensor([[9, 0, 9, 0]])
    program = capture(network, (tokens,))
    assert fused(program) == ["words=embedding", "reduce=mean"]
    words = program.graph.by_name["words"]
    assert (words.weight_elements, words.weight_channels) == (40, 10)
    assert words.fixed_elements == 10  # a scale for each row
    assert same(program, network, torch.randint(0, 10, (3, 4)))


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
    assert kinds == ["conv", "autosplit_tests.twice", "sample"]
    assert [layer.macs for layer in program.graph.layers[1:]] == [0, 0]


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


@pytest.mark.filterwarnings("ignore:.*samples are run one at a time")
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
