"""Both halves as programs of torch.export give what the integer reference gives, at any batch."""

import io

import numpy as np
import pytest
import torch

from autosplit.deploy.pt2 import cloud_pt2, edge_pt2, pt2_bytes
from autosplit.deploy.sessions import server_inputs
from autosplit.errors import ModelError
from autosplit.halves.deployed import deploy


def loaded(exported):
    return torch.export.load(io.BytesIO(pt2_bytes(exported))).module()


@pytest.mark.parametrize("name", ["split", "edge"])
def test_the_edge_half_gives_the_references_integers_and_answers(small, name):
    program = edge_pt2(small.program, small.files[name])
    half = loaded(program)

    for count in (1, 16):
        images = small.images[:count]
        message, answers = deploy(small.program, small.files[name]).edge((images,))
        wanted = [*message.tensors.values(), *answers.values()]
        got = half(images)
        assert len(got) == len(wanted)
        for one, want in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(one.numpy(), np.asarray(want))
    kinds = {
        str(n.target).partition(".")[0] for n in program.graph.nodes if n.op == "call_function"
    }
    assert "autosplit" not in kinds  # it runs where autosplit is not


def test_the_cloud_half_takes_packed_bytes(small):
    both = deploy(small.program, small.files["split"])
    message, _ = both.edge((small.images,))
    half = loaded(cloud_pt2(small.program, small.files["split"]))

    (got,) = half(*(torch.from_numpy(value) for value in server_inputs(message).values()))

    (want,) = both.cloud(message).values()
    torch.testing.assert_close(got, want)


def test_a_half_that_cannot_be_traced_is_one_line(small, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("no such operator\nand more")

    monkeypatch.setattr(torch.export, "export", refuse)
    with pytest.raises(ModelError, match=r"torch.export must trace the half, no such operator$"):
        edge_pt2(small.program, small.files["edge"])
