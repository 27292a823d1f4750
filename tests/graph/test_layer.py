from dataclasses import replace

from autosplit.graph.layer import Gemm, Layer


def test_macs_add_up_over_groups_and_products():
    gemms = (Gemm(4, 9, 1, repeats=16), Gemm(2, 3, 5))
    both = Layer("a", "conv", ("x",), ((1,),), (1,), gemms=gemms)
    assert both.macs == 4 * 9 * 16 + 2 * 3 * 5


def test_elements_are_those_of_the_shape_without_the_batch():
    layer = Layer("a", "conv", ("x",), ((1,),), (3, 4, 5))
    assert layer.output_elements == 60
    assert replace(layer, output_shape=()).output_elements == 1


def test_a_weight_belongs_to_the_layer_that_stores_it():
    own = Layer("a", "conv", ("x",), ((1,),), (1,), weight_elements=4, weight_owner="a")
    assert own.owns_weight
    assert replace(own, weight_owner="").owns_weight
    assert not replace(own, weight_owner="first").owns_weight
    assert not replace(own, weight_elements=0).owns_weight
