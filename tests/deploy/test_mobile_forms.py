"""ExecuTorch and LiteRT compute the integers of the reference."""

import importlib

import numpy as np
import pytest
import torch

from autosplit.deploy.mobile_forms import one_sample, pte_bytes, tflite_bytes
from autosplit.deploy.pt2 import edge_pt2
from autosplit.errors import ModelError, StageError
from autosplit.halves.deployed import deploy


def in_executorch(data):
    runtime = pytest.importorskip("executorch.runtime", reason="needs autosplit[executorch]")
    program = runtime.Runtime.get().load_program(data)  # a method ends with its program
    method = program.load_method("forward")
    return lambda image: (program, [one.numpy() for one in method.execute((image,))])[1]


def in_litert(data):
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs autosplit[litert]")
    interpreter = litert.Interpreter(model_content=data)
    interpreter.allocate_tensors()
    (taken,) = interpreter.get_input_details()

    def run(image):
        interpreter.set_tensor(taken["index"], image.numpy())
        interpreter.invoke()
        found = interpreter.get_output_details()
        return [interpreter.get_tensor(one["index"]) for one in found]

    return run


FORMS = {
    "executorch": (pte_bytes, in_executorch),
    "litert_torch": (tflite_bytes, in_litert),
}


@pytest.mark.parametrize("plan", ["split", "edge"])
@pytest.mark.parametrize("library", FORMS)
def test_a_half_gives_the_integers_and_answers_of_the_reference(small, library, plan):
    pytest.importorskip(library)
    make, runner = FORMS[library]
    file = small.files[plan]
    message, own = deploy(small.program, file).edge([small.images])
    expected = [*message.tensors.values(), *(one.numpy() for one in own.values())]

    run = runner(make(edge_pt2(small.program, file)))

    for place in range(16):
        image = small.images[place : place + 1].contiguous()
        for got, want in zip(run(image), expected, strict=True):
            np.testing.assert_array_equal(got, want[place : place + 1])


@pytest.mark.parametrize("library", FORMS)
def test_a_missing_library_is_one_line_that_says_what_to_install(small, library):
    if importlib.util.find_spec(library) is not None:
        pytest.skip("is installed")
    make, _ = FORMS[library]
    extra = library.partition("_")[0]

    with pytest.raises(StageError, match=rf"autosplit\[{extra}\]"):
        make(edge_pt2(small.program, small.files["split"]))


@pytest.mark.parametrize("library", FORMS)
def test_what_a_converter_refuses_is_one_line(small, library, monkeypatch):
    make, _ = FORMS[library]
    monkeypatch.setattr("autosplit.deploy.mobile_forms.need", lambda *_: None)
    hidden = "executorch.exir" if library == "executorch" else library
    monkeypatch.setitem(__import__("sys").modules, hidden, None)

    with pytest.raises(ModelError, match=r"^export: \w+ must take the half, "):
        make(edge_pt2(small.program, small.files["split"]))


def test_only_inputs_with_a_batch_are_cut_to_one_sample():
    class Sum(torch.nn.Module):
        def forward(self, x, y):
            return x + y

    batch = torch.export.Dim.DYNAMIC
    example = torch.ones(2, 3), torch.ones(3)
    exported = torch.export.export(Sum(), example, dynamic_shapes=({0: batch}, {}))

    assert [tuple(one.shape) for one in one_sample(exported)] == [(1, 3), (3,)]
