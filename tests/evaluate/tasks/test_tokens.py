"""Sequences: accuracy and perplexity are those of torchmetrics."""

import pytest
import torch
from torchmetrics.functional.text import perplexity

from autosplit.errors import DataError
from autosplit.evaluate.tasks.tokens import (
    NextTokenRecord,
    TokenRecord,
    read_next_tokens,
    read_tokens,
)

DRAWN = torch.Generator().manual_seed(0)
LOGITS = torch.randn(4, 6, 5, generator=DRAWN)
LABELS = torch.randint(5, (4, 6), generator=DRAWN)
LABELS[0, 3:] = -100


def filled(labels, read=read_tokens, record=TokenRecord, own=LOGITS):
    found = record(total=4)
    found.add(read((own,), labels, 4, (LOGITS,)))
    return found


def test_tokens_that_do_not_count_are_left_out():
    """21 tokens count; accuracy is over tokens, not over sentences."""
    known = LABELS != -100
    right = ((LOGITS.argmax(-1) == LABELS) & known).sum()

    assert filled(LABELS).scores()["token_accuracy"] == pytest.approx(float(right) / 21)


def test_the_next_token_is_compared_with_the_place_before():
    scores = filled(LABELS, read_next_tokens, NextTokenRecord).scores()

    expected = perplexity(LOGITS[:, :-1].double(), LABELS[:, 1:], ignore_index=-100)
    assert scores["perplexity"] == pytest.approx(float(expected), rel=1e-6)
    known = LABELS[:, 1:] != -100
    right = ((LOGITS[:, :-1].argmax(-1) == LABELS[:, 1:]) & known).sum()
    assert scores["next_token_accuracy"] == pytest.approx(float(right) / int(known.sum()))


def test_agreement_needs_no_labels():
    turned = LOGITS.clone()
    turned[:, 0] = -turned[:, 0]
    for read, record in ((read_tokens, TokenRecord), (read_next_tokens, NextTokenRecord)):
        scores = filled(None, read, record, turned).scores()

        assert scores["token_agreement"] == pytest.approx(5 / 6)
        assert scores[record.task.metric] is None


@pytest.mark.parametrize(
    ("own", "labels", "problem"),
    [
        (LOGITS[:, 0], None, r"\(batch, tokens, classes\), got \(4, 5\)"),
        (LOGITS, LABELS[:, 1:], r"each token of \(4, 6\), got labels of shape \(4, 5\)"),
        (LOGITS, LABELS.clamp_min(0) + 1, r"labels of tokens must be 0\.\.4, .*, got 5"),
    ],
)
def test_other_outputs_and_labels_are_refused(own, labels, problem):
    with pytest.raises(DataError, match=problem):
        filled(labels, own=own)
