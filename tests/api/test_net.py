"""Networks in memory, loaded ones and named ones become a ``Net``."""

import pytest
import torch
from nets import TwoInputs
from torch import nn

import autosplit
from autosplit.capture.capture import capture as capture_program
from autosplit.data.preprocess import Preprocess
from autosplit.errors import AutoSplitWarning, CaptureError, ModelError
from autosplit.models.load import load_model


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.drop = nn.Dropout()

    def forward(self, x):
        return self.drop(self.conv(x)).flatten(1)


X = torch.randn(1, 1, 6, 6, generator=torch.Generator().manual_seed(0))


class TestCapture:
    def test_a_module_is_captured_in_eval_mode_and_stays_as_it_was(self):
        model = Small().train()
        net = autosplit.capture(model, X)

        assert model.training
        model.eval()
        torch.testing.assert_close(net.program.run((X,))[0], model(X))

    def test_the_name_is_that_of_the_class_or_as_given(self):
        assert autosplit.capture(Small(), X).name == "Small"
        assert autosplit.capture(Small(), X, name="mine").name == "mine"

    def test_a_list_of_inputs_is_one_for_each_argument(self):
        network = TwoInputs(lambda _, x, y: x * 2 + y)
        net = autosplit.capture(network, [X, X + 1])

        assert list(net.graph.inputs) == ["x", "y"]

    def test_an_exported_program_brings_its_example(self):
        exported = torch.export.export(Small().eval(), (X,))

        assert "conv" in [one.kind for one in autosplit.capture(exported).graph.layers]

    def test_a_named_network_is_that_of_the_command_line(self, tiny):
        net = autosplit.capture("net.py:net")
        loaded = load_model("net.py:net")
        program = capture_program(loaded.module, (loaded.example_input,), loaded.name)

        assert net.graph == program.graph
        assert net.program.weights_sha256 == program.weights_sha256

    def test_a_loaded_network_keeps_how_its_images_are_prepared(self, tiny):
        loaded = autosplit.load_model("net.py:net")

        assert autosplit.capture(loaded).model.preprocess == loaded.preprocess

    def test_a_preparation_of_one_s_own_takes_its_place(self, tiny):
        mine = Preprocess((8, 8), (8, 8), (0.1,), (0.2,))

        assert autosplit.capture("net.py:net", preprocess=mine).model.preprocess is mine

    def test_neighbouring_weights_are_scaled_to_each_other_if_asked(self, tiny):
        assert autosplit.capture("net.py:net", equalize=True).graph.equalized
        assert not autosplit.capture("net.py:net").graph.equalized

    def test_double_precision_is_warned_of(self):
        with pytest.warns(AutoSplitWarning, match="Small: computes in float64"):
            autosplit.capture(Small().double(), X.double())


class TestErrors:
    @pytest.mark.parametrize(
        ("example", "got"),
        [
            (None, "got nothing"),
            ("x", "got str"),
            ([], "got a list of nothing"),
            ((3, "x"), "got a tuple of int, str"),
            ({"x": 3}, "got dict"),
        ],
    )
    def test_an_example_that_is_no_tensor(self, example, got):
        with pytest.raises(ModelError, match=f"example: must be an input of the network.*{got}$"):
            autosplit.capture(Small(), example)

    def test_a_model_that_is_none(self):
        with pytest.raises(ModelError, match=r"model: must be a torch.nn.Module.*got function$"):
            autosplit.capture(lambda x: x, X)

    def test_a_loaded_model_takes_no_other_example(self, tiny):
        with pytest.raises(ModelError, match="net: has an example input of its own"):
            autosplit.capture("net.py:net", X)

    def test_a_network_that_cannot_be_traced_says_where(self):
        class Branches(nn.Module):
            def forward(self, x):
                return x + 1 if x.sum() > 0 else x - 1

        with pytest.raises(CaptureError, match=r"test_net\.py"):
            autosplit.capture(Branches(), X)


class TestNet:
    def test_a_table_has_a_row_per_layer(self, objects):
        table = objects.net.to_pandas()

        assert list(table.index) == list(objects.net.graph.by_name)
        assert table["macs"].sum() == sum(one.macs for one in objects.net.graph.layers)

    def test_it_says_what_it_is(self, objects):
        assert repr(objects.net).startswith(f"Net(net: {len(objects.net.graph.layers)} layers, ")
        assert "<table" in objects.net._repr_html_()
