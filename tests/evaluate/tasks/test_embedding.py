"""Embeddings: neighbours by brute force."""

import pytest
import torch

from autosplit.errors import DataError
from autosplit.evaluate.tasks.embedding import VectorRecord, read_vectors

DRAWN = torch.Generator().manual_seed(0)
VECTORS = torch.randn(40, 6, generator=DRAWN)
LABELS = torch.randint(3, (40,), generator=DRAWN)


def filled(own, labels, reference=VECTORS):
    record = VectorRecord(total=len(own))
    record.add(read_vectors((own,), labels, len(own), (reference,)))
    return record


def nearest(vectors):
    """The place of the nearest other vector of each, one by one."""
    found = []
    for i, one in enumerate(vectors):
        near = [
            (float(one @ other / one.norm() / other.norm()), j)
            for j, other in enumerate(vectors)
            if j != i
        ]
        found.append(max(near)[1])
    return torch.tensor(found)


def test_recall_is_a_count_of_neighbours():
    expected = (LABELS[nearest(VECTORS)] == LABELS).double().mean()

    scores = filled(VECTORS, LABELS).scores()
    assert scores["recall_at_1"] == pytest.approx(float(expected))
    assert (scores["cosine"], scores["same_neighbour"]) == (pytest.approx(1.0), 1.0)


def test_a_plan_is_compared_with_float():
    own = VECTORS + torch.randn(VECTORS.shape, generator=DRAWN)
    scores = filled(own, None).scores()

    cosine = [float(a @ b / a.norm() / b.norm()) for a, b in zip(own, VECTORS, strict=True)]
    same = (nearest(own) == nearest(VECTORS)).double().mean()
    assert scores["cosine"] == pytest.approx(sum(cosine) / 40, abs=1e-6)
    assert scores["same_neighbour"] == pytest.approx(float(same))
    assert scores["recall_at_1"] is None


def test_one_sample_has_no_neighbour():
    assert filled(VECTORS[:1], LABELS[:1], VECTORS[:1]).scores()["recall_at_1"] is None


@pytest.mark.parametrize(
    ("own", "labels", "problem"),
    [
        (torch.ones(4), None, r"\(batch, numbers\), got \(4,\)"),
        (torch.ones(4, 2), torch.ones(4, 2), r"each of 4 embeddings, .* shape \(4, 2\)"),
    ],
)
def test_other_answers_and_labels_are_refused(own, labels, problem):
    with pytest.raises(DataError, match=problem):
        filled(own, labels, own)
