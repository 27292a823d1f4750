"""Every form of a name that an error lists is one that a network can have."""

import pytest

from autosplit.models import load
from autosplit.models.forms import NETWORK_FORMS, onnx_refusal
from autosplit.runs.option import options_of
from autosplit.runs.options import StatsOptions


def test_the_forms_are_those_of_the_registries():
    kinds = {form.partition(":")[0] for form in NETWORK_FORMS if ":" in form}
    whole = {form for form in NETWORK_FORMS if ":" not in form and form != "FILE.pt2"}

    assert kinds == {*load._KINDS, "FILE.py"}
    assert whole == set(load._BUNDLED)


@pytest.mark.parametrize("form", NETWORK_FORMS)
def test_the_help_of_the_option_lists_the_same_forms(form):
    (model,) = [one for one in options_of(StatsOptions) if one.name == "model"]

    assert form in model.help


def test_a_refused_file_is_named_with_what_to_do():
    assert onnx_refusal("a/net.onnx").startswith("a/net.onnx: cannot be an ONNX file")
    assert "torch.export.save" in onnx_refusal("net.onnx")
