"""What a network answers to its first samples; ``test_choice`` has what it tells of the task."""

import pytest
import torch
from torch import nn

from autosplit.capture.capture import capture
from autosplit.data.images import Images
from autosplit.data.python_batches import FunctionBatches
from autosplit.evaluate.choice import AskedTask, choose_task
from autosplit.evaluate.probe import Probe
from autosplit.runs.network import input_spec


class Tokens(nn.Module):
    """Scores of the next token, or of a class for each token."""

    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(9, 4), nn.Linear(4, 9)

    def forward(self, ids):
        return self.head(self.words(ids))


IDS = torch.randint(9, (8, 5), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (IDS, "language-modelling"),
        (torch.where(torch.arange(5) > 2, -100, IDS), "language-modelling"),
        (IDS.flip(1), "sequence-labelling"),
        (torch.full((8, 5), -100), "sequence-labelling"),
    ],
)
def test_labels_that_are_the_input_are_those_of_a_language_model(labels, task):
    program = capture(Tokens().eval(), IDS[:2])
    spec = input_spec(program)
    data = Images(FunctionBatches("data", "evaluation", 0, [(IDS, labels)], spec))
    choice = choose_task(Probe.of(program, data), AskedTask())

    assert choice.task.name == task
