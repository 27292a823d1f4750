"""The form of Intel Distiller."""

from dataclasses import replace

from plans import GRAPH, plan_file

from autosplit.plan.distiller import distiller_overrides


def test_the_form_is_that_of_the_original():
    """A layer that reads another one's weight is quantized as that one is."""
    plan = replace(
        plan_file().plan,
        edge=("a", "b", "c", "again"),
        activation_bits={"x": 8, "a": 3, "b": 7, "c": 6, "again": 2},
    )

    assert distiller_overrides(plan_file(plan=plan), GRAPH) == {
        "quantizers": {
            "post_train_quantizer": {
                "class": "PostTrainLinearQuantizer",
                "bits_activations": None,
                "bits_parameters": None,
                "bits_accum": 32,
                "mode": {"activations": "ASYMMETRIC_UNSIGNED", "weights": "SYMMETRIC"},
                "per_channel_wts": True,
                "inputs_quant_auto_fallback": True,
                "model_activation_stats": "stats.yaml",
                "overrides": {
                    "a": {"bits_weights": 4, "bits_activations": 3},
                    "b": {"bits_weights": 5, "bits_activations": 7},
                    "c": {"bits_activations": 6},
                    "again": {"bits_weights": 4, "bits_activations": 2},
                },
            }
        }
    }


def test_layers_in_the_cloud_are_left_out():
    found = distiller_overrides(plan_file(), GRAPH)["quantizers"]["post_train_quantizer"]

    assert list(found["overrides"]) == ["a", "b"]
