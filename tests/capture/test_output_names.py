"""Names of outputs."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from autosplit.capture.capture import capture


@dataclass
class Answer:
    logits: torch.Tensor
    hidden: tuple


class Answering(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.layer, self.answer = nn.Linear(4, 3), answer

    def forward(self, x):
        return self.answer(self.layer(x))


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (lambda y: y, ("output",)),
        (lambda y: (y,), ("output",)),
        (lambda y: (y, y + 1), ("0", "1")),
        (lambda y: {"out": y, "aux": y + 1, "none": None}, ("out", "aux")),
        (lambda y: {"heads": [y, y * 2], "z": y + 1}, ("heads.0", "heads.1", "z")),
        (lambda y: Answer(y, (y + 1, y + 2)), ("logits", "hidden.0", "hidden.1")),
    ],
)
def test_outputs_have_the_names_that_the_network_gives_them(answer, names):
    program = capture(Answering(answer), (torch.zeros(2, 4),))

    assert program.answers == names
    assert len(program.run((torch.ones(3, 4),))) == len(names)
    assert program.batch_size is None
